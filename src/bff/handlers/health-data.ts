import type { ItemSlice } from '../../http/json-gate.ts';
import type { ItemCheck } from '../../http/item-schema.ts';
import type { Call, Handlers, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { ItemError } from '../../healthkit/item-error.ts';
import { isItemError, vetItem, type Batch } from '../../healthkit/vetting.ts';
import type { Caller, Operations } from '../caller.ts';
import { receiptOf } from './receipt.ts';
import type { DeviceManager, Kept } from '../upstream/device-manager.ts';

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

const vet = (call: Upload, batch: Batch, enrolled: readonly Enrolled[] | undefined, checkShape: ItemCheck): Vetted => {
  const now = Date.now();
  const errors: ItemError[] = [];
  const accepted: number[] = [];
  call.body.forEach((item, index) => {
    const fault = call.items?.[index]?.fault;
    const verdict = vetItem({ item, index, fault, batch, enrolled: enrolled ?? asNamed(item, batch), patientId: call.caller.patientId, now, checkShape });
    if (isItemError(verdict)) errors.push(verdict);
    else accepted.push(index);
  });
  return { errors, accepted };
};

/** The accepted items as an array of the very bytes that came: no number is written again. */
const acceptedBytes = (bytes: Buffer, items: readonly ItemSlice[], accepted: readonly number[]): Buffer => {
  const slices = accepted.flatMap((index, position) => {
    const slice = items[index];
    if (slice === undefined) throw new Error('An accepted item has no place in the body.');
    return [Buffer.from(position === 0 ? '[' : ','), bytes.subarray(slice.start, slice.end)];
  });
  return Buffer.concat([...slices, Buffer.from(']')]);
};

const upload = async ({ deviceManager, checkShape, skippedEnrolment }: HealthDataDependencies, call: Upload) => {
  const { type, unit, deviceId } = call.query;
  const batch = { ...(type !== undefined && { type }), ...(unit !== undefined && { unit }), ...(deviceId !== undefined && { deviceId }) };
  const asker = { patientId: call.caller.patientId, requestId: call.requestId };
  const nothing: Kept = { items: [] };
  if (call.body.length === 0) return { status: 200, body: receiptOf([], [], nothing) } as const;
  const devices = await deviceManager.devices(asker);
  if (devices === undefined) skippedEnrolment(call.requestId);
  // The vetting takes the last of the list as the one enrolled last.
  const enrolled = devices?.filter(isHealthKit).toSorted((a, b) => (a.assignedFrom ?? '').localeCompare(b.assignedFrom ?? ''));
  const { errors, accepted } = vet(call, batch, enrolled, checkShape);
  if (accepted.length === 0) return { status: 200, body: receiptOf(errors, [], nothing) } as const;
  const bytes = errors.length === 0 ? call.bytes : acceptedBytes(call.bytes, call.items ?? [], accepted);
  const kept = await deviceManager.keep(asker, bytes, batch);
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
