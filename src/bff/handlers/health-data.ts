import type { ItemCheck } from '../../http/item-schema.ts';
import type { Call, Handlers, Reply } from '../../http/operation.ts';
import { withNulls } from '../../http/json-nulls.ts';
import { problem } from '../../http/problem.ts';
import { uploadedItems, type UploadedItem } from '../../http/uploaded-items.ts';
import type { ItemError } from '../../healthkit/item-error.ts';
import { deletedIn, healthKitFormatOf, STANDARD } from '../../healthkit/shapes/formats.ts';
import { isItemError, vetItem, type Batch } from '../../healthkit/vetting.ts';
import type { Caller, Operations } from '../caller.ts';
import { receiptOf } from './receipt.ts';
import type { Asker } from '../upstream/device-manager-client.ts';
import type { DeviceManager } from '../upstream/device-manager.ts';

export interface HealthDataDependencies {
  readonly deviceManager: DeviceManager;
  readonly checkShape: ItemCheck;
  /** Told when an upstream lists no devices, so that enrolment cannot be checked here. */
  readonly skippedEnrolment: (requestId: string) => void;
}

type Upload = Call<Operations['uploadHealthData'], Caller> | Call<Operations['uploadHealthDataInFormat'], Caller>;

interface Enrolled {
  readonly _id: string;
  readonly deviceId: string;
}

const deviceNamedBy = (item: unknown): unknown => (typeof item === 'object' && item !== null && 'deviceId' in item ? item.deviceId : undefined);

/** Where the upstream lists no devices, enrolment is left to it: whatever an item or its batch names counts as enrolled. */
const asNamed = (item: unknown, batch: Batch): Enrolled[] =>
  ['', batch.deviceId, deviceNamedBy(item)].filter((name) => typeof name === 'string').map((name) => ({ _id: '', deviceId: name.trim() }));

interface Vetted {
  readonly errors: readonly ItemError[];
  readonly accepted: readonly number[];
}

const vet = (call: Upload, items: readonly UploadedItem[], batch: Batch, enrolled: readonly Enrolled[] | undefined, checkShape: ItemCheck): Vetted => {
  const now = Date.now();
  const errors: ItemError[] = [];
  const accepted: number[] = [];
  for (const item of items) {
    const verdict = vetItem({ ...item, batch, enrolled: enrolled ?? asNamed(item.item, batch), patientId: call.caller.patientId, now, checkShape });
    if (isItemError(verdict)) errors.push(verdict);
    else accepted.push(item.index);
  }
  return { errors, accepted };
};

/** The body without what was refused, and no number written again: a list of the accepted items, or the envelope with null for the others. */
const acceptedBytes = ({ body, bytes, items: slices = [] }: Upload, items: readonly UploadedItem[], { errors, accepted }: Vetted): Buffer => {
  if (errors.length === 0) return bytes;
  if (!Array.isArray(body)) return withNulls(bytes, errors.flatMap(({ index }) => items[index]?.pointer ?? []));
  const parts = accepted.flatMap((index, position) => {
    const slice = slices[index];
    if (slice === undefined) throw new Error('An accepted item has no place in the body.');
    return [Buffer.from(position === 0 ? '[' : ','), bytes.subarray(slice.start, slice.end)];
  });
  return Buffer.concat([...parts, Buffer.from(']')]);
};

const enrolledOf = async ({ deviceManager, skippedEnrolment }: HealthDataDependencies, asker: Asker) => {
  const devices = await deviceManager.devices(asker);
  if (devices === undefined) skippedEnrolment(asker.requestId);
  // The vetting takes the last of the list as the one enrolled last.
  return devices?.filter(isHealthKit).toSorted((a, b) => (a.assignedFrom ?? '').localeCompare(b.assignedFrom ?? ''));
};

const upload = async (dependencies: HealthDataDependencies, call: Upload) => {
  const { deviceManager, checkShape } = dependencies;
  const { type, unit, deviceId, timeZone } = call.query;
  const batch = { ...(type !== undefined && { type }), ...(unit !== undefined && { unit }), ...(deviceId !== undefined && { deviceId }), ...(timeZone !== undefined && { timeZone }) };
  const asker = { patientId: call.caller.patientId, requestId: call.requestId };
  const format = 'format' in call.path ? healthKitFormatOf(call.path.format) : STANDARD;
  const items = uploadedItems(format, call.body, call.items);
  const deletes = deletedIn(format, call.body).length > 0;
  const vetted = items.length === 0 ? { errors: [], accepted: [] } : vet(call, items, batch, await enrolledOf(dependencies, asker), checkShape);
  const { errors, accepted } = vetted;
  if (accepted.length === 0 && !deletes) return { status: 200, body: receiptOf(errors, [], { items: [] }) } as const;
  const kept = await deviceManager.keep(asker, format, acceptedBytes(call, items, vetted), batch);
  if (kept.items.length !== accepted.length) throw problem('upstream-invalid', { cause: new Error('The Device Manager answered for another number of samples.') });
  return { status: 200, body: receiptOf(errors, accepted, kept) } as const satisfies Reply<Operations['uploadHealthData']>;
};

/** Case and punctuation do not matter: `apple-healthkit`, `Apple HealthKit` and `healthkit` mean the same. */
const isHealthKit = ({ deviceProvider }: { deviceProvider: string }): boolean => /^(apple)?healthkit$/i.test(deviceProvider.replaceAll(/[^a-zA-Z]/g, ''));

/** Uploads of the signed-in person. */
export const healthData = (dependencies: HealthDataDependencies): Pick<Handlers<Operations, Caller>, 'uploadHealthData' | 'uploadHealthDataInFormat'> => ({
  uploadHealthData: (call) => upload(dependencies, call),
  uploadHealthDataInFormat: (call) => upload(dependencies, call),
});
