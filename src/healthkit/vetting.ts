import type { Instant } from '../measurement/instant.ts';
import { deviceOfItem, type EnrolledDevice } from './enrolment.ts';
import { datesOfItem, faultOfEnd } from './item-dates.ts';
import { itemError, type ItemCode, type ItemError } from './item-error.ts';
import { identityOf, isUuid, sourceOf, syncVersionOf, valueText, type SyncVersion } from './item-identity.ts';
import { hasNumberAsText, judgeValue, unitOfItem, type EffectiveUnit, type ItemFault } from './item-value.ts';
import { longTextIn } from './long-text.ts';
import { longestPeriodMs, totalOf } from './period-total.ts';
import type { ShapedItem } from './shapes/shape.ts';
import { typeOfItem } from './type-catalogue.ts';

type Item = Readonly<Record<string, unknown>>;

/** What the query of an upload says about all its items. */
export interface Batch {
  readonly type?: string | undefined;
  readonly unit?: string | undefined;
  readonly deviceId?: string | undefined;
  /** IANA zone of the dates that name none. */
  readonly timeZone?: string | undefined;
}

/** What was read into an item that it does not say: whoever sends it should know. */
export type Assumption = 'type' | 'unit' | 'percent' | 'number' | 'time-zone';

/** One item and all that its verdict depends on. */
export interface ItemToVet<Device extends EnrolledDevice = EnrolledDevice> extends Partial<Pick<ShapedItem, 'pointer' | 'places' | 'percent' | 'isTotal'>> {
  readonly item: unknown;
  readonly index: number;
  /** What the JSON gate found; the pointer starts at the body. */
  readonly fault?: { readonly pointer: string; readonly code: 'invalid-text' } | undefined;
  readonly batch: Batch;
  /** The patient's HealthKit devices, the last enrolled one last. */
  readonly enrolled: readonly Device[];
  readonly patientId: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Milliseconds since 1970 before which no sample may end; none where there is no bound. */
  readonly oldest?: number | undefined;
  /** The item schema of the operation; pointers relative to the item. */
  readonly checkShape: (item: unknown) => { readonly pointer: string; readonly keyword: string } | null;
}

/** An item that is fit to be kept. */
export interface VettedSample<Device extends EnrolledDevice = EnrolledDevice> {
  readonly index: number;
  /** Lower-case UUID; missing where the shape of the bridge has none. */
  readonly id?: string | undefined;
  /** Apple's identifier, or an unknown name as given (at most 128 characters). */
  readonly type?: string | undefined;
  /** Whether the type is one of HealthKit's that we know. */
  readonly known: boolean;
  /** UCUM; missing where the type is no quantity. */
  readonly unit?: string | undefined;
  /** Nobody stated the unit: it is the default of react-native-health. */
  readonly unitAssumed: boolean;
  /** In the order type, unit, percent (that `%` counts hundredths), number (sent as text), time-zone. */
  readonly assumed: readonly Assumption[];
  readonly start: Instant;
  readonly end: Instant;
  readonly device: Device;
  /** The sample key without patient and provider: the UUID, or the content where there is none. */
  readonly identityParts: readonly string[];
  /** Type, start, end, value, unit: what must be equal for a re-delivery not to be a conflict. */
  readonly contentParts: readonly string[];
  /** The source that wrote it; '' where the item names none. */
  readonly source: string;
  /** The reading it is a version of, where its app says so. */
  readonly sync?: SyncVersion | undefined;
  /** The total of a period it is a reading of: type, source and period. Missing where it is none, or has a UUID. */
  readonly total?: readonly string[] | undefined;
}

const isItem = (item: unknown): item is Item => typeof item === 'object' && item !== null && !Array.isArray(item);

const patientMembers = ['assignedPatientId', 'patientId'] as const;

function foreignPatient(item: Item, patientId: string): ItemFault | undefined {
  const member = patientMembers.find((name) => item[name] !== undefined && item[name] !== null && item[name] !== patientId);
  return member === undefined ? undefined : { code: 'not-your-data', place: `/${member}` };
}

function idOf(item: Item): { readonly id?: string } | ItemFault {
  const member = item['id'] === undefined ? 'uuid' : 'id';
  const given = item[member];
  if (given === undefined) return {};
  return isUuid(given) ? { id: given.toLowerCase() } : { code: 'invalid-id', place: `/${member}` };
}

/** How a refusal of the schema reads where the member has a code of its own. */
const shapeCodes: Readonly<Record<string, ItemCode>> = {
  '/id': 'invalid-id', '/uuid': 'invalid-id', '/value': 'invalid-value',
  '/bloodPressureSystolicValue': 'invalid-value', '/bloodPressureDiastolicValue': 'invalid-value',
  '/startDate': 'invalid-date', '/endDate': 'invalid-date', '/start': 'invalid-date', '/end': 'invalid-date',
};

