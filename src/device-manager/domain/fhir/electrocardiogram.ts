import { loincCode, type Attachment, type Observation } from '../../../measurement/coding.ts';
import { at, membersOf } from '../rule.ts';
import { absence, codingsFor, UCUM } from './coding.ts';
import type { CodeableConcept, FhirCoding, ObservationComponent, SampledData } from './resources.ts';

/** What an electrocardiogram is an Observation of (LOINC), and its only lead on a watch (ISO/IEEE 11073, as in the example of FHIR R4). */
export const electrocardiogram = { code: '11524-6', name: 'EKG study' };
const leadI: FhirCoding = { system: 'urn:oid:2.16.840.1.113883.6.24', code: '131329', display: 'MDC_ECG_ELEC_POTL_I' };

const CLASSIFICATION = /HKElectrocardiogram\/Classification\//;

/** Whether a value says what the rhythm was taken for. */
export const isClassification = ({ code }: Observation): boolean => CLASSIFICATION.test(code);

type Point = readonly [seconds: number | undefined, microvolts: number];

const number = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

/** Volts are what HealthKit's bridges hand out; Health Auto Export names its unit. */
const microvoltsIn: ReadonlyMap<unknown, number> = new Map([['V', 1e6], ['mV', 1e3], ['mcV', 1], ['uV', 1], ['µV', 1]]);

/** One value of react-native-health (`[s, V]`), of react-native-healthkit and Flutter (`{timeSinceSampleStart, voltage}`), or of Health Auto Export. */
const pointOf = (given: unknown): Point | undefined => {
  if (Array.isArray(given)) {
    const [seconds, volts] = [number(given[0]), number(given[1])];
    return volts === undefined ? undefined : [seconds, volts * 1e6];
  }
  const { timeSinceSampleStart, voltage, units = 'V' } = membersOf(given);
  const [value, factor] = [number(voltage), microvoltsIn.get(units)];
  return value === undefined || factor === undefined ? undefined : [number(timeSinceSampleStart), value * factor];
};

const frequencyOf = (rawData: unknown): number | undefined =>
  ['/samplingFrequency', '/samplingFrequencyHz', '/value/samplingFrequency'].map((pointer) => number(at(rawData, pointer))).find((hertz) => hertz !== undefined && hertz > 0);

/** Whether every value is where the frequency says, to half the distance of two: FHIR has no times of its own for them. */
const isEven = (points: readonly Point[], periodMs: number): boolean => {
  const [start = 0] = points[0] ?? [];
  return points.every(([seconds], index) => seconds === undefined || Math.abs((seconds - start) * 1000 - index * periodMs) < periodMs / 2);
};

const decimal = (value: number, digits: number): number => Number(value.toFixed(digits)) + 0;

/** The trace of a recording in microvolts, to a nanovolt; undefined where a value is none, or they are not at equal distances. */
const traceOf = (rawData: unknown, pointer: string): SampledData | undefined => {
  const given = at(rawData, pointer);
  const frequency = frequencyOf(rawData);
  if (!Array.isArray(given) || given.length === 0 || frequency === undefined) return undefined;
  const points = given.map(pointOf);
  const periodMs = 1000 / frequency;
  if (!points.every((point) => point !== undefined) || !isEven(points, periodMs)) return undefined;
  return {
    origin: { value: 0, unit: 'µV', system: UCUM, code: 'uV' }, period: decimal(periodMs, 6), dimensions: 1,
    data: points.map(([, microvolts]) => String(decimal(microvolts, 3))).join(' '),
  };
};

const rhythm = (observations: readonly Observation[]): { valueCodeableConcept?: CodeableConcept } => {
  const found = observations.find(isClassification);
  return found ? { valueCodeableConcept: { coding: codingsFor(loincCode(found.code), found.name), text: found.name } } : {};
};

/** The rhythm and the trace of a recording; a trace that cannot be told as FHIR tells it is absent, and stays in what was received; one that is kept no more is unknown. */
export const electrocardiogramOf = (observations: readonly Observation[], { pointer }: Attachment, rawData: unknown): { valueCodeableConcept?: CodeableConcept; component: readonly ObservationComponent[] } => {
  const trace = traceOf(rawData, pointer);
  const code: CodeableConcept = { coding: [leadI], text: 'Lead I' };
  return { ...rhythm(observations), component: [trace ? { code, valueSampledData: trace } : { code, dataAbsentReason: absence(rawData === undefined ? 'unknown' : 'unsupported') }] };
};
