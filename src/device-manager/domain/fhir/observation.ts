import { loincCode, type NormalizedData, type Observation } from '../../../measurement/coding.ts';
import { absence, bloodPressure, categoryOf, conceptOf, panels, pressures, profilesOf, UCUM } from './coding.ts';
import { electrocardiogram, electrocardiogramOf, isClassification } from './electrocardiogram.ts';
import { patientReference, type CodeableConcept, type FhirObservation, type ObservationComponent, type Quantity, type Valued } from './resources.ts';

/** A normalized sample and what else an Observation says of it. */
export interface Measurement {
  /** Identifier that stays while versions follow each other: that of the first one. */
  readonly head: string;
  readonly patientId: string;
  readonly device: string;
  readonly provider: string;
  readonly dataType: string | undefined;
  readonly normalizedType: string;
  /** As the sender gave it; undefined where senders give none. */
  readonly status: string | undefined;
  readonly withdrawn: boolean;
  /** Of the HealthKit sample, in lower case. */
  readonly uuid: string | undefined;
  readonly receivedAt: string;
  readonly updatedAt: string;
  readonly record: NormalizedData;
  /** As received, where a trace is to be read from it. */
  readonly rawData?: unknown;
}

type Notes = Readonly<Record<string, string>>;

const ABSENT = /Absent$/;
const isComparator = (text: string | undefined): text is NonNullable<Quantity['comparator']> => text !== undefined && ['<', '<=', '>=', '>'].includes(text);
const saidElsewhere = (name: string, text: string): boolean => name === 'sameAs' || name === 'wasUserEntered' || ABSENT.test(name) || (name === 'comparator' && isComparator(text));

const statuses: Readonly<Record<string, FhirObservation['status']>> = {
  registered: 'registered', preliminary: 'preliminary', final: 'final', amended: 'amended', corrected: 'corrected', unknown: 'unknown',
};

/** Conversion leaves noise in the last digits of a binary fraction, which in FHIR would claim precision; and there is no negative zero. */
const decimal = (value: number): number => Number(value.toPrecision(12)) + 0;

const quantity = ({ value, unit, unitCode, annotation }: Observation): Quantity => {
  const comparator = annotation?.['comparator'];
  return { value: decimal(value), ...(isComparator(comparator) && { comparator }), unit, system: UCUM, code: unitCode };
};

const notesOf = (annotations: readonly Notes[]): { note?: readonly { readonly text: string }[] } => {
  const all = new Set(annotations.flatMap((one) => Object.entries(one).filter(([name, text]) => !saidElsewhere(name, text)).map(([name, text]) => `${name}: ${text}`)));
  return all.size > 0 ? { note: [...all].map((text) => ({ text })) } : {};
};

const manualEntry: CodeableConcept = { coding: [{ system: 'urn:vitalgate:recording-method', code: 'manual-entry', display: 'Manual entry' }], text: 'Manual entry' };
const enteredByHand = (annotations: readonly Notes[]): boolean => annotations.some(({ wasUserEntered }) => wasUserEntered === 'true' || wasUserEntered === '1');

const effectiveOf = ({ startDate, endDate }: NormalizedData['period']) =>
  endDate === undefined ? { effectiveDateTime: startDate } : { effectivePeriod: { start: startDate, end: endDate } };

