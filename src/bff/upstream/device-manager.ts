import type { DeletionReceipt, Deletions, Device, DeviceAssignment, Identified, KeptUpload, paths, UploadProgress } from '../../../generated/device-manager.d.ts';
import specification from '../../../generated/device-manager.json' with { type: 'json' };
import { problem } from '../../http/problem.ts';
import { createUpstream } from '../../http/upstream.ts';
import { auditing, type Auditing } from './audit.ts';
import { codeOf, isRefusedByOthers, refusalsIn, unexpected, type Asker, type DeviceManagerClient } from './device-manager-client.ts';
import { exportCalls, type Exports } from './exports.ts';
import { reading, type Reading } from './reading.ts';
import { listing, type Listing } from './listing.ts';
import { handOnTooManyRequests } from './too-many-requests.ts';
import { needing } from './what-is-needed.ts';

export type { SampleRecord } from './reading.ts';

/** What the query of an upload says about all its samples. */
export interface Batch {
  readonly type?: string;
  readonly unit?: string;
  readonly deviceId?: string;
  readonly timeZone?: string;
}

/** One kept sample; a Device Manager of others answers identifiers alone, and says nothing of duplicates. */
export interface Kept {
  readonly uploadId?: string;
  readonly deletions?: DeletionReceipt;
  readonly items: readonly { readonly _id: string; readonly status: 'created' | 'unsupported' | 'duplicate' | 'conflict' | 'deleted'; readonly sameReadingAs?: string }[];
}

/** What the BFF asks of a Device Manager. Every function throws 429, 502 or 503 for trouble there, never a 4xx of its own making. */
export interface DeviceManager extends Reading, Auditing, Exports, Listing {
  /** The patient's devices; undefined where the upstream does not list devices. */
  readonly devices: (asker: Asker) => Promise<readonly Device[] | undefined>;
  readonly assign: (asker: Asker, assignment: DeviceAssignment) => Promise<Identified>;
  readonly unassign: (asker: Asker, id: string, assignedUntil: string | undefined) => Promise<void>;
  /** `enrolment-changed`: nothing was kept, because a device that a sample is from was given back meanwhile. */
  readonly keep: (asker: Asker, format: string, bytes: Buffer, batch: Batch) => Promise<Kept | 'enrolment-changed'>;
  /** How far an upload of the patient is. Throws not-found. */
  readonly progress: (asker: Asker, uploadId: string) => Promise<UploadProgress>;
  readonly remove: (asker: Asker, deletions: Deletions) => Promise<DeletionReceipt>;
  readonly isAlive: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/** Of a sample of another vendor no more is needed than its identifier. */
const needed = needing(specification, { HealthData: { type: 'object', required: ['_id'], properties: { _id: { $ref: '#/components/schemas/Id' } } } });

const keptOf = (data: readonly Identified[] | KeptUpload): Kept =>
  'items' in data ? data : { items: data.map(({ _id }) => ({ _id, status: 'created' as const })) };

/** Others may answer 400 to what we answer 409, and tell why in words alone. */
const isTaken = (status: number, error: unknown): boolean =>
  status === 409 || (isRefusedByOthers(status, error) && /already assigned/i.test(JSON.stringify(error)));

const deviceCalls = ({ client, headersOf }: DeviceManagerClient): Pick<DeviceManager, 'devices' | 'assign' | 'unassign'> => ({
  devices: async (asker) => {
    const { data, response } = await client.GET('/devices', { params: { query: { assignedPatientId: asker.patientId, _l: 200 } }, headers: headersOf(asker) });
    if (response.status === 404 || response.status === 405) return undefined;
    if (data === undefined) throw unexpected('devices', response.status);
    return data as readonly Device[];
  },
  assign: async (asker, assignment) => {
    const { data, error, response } = await client.POST('/devices/assign', { body: { ...assignment, assignedPatientId: asker.patientId }, headers: headersOf(asker) });
    if (response.status === 410) throw problem('patient-erased');
    if (isTaken(response.status, error)) throw problem('device-already-assigned');
    if (response.status === 400 && codeOf(error) === 'invalid-request') throw problem('invalid-request', { errors: refusalsIn(error) });
    if (data === undefined) throw unexpected('assign', response.status);
    return data;
  },
  unassign: async (asker, id, assignedUntil) => {
    const body = assignedUntil === undefined ? undefined : { assignedUntil };
    const { error, response } = await client.POST('/devices/{id}/unassign', { params: { path: { id } }, ...(body && { body }), headers: headersOf(asker) });
    if (response.status === 404) throw problem('not-found');
    if (response.status === 400 && codeOf(error) === 'invalid-request') throw problem('invalid-request', { errors: refusalsIn(error) });
    if (response.status === 400 || response.status === 409) throw problem('invalid-request', { errors: [{ pointer: '/assignedUntil', code: 'invalid-interval', message: 'The assignment cannot end then.' }] });
    if (!response.ok) throw unexpected('unassign', response.status);
  },
});

/** Forwards an upload. */
const keeping = ({ client, headersOf }: DeviceManagerClient): DeviceManager['keep'] => async (asker, format, bytes, batch) => {
  const { data, error, response } = await client.POST('/health-data/healthkit/{format}', {
    params: { path: { format: format as 'healthkitstandard-json' }, query: batch, header: { Prefer: 'return=representation' } },
    body: [],
    bodySerializer: () => bytes,
    headers: { ...headersOf(asker), 'content-type': 'application/json' },
  });
  if (response.status === 410) throw problem('patient-erased');
  if (codeOf(error) === 'device-not-enrolled') return 'enrolment-changed';
  if (data === undefined) throw unexpected('upload', response.status);
  return keptOf(data as readonly Identified[] | KeptUpload);
};

/** Hands on deletions; their items may be anything, and the Device Manager judges them. */
const removing = ({ client, headersOf }: DeviceManagerClient): DeviceManager['remove'] => async (asker, body) => {
  const { data, response } = await client.POST('/health-data/deletions', { body, headers: headersOf(asker) });
  if (response.status === 410) throw problem('patient-erased');
  if (data === undefined) throw unexpected('deletions', response.status);
  return data as DeletionReceipt;
};

const following = ({ client, headersOf }: DeviceManagerClient): DeviceManager['progress'] => async (asker, uploadId) => {
  const { data, response } = await client.GET('/uploads/{id}', { params: { path: { id: uploadId } }, headers: headersOf(asker) });
  if (response.status === 404) throw problem('not-found');
  if (data === undefined) throw unexpected('uploads', response.status);
  return data as UploadProgress;
};

/** Connects to a Device Manager with the service credential; the patient goes in the header of the name given. */
export const connectDeviceManager = (baseUrl: string, serviceToken: string, userIdHeader: string): DeviceManager => {
  const client = createUpstream<paths>({ baseUrl, spec: needed, timeoutMs: 20_000, maxBytes: 67_108_864 });
  client.use(handOnTooManyRequests);
  const connection: DeviceManagerClient = {
    client,
    headersOf: ({ patientId, requestId }) => ({ authorization: `Bearer ${serviceToken}`, [userIdHeader]: patientId, 'x-request-id': requestId }),
  };
  return {
    ...deviceCalls(connection),
    ...reading(connection),
    ...auditing(connection),
    ...exportCalls(connection),
    ...listing(connection),
    keep: keeping(connection),
    remove: removing(connection),
    progress: following(connection),
    isAlive: async () => {
      const { response } = await client.GET('/-/healthz');
      if (!response.ok) throw unexpected('healthz', response.status);
    },
    close: client.close,
  };
};
