import type { ExportElement } from './export-reader.ts';

/** An item of an upload, in the words of react-native-health. */
export type ImportedItem = Readonly<Record<string, unknown>> & { readonly type: string };

/** An item with the files of the archive that belong to it. */
export interface ImportedElement {
  readonly item: ImportedItem;
  /** Paths of GPX files: the route of a workout. */
  readonly routes: readonly string[];
  /** The path of the FHIR resource of a clinical record. */
  readonly resource?: string;
}

const DECIMAL = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const number = (text: string | undefined): number | string | undefined => (text !== undefined && DECIMAL.test(text) ? Number(text) : text);

const childrenNamed = ({ children }: ExportElement, name: string): ExportElement[] => children.filter((child) => child.name === name);

/** Where it stands in memory on the phone changes with each export. */
const deviceOf = (text: string | undefined): string | undefined => text?.replace(/^<<HKDevice: 0x[0-9a-f]+>, /, '<');

/** Values stay text, for many are names made of digits alone; whoever reads a number of them reads it in text. */
const metadataOf = (element: ExportElement): Readonly<Record<string, string>> | undefined => {
  const entries = childrenNamed(element, 'MetadataEntry').map(({ attributes: { key = '', value = '' } }) => [key, value] as const);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
};

/** What all samples have; members that an export does not have are left out. */
const common = (element: ExportElement): Readonly<Record<string, unknown>> => {
  const { sourceName, sourceVersion, device, startDate, endDate } = element.attributes;
  return { sourceName, sourceVersion, device: deviceOf(device), startDate, endDate, metadata: metadataOf(element) };
};

const defined = (members: Readonly<Record<string, unknown>>): Record<string, unknown> => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
const item = (type: string, ...members: readonly Readonly<Record<string, unknown>>[]): ImportedItem => ({ type, ...defined(Object.assign({}, ...members) as Record<string, unknown>) });
const alone = (made: ImportedItem): ImportedElement => ({ item: made, routes: [] });

/** `frequencyValue` and `frequencyUnit` as one quantity. */
const quantityOf = (attributes: ExportElement['attributes'], name: string): Readonly<Record<string, unknown>> | undefined => {
  const [value, unit] = [attributes[`${name}Value`], attributes[`${name}Unit`]];
  return value === undefined ? undefined : defined({ quantity: number(value), unit });
};

const nutrientOf = ({ attributes: { type, unit, value } }: ExportElement): Readonly<Record<string, unknown>> => defined({ quantityType: type, quantity: number(value), unit });

const recordItem = (element: ExportElement): ImportedElement => {
  const { type = '', unit, value } = element.attributes;
  const beats = childrenNamed(element, 'HeartRateVariabilityMetadataList').flatMap((list) => list.children.map(({ attributes }) => ({ bpm: number(attributes['bpm']), time: attributes['time'] })));
  return alone(item(type, common(element), { unit, value: number(value), ...(beats.length > 0 && { instantaneousBeats: beats }) }));
};

/** A pair of pressures reads as react-native-health gives it; what a meal is made of, as react-native-healthkit does. */
const correlationItem = (element: ExportElement): ImportedElement => {
  const { type = '' } = element.attributes;
  if (type === 'HKCorrelationTypeIdentifierFood') return alone(item(type, common(element), { objects: childrenNamed(element, 'Record').map(nutrientOf) }));
  const of = (end: string) => childrenNamed(element, 'Record').find(({ attributes }) => attributes['type']?.endsWith(end) === true)?.attributes;
  const [systolic, diastolic] = [of('BloodPressureSystolic'), of('BloodPressureDiastolic')];
  return alone(item(type, common(element), { bloodPressureSystolicValue: number(systolic?.['value']), bloodPressureDiastolicValue: number(diastolic?.['value']), unit: systolic?.['unit'] }));
};

/** Hearing thresholds, one object for each frequency. */
const audiogramItem = (element: ExportElement): ImportedElement => {
  const points = element.children.filter(({ name }) => /^sensitivityPoint$/i.test(name)).map(({ attributes }) =>
    defined({ frequency: quantityOf(attributes, 'frequency'), leftEarSensitivity: quantityOf(attributes, 'leftEar'), rightEarSensitivity: quantityOf(attributes, 'rightEar') }));
  return alone(item('HKDataTypeIdentifierAudiogram', common(element), { sensitivityPoints: points }));
};

/** A lens has the unit of each of its values beside it. */
const lensOf = (element: ExportElement, eye: string): Readonly<Record<string, unknown>> | undefined => {
  const [lens] = childrenNamed(element, eye);
  return lens && Object.fromEntries(Object.entries(lens.attributes).map(([name, text]) => [name, name.endsWith('Unit') ? text : number(text)]));
};