const resource = (measured: Measurement, code: CodeableConcept, local: string, value: Valued | Pick<FhirObservation, 'component' | 'valueCodeableConcept'>, annotations: readonly Notes[]): FhirObservation => {
  const { head, patientId, provider, uuid, record, normalizedType, status, withdrawn, updatedAt } = measured;
  const id = `${head}-${local}`.slice(0, 64);
  const profile = profilesOf(code);
  return {
    resourceType: 'Observation', id,
    meta: { versionId: String(Date.parse(updatedAt)), lastUpdated: updatedAt, ...(profile.length > 0 && { profile }) },
    identifier: [...(uuid === undefined ? [] : [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${uuid}` }]), { system: 'urn:vitalgate:observation', value: id }],
    status: withdrawn ? 'entered-in-error' : (statuses[status ?? 'final'] ?? 'final'),
    category: [categoryOf(code, normalizedType)], code,
    subject: patientReference(patientId), ...effectiveOf(record.period), issued: measured.receivedAt,
    ...value, ...notesOf(annotations), ...(provider === 'healthkit' && enteredByHand(annotations) && { method: manualEntry }),
    device: { reference: `Device/${measured.device}`, type: 'Device' },
  };
};

/** What the sender said it has no value for, by metric. */
const absencesIn = (observations: readonly Observation[]): Notes =>
  Object.fromEntries(observations.flatMap(({ annotation = {} }) => Object.entries(annotation).filter(([name]) => ABSENT.test(name)).map(([name, reason]) => [name.replace(ABSENT, ''), reason])));

const componentsOf = (observations: readonly Observation[], absent: Notes): ObservationComponent[] =>
  Object.entries(pressures).flatMap(([code, { metric, name, required }]): ObservationComponent[] => {
    const found = observations.find((one) => loincCode(one.code) === code);
    const concept = conceptOf({ code, name });
    if (found) return [{ code: concept, valueQuantity: quantity(found) }];
    return required || absent[metric] !== undefined ? [{ code: concept, dataAbsentReason: absence(absent[metric] ?? 'unknown') }] : [];
  });

const isPressure = ({ code }: Observation): boolean => Object.hasOwn(pressures, loincCode(code));

/** The end of an identifier: the LOINC code, or the last part of one of our own. */
const localOf = (code: string): string => loincCode(code).replace(/^.*[:/]/, '');

/** The same of one of several: a second value of a code, such as a heart rate and a pulse, is another resource. */
const localIn = (observations: readonly Observation[], position: number): string => {
  const local = localOf(observations[position]?.code ?? '');
  const before = observations.slice(0, position).filter(({ code }) => localOf(code) === local).length;
  return before === 0 ? local : `${local}-${String(before + 1)}`;
};

/** Notes of values that are components: of one of several they name it; in what unit each was sent stands in what was received. */
const panelNotes = (observations: readonly Observation[]): Notes[] =>
  observations.map(({ name, annotation = {} }) => {
    const told = Object.entries(annotation).filter(([note]) => note !== 'measuredUnit');
    return Object.fromEntries(told.map(([note, text]) => [observations.every((other) => other.annotation?.[note] === text) ? note : `${name}: ${note}`, text]));
  });

/** All values of a record in one Observation, where they belong together. */
const panelOf = (measured: Measurement, dataType: string | undefined): FhirObservation[] | undefined => {
  const [panel, { observations }] = [panels[measured.normalizedType], measured.record];
  if (measured.provider !== 'healthkit' || panel === undefined) return undefined;
  const component = observations.map((one): ObservationComponent => ({ code: conceptOf(one), valueQuantity: quantity(one) }));
  return component.length === 0 ? [] : [resource(measured, conceptOf(panel, dataType), localOf(panel.code), { component }, panelNotes(observations))];
};

/** The trace of a watch. */
const tracesOf = (measured: Measurement, dataType: string | undefined): FhirObservation[] => {
  const { observations, attachments = [] } = measured.record;
  const trace = measured.normalizedType === 'ecg' && measured.provider === 'healthkit' ? attachments.find(({ code }) => loincCode(code) === electrocardiogram.code) : undefined;
  return trace ? [resource(measured, conceptOf(electrocardiogram, dataType), electrocardiogram.code, electrocardiogramOf(observations, trace, measured.rawData), [])] : [];
};

/**
 * The Observations of one normalized sample: blood pressures together, so too meals, workouts and the like, every other value for itself.
 * An identifier is that of the sample with the code, and a number from the second value of a code on, so it stays through corrections. A record that holds documents alone has none.
 */
export const observationsOf = (measured: Measurement): FhirObservation[] => {
  const dataType = measured.provider === 'healthkit' ? measured.dataType : undefined;
  const panel = panelOf(measured, dataType);
  if (panel) return panel;
  const traces = tracesOf(measured, dataType);
  const observations = measured.record.observations.filter((one) => traces.length === 0 || !isClassification(one));
  const together = observations.filter(isPressure);
  const absent = absencesIn(observations);
  const pressed = together.length === 0 ? [] : [
    resource(measured, conceptOf(bloodPressure, dataType), localOf(bloodPressure.code), { component: componentsOf(together, absent) }, together.map(({ annotation = {} }) => annotation)),
  ];
  const single = observations.filter((one) => !isPressure(one));
  return [...traces, ...pressed, ...single.map((one, position) => resource(measured, conceptOf(one, dataType), localIn(single, position), { valueQuantity: quantity(one) }, [one.annotation ?? {}]))];
};

/** What would have been measured, where the sender has no value at all; `asked` is the quantity, `reason` the sender's. */
export const absentObservation = (measured: Measurement, asked: Pick<Observation, 'code' | 'name'>, reason: string): FhirObservation => {
  const dataType = measured.provider === 'healthkit' ? measured.dataType : undefined;
  if (!Object.hasOwn(pressures, loincCode(asked.code))) return resource(measured, conceptOf(asked, dataType), localOf(asked.code), { dataAbsentReason: absence(reason) }, []);
  const absent = Object.fromEntries(Object.values(pressures).filter(({ required }) => required).map(({ metric }) => [metric, reason]));
  return resource(measured, conceptOf(bloodPressure, dataType), localOf(bloodPressure.code), { component: componentsOf([], absent) }, []);
};

/** A code asked for: in one system, or in any. */
export interface WantedCode {
  readonly system?: string;
  readonly code: string;
}

/** Whether an Observation is coded as one of the wanted; its components do not count. */
export const hasCode = ({ code: { coding = [] } }: FhirObservation, wanted: readonly WantedCode[]): boolean =>
  coding.some((one) => wanted.some(({ system, code }) => one.code === code && (system === undefined || one.system === system)));
