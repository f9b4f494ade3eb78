import { builtInTypes } from '../../src/device-manager/catalogue/built-in-types.ts';
import type { HealthDataType, Target } from '../../src/device-manager/domain/rule.ts';
import types from '../../src/healthkit/types.json' with { type: 'json' };

const intro = `# HealthKit types

Made from the catalogues of \`src/healthkit/\` and \`src/device-manager/catalogue/\` by \`npm run generate\`; do not edit it here.

A type may be called by Apple's identifier or by any other name listed, whatever its letter case and separators. Units are UCUM. A
sample without a unit is taken to be in the one that react-native-health sends by default, and says so. A code without a link is
LOINC; *Apple* means that no LOINC code says the same for certain, so that the record has Apple's own. *Resource* and *track* are no values:
the record names the resource of FHIR, the track or the trace, which stays in what was received. A type that is not listed is kept as it
was received, and waits for a rule (\`no-rule\`). Of a type with many values the first are named; all are at \`GET /health-data-types\`.

| identifier | kind | other names | code | unit | default unit | plausible | as |
|---|---|---|---|---|---|---|---|
`;

const byType = new Map(builtInTypes.filter(({ providerId }) => providerId === 'healthkit').flatMap((rule) => rule.dataTypes.map((dataType) => [dataType, rule] as const)));

/** Codes, units and ranges of one type that the page names. */
const MOST = 6;

const codeCell = (code: string): string => (code.startsWith('http') ? 'Apple' : code);

const listed = (texts: readonly string[]): string => {
  const unique = [...new Set(texts)].filter((text) => text !== '');
  return unique.length > MOST ? `${unique.slice(0, MOST).join(', ')}, …` : unique.join(', ');
};

const kept = ({ attachments = [] }: HealthDataType): readonly string[] =>
  attachments.map(({ kind, code, name }) => (kind === 'resource' ? 'resource' : `${name.startsWith('Workout') ? 'track' : 'trace'}${code.startsWith('http') ? '' : ` ${code}`}`));

const rangeText = ({ plausible, plausibleIfAssumed }: Target): string => {
  const assumed = plausibleIfAssumed === undefined ? '' : ` (${plausibleIfAssumed.join(' to ')} where the unit is assumed)`;
  return `${plausible?.join(' to ') ?? ''}${assumed}`;
};

const ruleCells = (rule: HealthDataType | undefined): readonly [codes: string, units: string, plausible: string, normalized: string] => {
  if (!rule) return ['', '', '', ''];
  const targets = rule.observations.flatMap((one) => ('event' in one ? [] : one.targets));
  const events = rule.observations.flatMap((one) => ('event' in one ? [one] : []));
  const codes = [...targets.map(({ code }) => codeCell(code)), ...events.map(() => 'Apple (one for each value)'), ...kept(rule)];
  const units = [...targets.map(({ unitCode }) => unitCode), ...events.map(({ duration }) => (duration === true ? 'min' : '{event}'))];
  return [listed(codes), listed(units), listed(targets.map(rangeText)), rule.normalizedDataType];
};

/** docs/healthkit-types.md: each type that is known by name, and what becomes of it. */
export const healthKitTypesPage = (): string => {
  const rows = types.map((type) => {
    const [codes, units, plausible, normalized] = ruleCells(byType.get(type.identifier));
    const defaultUnit = 'defaultUnit' in type && typeof type.defaultUnit === 'string' ? type.defaultUnit : '';
    return `| \`${type.identifier}\` | ${type.kind} | ${type.aliases.join(', ')} | ${codes} | ${units} | ${defaultUnit} | ${plausible} | ${normalized} |`;
  });
  return `${intro}${rows.join('\n')}\n`;
};
