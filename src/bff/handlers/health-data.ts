import { deletedIn, healthKitFormatOf, STANDARD } from '../../healthkit/shapes/formats.ts';
import type { ItemError } from '../../healthkit/item-error.ts';
import type { ItemCheck } from '../../http/item-schema.ts';
import type { Handlers, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { uploadedItems } from '../../http/uploaded-items.ts';
import type { Caller, Operations } from '../caller.ts';
import type { RefusalReport } from '../refusal-report.ts';
import type { UploadRate } from '../upload-rate.ts';
import type { SampleRefusal } from '../upstream/audit.ts';
import type { Asker } from '../upstream/device-manager-client.ts';
import type { DeviceManager } from '../upstream/device-manager.ts';
import { receiptOf } from './receipt.ts';
import { acceptedBytes, vet, type Upload } from './vetted-upload.ts';

export interface HealthDataDependencies {
  readonly deviceManager: DeviceManager;
  readonly checkShape: ItemCheck;
  /** Age beyond which samples are refused; undefined where there is no bound. */
  readonly historyDays: number | undefined;
  readonly rate: UploadRate;
  /** Told when an upstream lists no devices, so that enrolment cannot be checked here. */
  readonly skippedEnrolment: (requestId: string) => void;
  /** Has it written down that samples were refused. */
  readonly refused: RefusalReport['report'];
}

const enrolledOf = async ({ deviceManager, skippedEnrolment }: HealthDataDependencies, asker: Asker) => {
  const devices = await deviceManager.devices(asker);
  if (devices === undefined) skippedEnrolment(asker.requestId);
  // The vetting takes the last of the list as the one enrolled last.
  return devices?.filter(isHealthKit).toSorted((a, b) => (a.assignedFrom ?? '').localeCompare(b.assignedFrom ?? ''));
};

const isStrict = (prefer: string | undefined): boolean => /(^|,|;)\s*handling\s*=\s*"?strict"?\s*($|,|;)/i.test(prefer ?? '');
const applied = { 'Preference-Applied': 'handling=strict' } as const;
const mostErrors = 100;

const batchOf = ({ type, unit, deviceId, timeZone }: Upload['query']) => ({
  ...(type !== undefined && { type }), ...(unit !== undefined && { unit }), ...(deviceId !== undefined && { deviceId }), ...(timeZone !== undefined && { timeZone }),
});

interface Wish {
  readonly call: Upload;
  readonly asker: Asker;
  readonly strict: boolean;
  /** Has a refusal written down, once however often the upload is vetted. */
  readonly refused: (errors: readonly ItemError[], received: number) => Promise<void>;
}

/** How many samples were refused for which reason, the most frequent first. */
const reasonsOf = (errors: readonly ItemError[]): SampleRefusal['reasons'] =>
  [...Map.groupBy(errors, ({ code }) => code)].map(([code, some]) => ({ code, samples: some.length, pointer: some[0]?.pointer ?? '' })).sort((a, b) => b.samples - a.samples);

const reportedOnce = ({ refused }: HealthDataDependencies, { patientId, requestId }: Asker): Wish['refused'] => {
  let written = false;
  return async (errors, received) => {
    const [first] = errors;
    if (written || first === undefined) return;
    await refused(patientId, requestId, { event: 'upload-refused', operation: 'uploadHealthData', reason: first.code, samples: { received, reasons: reasonsOf(errors) } });
    written = true;
  };
};

/** Vets an upload against the devices that are enrolled now, and has kept what fits. */
const vetAndKeep = async (dependencies: HealthDataDependencies, { call, asker, strict, refused }: Wish) => {
  const { deviceManager, checkShape, historyDays } = dependencies;
  const batch = batchOf(call.query);
  const format = 'format' in call.path ? healthKitFormatOf(call.path.format) : STANDARD;
  const items = uploadedItems(format, call.body, call.items);
  const vetted = items.length === 0 ? { errors: [], accepted: [] } : vet(items, { patientId: asker.patientId, batch, enrolled: await enrolledOf(dependencies, asker), checkShape, historyDays });
  const { errors, accepted } = vetted;
  // Written down before the others go on.
  await refused(errors, items.length);
  if (strict && errors.length > 0) {
    throw problem('samples-refused', { headers: applied, errors: errors.slice(0, mostErrors).map(({ pointer, code, message }) => ({ pointer, code, message })) });
  }
  if (accepted.length === 0 && deletedIn(format, call.body).length === 0) return receiptOf(errors, [], { items: [] });
  const kept = await deviceManager.keep(asker, format, acceptedBytes(call, items, vetted), batch);
  if (kept === 'enrolment-changed') return kept;
  if (kept.items.length !== accepted.length) throw problem('upstream-invalid', { cause: new Error('The Device Manager answered for another number of samples.') });
  return receiptOf(errors, accepted, kept);
};

const upload = async (dependencies: HealthDataDependencies, call: Upload) => {
  const asker = { patientId: call.caller.patientId, requestId: call.requestId };
  const strict = isStrict(call.headers.prefer);
  const headers = { ...(await dependencies.rate(asker.patientId)), ...(strict && applied) };
  const wish = { call, asker, strict, refused: reportedOnce(dependencies, asker) };
  const first = await vetAndKeep(dependencies, wish);
  // A device that was given back between vetting and keeping: vetted once more, its samples get their verdict.
  const receipt = first === 'enrolment-changed' ? await vetAndKeep(dependencies, wish) : first;
  if (receipt === 'enrolment-changed') throw problem('upstream-unavailable', { retryAfterSeconds: 1 });
  return { status: 200, headers, body: receipt } as const satisfies Reply<Operations['uploadHealthData']>;
};

/** Case and punctuation do not matter: `apple-healthkit`, `Apple HealthKit` and `healthkit` mean the same. */
const isHealthKit = ({ deviceProvider }: { deviceProvider: string }): boolean => /^(apple)?healthkit$/i.test(deviceProvider.replaceAll(/[^a-zA-Z]/g, ''));

/** Uploads of the signed-in person. */
export const healthData = (dependencies: HealthDataDependencies): Pick<Handlers<Operations, Caller>, 'uploadHealthData' | 'uploadHealthDataInFormat'> => ({
  uploadHealthData: (call) => upload(dependencies, call),
  uploadHealthDataInFormat: (call) => upload(dependencies, call),
});