function shapeFault(item: Item, checkShape: ItemToVet['checkShape']): ItemFault | undefined {
  const fault = checkShape(item);
  return fault === null ? undefined : { code: shapeCodes[fault.pointer] ?? 'invalid-item', place: fault.pointer };
}

const isFault = (found: object): found is ItemFault => 'place' in found;

type Verdict<Device extends EnrolledDevice> = Omit<VettedSample<Device>, 'index'>;

function judge<Device extends EnrolledDevice>(item: Item, { batch, enrolled, patientId, now, oldest, checkShape, percent, isTotal }: ItemToVet<Device>): Verdict<Device> | ItemFault {
  const long = longTextIn(item);
  if (long !== undefined) return { code: 'text-too-long', place: long };
  const foreign = foreignPatient(item, patientId);
  if (foreign !== undefined) return foreign;
  const identity = idOf(item);
  if (isFault(identity)) return identity;
  const dates = datesOfItem(item, now, batch.timeZone);
  if (isFault(dates)) return dates;
  const { name: type, known, concluded = false } = typeOfItem(item, batch.type);
  const total = identity.id === undefined ? totalOf(item, known, dates, isTotal === true) : undefined;
  const ahead = faultOfEnd(item, dates, now, total ? longestPeriodMs(known) : 0);
  if (ahead !== undefined) return ahead;
  if (oldest !== undefined && dates.end.epochMs < oldest) return { code: 'older-than-history', place: 'endDate' in item ? '/endDate' : '/startDate' };
  // Of a type that nobody knows the unit of the upload is for its rule alone: what the sample is known by must stay what it was.
  const unit = unitOfItem(item, known, known && batch.unit, percent);
  if (isFault(unit)) return unit;
  const fault = judgeValue(item, known, unit) ?? shapeFault(item, checkShape);
  if (fault !== undefined) return fault;
  const device = deviceOfItem(item, batch.deviceId, enrolled);
  if (device === 'device-not-enrolled') return { code: device, place: '/deviceId' };
  const contentParts = [type ?? '', dates.start.iso, dates.end.iso, valueText(item, type), unit.unit ?? ''];
  return {
    id: identity.id, type, known: known !== undefined, unit: unit.unit, unitAssumed: unit.unitAssumed,
    assumed: assumedOf(concluded, unit, hasNumberAsText(item, known), dates.zoneAssumed), start: dates.start, end: dates.end, device,
    identityParts: identityOf(item, identity.id, contentParts), contentParts, source: sourceOf(item), sync: syncVersionOf(item), total,
  };
}

const nothing: readonly Assumption[] = [];

function assumedOf(type: boolean, { unit, unitAssumed, percentAssumed = false }: EffectiveUnit, number: boolean, zone: boolean): readonly Assumption[] {
  const isUnit = unitAssumed && unit !== undefined;
  if (!type && !isUnit && !percentAssumed && !number && !zone) return nothing;
  const found: Readonly<Record<Assumption, boolean>> = { type, unit: isUnit, percent: percentAssumed, number, 'time-zone': zone };
  return (Object.keys(found) as Assumption[]).filter((assumption) => found[assumption]);
}

/**
 * The verdict on one item of an upload: fit to be kept, or the first thing wrong with it. Impossible values are refused, implausible
 * ones kept; unknown types are kept. Synchronous, 3 µs for a plain sample. A refusal has the member `code`, a sample has not.
 */
export function vetItem<Device extends EnrolledDevice>(given: ItemToVet<Device>): VettedSample<Device> | ItemError {
  const { item, index, fault } = given;
  if (fault !== undefined) return { ...itemError(index, fault.code, ''), pointer: fault.pointer };
  if (!isItem(item)) return refusal(given, { code: 'invalid-item', place: '' });
  const verdict = judge(item, given);
  return isFault(verdict) ? refusal(given, verdict) : { index, ...verdict };
}

/** The refusal with a pointer to what was sent, wherever its format has it. */
function refusal({ index, pointer, places = {} }: ItemToVet, { code, place }: ItemFault): ItemError {
  const error = itemError(index, code, place);
  if (place.startsWith('/query/')) return { ...error, pointer: place };
  const moved = Object.keys(places).find((member) => place === member || place.startsWith(`${member}/`));
  if (moved !== undefined) return { ...error, pointer: (places[moved] ?? '') + place.slice(moved.length) };
  return pointer === undefined ? error : { ...error, pointer: pointer + place };
}

/** Tells a refusal from a sample. */
export const isItemError = (verdict: VettedSample | ItemError): verdict is ItemError => 'code' in verdict;
