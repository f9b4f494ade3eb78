import type { ChartSeries, Device, DeviceAssignment, HealthData, Identified, KeptUpload, paths } from '../../../generated/device-manager.d.ts';
import specification from '../../../generated/device-manager.json' with { type: 'json' };
import { problem } from '../../http/problem.ts';
import { createUpstream, type Upstream } from '../../http/upstream.ts';

export type { ChartSeries, Device, HealthData } from '../../../generated/device-manager.d.ts';

type Query<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Parameters } } } ? Parameters : never;
export type ListQuery = Omit<NonNullable<Query<'/health-data'>>, 'patientId'>;
export type ChartQuery = Omit<NonNullable<Query<'/chart-data'>>, '_id' | 'patientId'>;

/** On whose behalf and in which request. */
export interface Asker {
  readonly patientId: string;
  readonly requestId: string;
}

/** What the query of an upload says about all its samples. */
export interface Batch {
  readonly type?: string;
  readonly unit?: string;
  readonly deviceId?: string;
}

/** One kept sample; a Device Manager of others answers identifiers alone, and says nothing of duplicates. */
export interface Kept {
  readonly uploadId?: string;
  readonly items: readonly { readonly _id: string; readonly status: 'created' | 'duplicate' | 'conflict' }[];
}

/** What the BFF asks of a Device Manager. Every function throws 502 or 503 for trouble there, never a 4xx of its own making. */
export interface DeviceManager {
  /** The patient's devices; undefined where the upstream does not list devices. */
  readonly devices: (asker: Asker) => Promise<readonly Device[] | undefined>;
  readonly assign: (asker: Asker, assignment: DeviceAssignment) => Promise<Identified>;
  readonly unassign: (asker: Asker, id: string, assignedUntil: string | undefined) => Promise<void>;
  readonly keep: (asker: Asker, bytes: Buffer, batch: Batch) => Promise<Kept>;
  readonly list: (asker: Asker, query: ListQuery) => Promise<readonly HealthData[]>;
  readonly chart: (asker: Asker, query: ChartQuery) => Promise<readonly ChartSeries[]>;
  readonly isAlive: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const unexpected = (what: string, status: number) => problem('upstream-invalid', { cause: new Error(`The Device Manager answered ${String(status)} to ${what}.`) });

const keptOf = (data: readonly Identified[] | KeptUpload): Kept =>
  'items' in data ? data : { items: data.map(({ _id }) => ({ _id, status: 'created' as const })) };

const badInterval = (pointer: string, message: string) => problem('invalid-request', { errors: [{ pointer, code: 'invalid-interval', message }] });

const codeOf = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined);

type Client = Upstream<paths>;
type Headers = (asker: Asker) => Record<string, string>;

const deviceCalls = (client: Client, headersOf: Headers): Pick<DeviceManager, 'devices' | 'assign' | 'unassign'> => ({
  devices: async (asker) => {
    const { data, response } = await client.GET('/devices', { params: { query: { assignedPatientId: asker.patientId, _l: 200 } }, headers: headersOf(asker) });
    if (response.status === 404 || response.status === 405) return undefined;
    if (data === undefined) throw unexpected('devices', response.status);
    return data as readonly Device[];
  },
  assign: async (asker, assignment) => {
    const { data, error, response } = await client.POST('/devices/assign', { body: { ...assignment, assignedPatientId: asker.patientId }, headers: headersOf(asker) });
    if (response.status === 409) throw problem('device-already-assigned');
    if (response.status === 400 && codeOf(error) === 'invalid-request') throw badInterval('/assignedFrom', 'The device cannot be assigned from then on.');
    if (data === undefined) throw unexpected('assign', response.status);
    return data;
  },
  unassign: async (asker, id, assignedUntil) => {
    const body = assignedUntil === undefined ? undefined : { assignedUntil };
    const { response } = await client.POST('/devices/{id}/unassign', { params: { path: { id } }, ...(body && { body }), headers: headersOf(asker) });
    if (response.status === 404) throw problem('not-found');
    if (response.status === 400 || response.status === 409) throw badInterval('/assignedUntil', 'The assignment cannot end then.');
    if (!response.ok) throw unexpected('unassign', response.status);
  },
});

/** Lists are cast: openapi-fetch's own mapping of immutable types forgets that a readonly array is an array. */
const dataCalls = (client: Client, headersOf: Headers): Pick<DeviceManager, 'keep' | 'list' | 'chart'> => ({
  keep: async (asker, bytes, batch) => {
    const { data, response } = await client.POST('/health-data/healthkit/{format}', {
      params: { path: { format: 'healthkitstandard-json' }, query: batch, header: { Prefer: 'return=representation' } },
      body: [],
      bodySerializer: () => bytes,
      headers: { ...headersOf(asker), 'content-type': 'application/json' },
    });
    if (data === undefined) throw unexpected('upload', response.status);
    return keptOf(data as readonly Identified[] | KeptUpload);
  },
  list: async (asker, query) => {
    const { data, error, response } = await client.GET('/health-data', { params: { query: { ...query, patientId: asker.patientId } }, headers: headersOf(asker) });
    if (codeOf(error) === 'unknown-data-type') throw problem('unknown-data-type');
    if (data === undefined) throw unexpected('list', response.status);
    return data as readonly HealthData[];
  },
  chart: async (asker, query) => {
    const { data, error, response } = await client.GET('/chart-data', { params: { query: { ...query, _id: asker.patientId } }, headers: headersOf(asker) });
    if (codeOf(error) === 'unknown-data-type') throw problem('unknown-data-type');
    if (data === undefined) throw unexpected('chart', response.status);
    return data as readonly ChartSeries[];
  },
});

/** Connects to a Device Manager with the service credential; the patient goes in the header of the name given. */
export const connectDeviceManager = (baseUrl: string, serviceToken: string, userIdHeader: string): DeviceManager => {
  const client = createUpstream<paths>({ baseUrl, spec: specification, timeoutMs: 20_000, maxBytes: 67_108_864 });
  const headersOf: Headers = ({ patientId, requestId }) => ({ authorization: `Bearer ${serviceToken}`, [userIdHeader]: patientId, 'x-request-id': requestId });
  return {
    ...deviceCalls(client, headersOf),
    ...dataCalls(client, headersOf),
    isAlive: async () => {
      const { response } = await client.GET('/-/healthz');
      if (!response.ok) throw unexpected('healthz', response.status);
    },
    close: client.close,
  };
};
