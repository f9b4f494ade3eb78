import type { ChartedTypes } from './charts.ts';
import { seriesName } from './domain/chart.ts';
import type { HealthDataType } from './domain/rule.ts';
import type { RuleBook } from './rule-book.ts';

const targetsIn = ({ observations }: HealthDataType) => observations.flatMap((rule) => ('event' in rule ? [] : rule.targets));

/** The types of all versions, for old records stay. */
export const typesOf = async (ruleBook: RuleBook) => (await ruleBook.current()).versions.map(({ type }) => type);

/** What charts know of the rules: their types, and the series whose values add up. */
export const chartedTypes = async (ruleBook: RuleBook): Promise<ChartedTypes> => {
  const types = await typesOf(ruleBook);
  const cumulative = types.flatMap(targetsIn).filter((target) => target.cumulative === true).map(({ code, unitCode }) => seriesName(code, unitCode));
  return { normalizedTypes: [...new Set(types.map(({ normalizedDataType }) => normalizedDataType))], cumulative: new Set(cumulative) };
};
