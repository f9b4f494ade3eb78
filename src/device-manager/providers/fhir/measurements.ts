import { halves } from '../../domain/version.ts';
import codes from './codes.json' with { type: 'json' };
import { wordOf } from '../../../measurement/stated-text.ts';
import { codingsIn, listIn, resourceIn, textIn, type Resource } from './resource.ts';
import { channelOf, conceptText, valueOf } from './value.ts';

/** What an Observation measures, in Medisanté's names: the type, and the members of `measurements`. */
export interface Measurements {
  readonly type?: string | undefined;
  /** Which value of its type it is: the name of its metric, empty for a panel; all its codes where only they tell one from another. */
  readonly name: string;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Which half of a blood pressure an Observation without components is. */
  readonly half: (typeof halves)[number] | undefined;
  /** Where parts of `measurements` stand in the Observation, as JSON pointers. */
  readonly sources: Readonly<Record<string, string>>;
}

/** What a code means; `alone` is the type of what usually stands beside another value, where that one is not there. */
type Known = readonly [type: string, metric?: string, alone?: string];

const systems = ['http://loinc.org', 'urn:iso:std:iso:11073:10101'] as const;

const knownCode = (concept: unknown): Known | undefined => {
  const codings = codingsIn(concept);
  const found = systems.flatMap((system) => codings.filter((one) => one.system === system).map(({ code }) => (Object.hasOwn(codes[system], code) ? (codes[system] as unknown as Record<string, Known>)[code] : undefined)));
  return found.find((one) => one !== undefined);
};

const senderCode = (concept: unknown): string | undefined => {
  const [coding] = codingsIn(concept);
  return coding && (coding.system === '' ? coding.code : `${coding.system}|${coding.code}`).slice(0, 128);
};

/** A code nobody knows is read by its parts, when they are all of one type. */
const typeOf = (own: Known | undefined, parts: readonly Known[]): string | undefined => {
  const types = new Set(parts.map(([type]) => type));
  const type = own?.[0] ?? (types.size === 1 ? [...types][0] : undefined);
  const known = [...(own ? [own] : []), ...parts].filter(([one]) => one === type);
  return known.every(([, , alone]) => alone !== undefined) ? known[0]?.[2] : type;
};

/** The leads of an electrocardiogram, and what nobody knows, differ by their codes alone. */
const nameOf = (own: Known | undefined, code: unknown): string =>
  own === undefined || own[0] === 'ECG' ? codingsIn(code).map((one) => `${one.system}|${one.code}`).sort().join(' ') : (own[1] ?? '');

const marks = (observation: Resource): Record<string, string> => {
  const status = textIn(observation['status']);
  const interpretation = codingsIn(listIn(observation['interpretation'])[0])[0]?.code;
  return { ...(status !== undefined && status !== 'final' && { status: status.slice(0, 30) }), ...(interpretation !== undefined && { interpretation: interpretation.slice(0, 30) }) };
};

const addComponent = (component: Resource, metrics: Record<string, unknown>, annotations: Record<string, string>): void => {
  const value = valueOf(component);
  const name = knownCode(component['code'])?.[1];
  const given = value?.['value'];
  if (value === undefined || (name === undefined && given === undefined)) return;
  const label = conceptText(component['code']) ?? senderCode(component['code']) ?? 'component';
  if (name === undefined && (typeof given !== 'number' || component['valueQuantity'] === undefined)) annotations[label.slice(0, 100)] = (typeof given === 'object' ? 'kept' : wordOf(given)).slice(0, 500);
  else metrics[name ?? label] ??= value;
};

const addChannels = (observation: Resource, components: readonly Resource[], metrics: Record<string, unknown>, sources: Record<string, string>): void => {
  const whole = observation['valueSampledData'];
  const channels = components.flatMap((one) => (one['valueSampledData'] === undefined ? [] : [channelOf(conceptText(one['code']), resourceIn(one['valueSampledData']))]));
  if (whole === undefined && channels.length === 0) return;
  metrics['ecgSamples'] = { samples: whole === undefined ? channels : [channelOf(undefined, resourceIn(whole)), ...channels] };
  sources['/measurements/ecgSamples'] = whole === undefined ? '/component' : '/valueSampledData';
};

const complete = (type: string | undefined, metrics: Record<string, unknown>): void => {
  if (type !== 'BloodPressure' || Object.keys(metrics).length === 0) return;
  for (const name of halves) metrics[name] ??= { absentReason: 'not-sent' };
};

/**
 * Reads an Observation: its type by LOINC, else MDC code, its value and its components by theirs. A blood pressure of which one half
 * is missing says so; what has no name with us is handed on under its own.
 */
export const measurementsOf = (observation: Resource): Measurements => {
  const components = listIn(observation['component']);
  const own = knownCode(observation['code']);
  const type = typeOf(own, components.map(({ code }) => knownCode(code)).filter((known) => known !== undefined));
  const metrics: Record<string, unknown> = {};
  const annotations = marks(observation);
  const sources: Record<string, string> = {};
  if (type === 'ECG') addChannels(observation, components, metrics, sources);
  const value = type === 'ECG' && metrics['ecgSamples'] !== undefined ? undefined : valueOf(observation);
  // A panel whose value is absent has no metric of its own: each of its components says why.
  const name = own?.[1] ?? (value?.['value'] === undefined ? undefined : 'value');
  if (value && name !== undefined) metrics[name] = value;
  for (const component of components.filter((one) => type !== 'ECG' || one['valueSampledData'] === undefined)) addComponent(component, metrics, annotations);
  if (own !== undefined && own[1] === undefined && value?.['absentReason'] !== undefined && type === 'BloodPressure') {
    for (const half of halves) metrics[half] ??= value;
  }
  complete(type, metrics);
  const half = components.length === 0 ? halves.find((one) => one === own?.[1]) : undefined;
  return { type: type ?? senderCode(observation['code']), name: nameOf(own, observation['code']), half, metrics, annotations, sources };
};
