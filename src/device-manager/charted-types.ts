import type { ChartedTypes } from './charts.ts';
import { seriesName } from './domain/chart.ts';
import type { HealthDataType } from './domain/rule.ts';
import type { RuleBook } from './rule-book.ts';

interface Series {
  readonly name: string;
  readonly isCumulative: boolean;
  /** Several sources that measure the same would add up to too much; events of several are as many events. */
  readonly isOverlapping: boolean;
}

/** The series that a type makes: quantities say whether they add up; events and their minutes always do. What adds up overlaps unless the rule says that it does not. */
const seriesIn = ({ observations }: HealthDataType): Series[] =>
  observations.flatMap((rule) => 'event' in rule
    ? Object.values(rule.events).map(({ code }) => ({ name: seriesName(code, rule.duration === true ? 'min' : '{event}'), isCumulative: true, isOverlapping: rule.duration === true && rule.overlapping !== false }))
    : rule.targets.map(({ code, unitCode, cumulative = false, overlapping = true }) => ({ name: seriesName(code, unitCode), isCumulative: cumulative, isOverlapping: cumulative && overlapping })));

/** The types of all versions, for old records stay. */
export const typesOf = async (ruleBook: RuleBook) => (await ruleBook.current()).versions.map(({ type }) => type);

/**
 * What charts know of the rules: their types, and the series whose values add up. The rules that hold say so, and earlier versions where
 * none of them makes a series any more.
 */
export const chartedTypes = async (ruleBook: RuleBook): Promise<ChartedTypes> => {
  const { versions, inForce } = await ruleBook.current();
  const current = inForce.flatMap(seriesIn);
  const known = new Set(current.map(({ name }) => name));
  const all = [...current, ...versions.flatMap(({ type }) => seriesIn(type)).filter(({ name }) => !known.has(name))];
  const namesWhere = (holds: (series: Series) => boolean): ReadonlySet<string> => new Set(all.filter(holds).map(({ name }) => name));
  return {
    normalizedTypes: [...new Set(versions.map(({ type }) => type.normalizedDataType))],
    cumulative: namesWhere(({ isCumulative }) => isCumulative), overlapping: namesWhere(({ isOverlapping }) => isOverlapping),
  };
};
