import type { ItemError } from '../../healthkit/item-error.ts';
import { isItemError, vetItem, type Batch, type VettedSample } from '../../healthkit/vetting.ts';
import type { ItemCheck } from '../../http/item-schema.ts';
import { withNulls } from '../../http/json-nulls.ts';
import type { Call } from '../../http/operation.ts';
import type { UploadedItem } from '../../http/uploaded-items.ts';
import type { Caller, Operations } from '../caller.ts';

/** A request that uploads samples. */
export type Upload = Call<Operations['uploadHealthData'], Caller> | Call<Operations['uploadHealthDataInFormat'], Caller>;

/** A device the patient holds. */
export interface Enrolled {
  readonly _id: string;
  readonly deviceId: string;
}

const deviceNamedBy = (item: unknown): unknown => (typeof item === 'object' && item !== null && 'deviceId' in item ? item.deviceId : undefined);

/** Where the upstream lists no devices, enrolment is left to it: whatever an item or its batch names counts as enrolled. */
const asNamed = (item: unknown, batch: Batch): Enrolled[] =>
  ['', batch.deviceId, deviceNamedBy(item)].filter((name) => typeof name === 'string').map((name) => ({ _id: '', deviceId: name.trim() }));

/** The samples of an upload that are fit to be kept, and why the others are not. */
export interface Vetted {
  readonly errors: readonly ItemError[];
  readonly accepted: readonly VettedSample<Enrolled>[];
}

/** What the verdicts of an upload depend on beside its items. */
export interface VettingTerms {
  readonly patientId: string;
  readonly batch: Batch;
  /** Undefined where the upstream lists none. */
  readonly enrolled: readonly Enrolled[] | undefined;
  readonly checkShape: ItemCheck;
  readonly historyDays: number | undefined;
}

const DAY_MS = 86_400_000;

/** Vets each item of an upload by itself. */
export const vet = (items: readonly UploadedItem[], { patientId, batch, enrolled, checkShape, historyDays }: VettingTerms): Vetted => {
  const now = Date.now();
  const oldest = historyDays === undefined ? undefined : now - historyDays * DAY_MS;
  const errors: ItemError[] = [];
  const accepted: VettedSample<Enrolled>[] = [];
  for (const item of items) {
    const verdict = vetItem({ ...item, batch, enrolled: enrolled ?? asNamed(item.item, batch), patientId, now, oldest, checkShape });
    if (isItemError(verdict)) errors.push(verdict);
    else accepted.push(verdict);
  }
  return { errors, accepted };
};

/** The body without what was refused, and no number written again: a list of the accepted items, or the envelope with null for the others. */
export const acceptedBytes = ({ body, bytes, items: slices = [] }: Upload, items: readonly UploadedItem[], { errors, accepted }: Vetted): Buffer => {
  if (errors.length === 0) return bytes;
  if (!Array.isArray(body)) return withNulls(bytes, errors.flatMap(({ index }) => items[index]?.pointer ?? []));
  const parts = accepted.flatMap(({ index }, position) => {
    const slice = slices[index];
    if (slice === undefined) throw new Error('An accepted item has no place in the body.');
    return [Buffer.from(position === 0 ? '[' : ','), bytes.subarray(slice.start, slice.end)];
  });
  return Buffer.concat([...parts, Buffer.from(']')]);
};