const midnightOf = (day: string): string => `${day}T00:00:00.000`;

/** It holds from the day it was issued; that it ends is a note. */
const prescriptionItem = (element: ExportElement): ImportedElement => {
  const { type, dateIssued, expirationDate, brand } = element.attributes;
  return alone(item('HKVisionPrescriptionTypeIdentifier', common(element), {
    startDate: dateIssued?.replace(/^\d{4}-\d{2}-\d{2}$/, midnightOf), prescriptionType: type, expirationDate, brand, rightEye: lensOf(element, 'RightEye'), leftEye: lensOf(element, 'LeftEye'),
  }));
};

const workoutItem = (element: ExportElement): ImportedElement => {
  const { workoutActivityType, duration, durationUnit, totalDistance, totalDistanceUnit, totalEnergyBurned, totalEnergyBurnedUnit } = element.attributes;
  const quantity = (value: string | undefined, unit: string | undefined) => (value === undefined ? undefined : { quantity: number(value), ...(unit !== undefined && { unit }) });
  const events = childrenNamed(element, 'WorkoutEvent').map(({ attributes }) => attributes);
  const statistics = childrenNamed(element, 'WorkoutStatistics').map(({ attributes }) => Object.fromEntries(Object.entries(attributes).map(([name, text]) => [name, ['sum', 'average', 'minimum', 'maximum'].includes(name) ? number(text) : text])));
  const routes = childrenNamed(element, 'WorkoutRoute').flatMap((route) => childrenNamed(route, 'FileReference').flatMap(({ attributes }) => attributes['path'] ?? []));
  return {
    routes,
    item: item('HKWorkoutTypeIdentifier', common(element), {
      activityName: workoutActivityType?.replace(/^HKWorkout(Activity)?Type(Identifier)?/, ''), duration: quantity(duration, durationUnit),
      totalDistance: quantity(totalDistance, totalDistanceUnit), totalEnergyBurned: quantity(totalEnergyBurned, totalEnergyBurnedUnit),
      ...(events.length > 0 && { workoutEvents: events }), ...(statistics.length > 0 && { statistics }),
    }),
  };
};

const DAY_MS = 86_400_000;

/** A day has no offset of its own, and that of the export is of another season for half of the year: it begins and ends at midnight of the zone of the upload. */
const summaryItem = (element: ExportElement): ImportedElement => {
  const { dateComponents: day = '', ...goals } = element.attributes;
  const next = Number.isNaN(Date.parse(day)) ? day : new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);
  return alone(item('HKActivitySummaryTypeIdentifier', { startDate: midnightOf(day), endDate: midnightOf(next) }, Object.fromEntries(Object.entries(goals).map(([name, text]) => [name, number(text)]))));
};

/** A characteristic has no date of its own: it held when the export was made. */
const characteristicItems = ({ attributes }: ExportElement, exportDate: string | undefined): ImportedElement[] =>
  exportDate === undefined ? [] : Object.entries(attributes).map(([type, value]) => alone(item(type, { value, startDate: exportDate })));

const clinicalItem = (element: ExportElement): ImportedElement => {
  const { type = '', identifier, sourceName, fhirVersion, receivedDate, resourceFilePath } = element.attributes;
  return { routes: [], ...(resourceFilePath !== undefined && { resource: resourceFilePath }), item: item(type, { identifier, sourceName, fhirVersion, startDate: receivedDate }) };
};

const otherItem = (element: ExportElement): ImportedElement => {
  const { type = `HKDataTypeIdentifier${element.name}`, ...others } = element.attributes;
  return alone(item(type, others, common(element), ...(element.children.length === 0 ? [] : [{ parts: element.children.map(({ name, attributes }) => ({ name, ...attributes })) }])));
};

/** The items of one element of an export; none for what is about the export itself. `exportDate` is when it was made. */
export const itemsOfElement = (element: ExportElement, exportDate: string | undefined): readonly ImportedElement[] => {
  switch (element.name) {
    case 'ExportDate': return [];
    case 'Record': return [recordItem(element)];
    case 'Correlation': return [correlationItem(element)];
    case 'Workout': return [workoutItem(element)];
    case 'ActivitySummary': return [summaryItem(element)];
    case 'Me': return characteristicItems(element, exportDate);
    case 'ClinicalRecord': return [clinicalItem(element)];
    case 'Audiogram': return [audiogramItem(element)];
    case 'VisionPrescription': return [prescriptionItem(element)];
    default: return [otherItem(element)];
  }
};
