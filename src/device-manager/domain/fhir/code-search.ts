import type { HealthDataType } from '../rule.ts';
import { bloodPressure, codingsFor, conceptOf, HEALTHKIT, panels, pressures } from './coding.ts';
import type { WantedCode } from './observation.ts';
import type { FhirCoding } from './resources.ts';

/** Reads a `code` of a FHIR search: tokens separated by commas, each `code`, `system|code` or `|code`. Undefined when one is none. */
export const readCodes = (text: string): WantedCode[] | undefined => {
  const tokens = text.split(',').map((one) => one.split('|'));
  if (tokens.some((parts) => parts.length > 2 || parts.at(-1) === '')) return undefined;
  return tokens.map(([first = '', second]) => (second === undefined ? { code: first } : { system: first, code: second }));
};

/** The codes of the Observations that a rule makes. */
const codingsOf = ({ observations, attachments = [], providerId, normalizedDataType }: HealthDataType): FhirCoding[] => {
  const panel = providerId === 'healthkit' ? panels[normalizedDataType] : undefined;
  if (panel) return codingsFor(panel.code, panel.name);
  const targets: readonly { readonly code: string; readonly name: string }[] = observations.flatMap<{ readonly code: string; readonly name: string }>((rule) => ('event' in rule ? Object.values(rule.events) : rule.targets));
  return [...targets, ...attachments].flatMap(({ code, name }) => (Object.hasOwn(pressures, code) ? (conceptOf(bloodPressure).coding ?? []) : codingsFor(code, name)));
};

/** The rule that a sample would have been normalized by, and the quantity it is about; undefined when there is none. */
export const askedOf = (types: readonly HealthDataType[], providerId: string, dataType: string): { readonly type: HealthDataType; readonly target: { readonly code: string; readonly name: string } } | undefined => {
  const type = types.find((one) => one.providerId === providerId && one.dataTypes.some((name) => name.toLowerCase() === dataType.toLowerCase()));
  const quantities = type?.observations.filter((one) => 'targets' in one) ?? [];
  const rule = quantities.find(({ required }) => required === true) ?? quantities[0];
  const target = rule?.targets[0];
  return type && target && { type, target };
};

/** What can hold samples of some codes: rules, and types of HealthKit, whose name is a code as well. */
export const rulesAndTypesFor = (types: readonly HealthDataType[], wanted: readonly WantedCode[]): { rules: string[]; types: string[] } => {
  const making = types.filter((type) => codingsOf(type).some((one) => wanted.some(({ system, code }) => one.code === code && (system === undefined || one.system === system))));
  const named = wanted.filter(({ system }) => system === undefined || system === HEALTHKIT).map(({ code }) => code);
  return { rules: making.map(({ identifier }) => identifier), types: [...new Set([...named, ...making.flatMap(({ dataTypes }) => dataTypes)])] };
};
