import { Pool } from 'undici';
import { simulatedDelivery, simulatedDevices, type Fault, type SimulatedDelivery, type SimulatedDevice } from './medisante.ts';
import { createRandom } from './random.ts';
import type { Format } from './writing.ts';

/** A run of the simulation against the Device Manager at `url`. */
export interface SimulationOptions {
  readonly url: string;
  /** Key of the webhook sender. */
  readonly apiKey: string;
  /** Bearer that may register devices and read back: an operator's access token, or the service token. */
  readonly bearer: string;
  readonly devices: number;
  readonly deliveries: number;
  /** Deliveries per second; as fast as they are answered when undefined. */
  readonly ratePerSecond?: number | undefined;
  readonly faults: readonly Fault[];
  /** What the deliveries are written in, one of them by chance. */
  readonly formats: readonly Format[];
  readonly seed: number;
  /** Told of each delivery when it was answered. */
  readonly onSent: (line: LedgerLine) => void;
}

/** One line of the ledger: what was sent and what came back, without the values. */
export interface LedgerLine {
  readonly correlationId: string;
  readonly deviceId: string;
  readonly patientId: string;
  readonly fault: Fault | undefined;
  readonly expected: SimulatedDelivery['expected'];
  /** HTTP status of each time it was sent; 0 for none. */
  readonly statuses: readonly number[];
  /** Identifiers that the answers named. */
  readonly ids: readonly string[];
}

/** What must be true afterwards, counted; all but `sent` and `acknowledged` must be 0. */
export interface Reconciliation {
  readonly sent: number;
  readonly acknowledged: number;
  /** Acknowledged, and not to be found. */
  readonly lost: number;
  /** More samples than deliveries. */
  readonly doubled: number;
  readonly wrongPatient: number;
  /** Refused that should have been kept, kept that should have been refused, or quarantined against expectation. */
  readonly unexpected: number;
}

const AT_ONCE = 16;
/** One in so many deliveries is spoilt, by each fault in turn. */
const SPOILT_ONE_IN = 4;

type Call = (method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: string) => Promise<{ status: number; value: unknown }>;

const caller = (pool: Pool, prefix: string): Call => async (method, path, headers, body) => {
  const { statusCode, body: answer } = await pool.request({ method, path: `${prefix}${path}`, headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }, ...(body !== undefined && { body }) });
  const text = await answer.text();
  return { status: statusCode, value: text === '' ? undefined : (JSON.parse(text) as unknown) };
};

/** Does work on each value, some at once, in no order. */
const forEach = async <Value>(values: Iterable<Value>, work: (value: Value) => Promise<void>): Promise<void> => {
  const rest = values[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
};

const enrol = async (call: Call, bearer: string, { deviceId, serialNumber, patientId }: SimulatedDevice): Promise<void> => {
  const device = { deviceId, serialNumber, deviceType: 'Medical', deviceProvider: 'medisante', name: 'Simulated', assignedPatientId: patientId, assignedFrom: '2015-01-01T00:00:00Z' };
  const { status } = await call('POST', '/devices/assign', { authorization: `Bearer ${bearer}` }, JSON.stringify(device));
  if (status !== 200) throw new Error(`Devices cannot be assigned: the Device Manager answers ${String(status)}.`);
};

const deliver = async (call: Call, apiKey: string, { body, contentType, times, correlationId, device, fault, expected }: SimulatedDelivery): Promise<LedgerLine> => {
  // A sender that is not answered sends again, and may not wait for the first answer.
  const answers = await Promise.all(Array.from({ length: times }, () => call('POST', '/health-data/medisante', { 'x-api-key': apiKey, 'content-type': contentType }, body).catch(() => ({ status: 0, value: undefined }))));
  const ids = answers.flatMap(({ status, value }) => (status === 200 ? [(value as { _id: string })._id] : []));
  return { correlationId, deviceId: device.deviceId, patientId: device.patientId, fault, expected, statuses: answers.map(({ status }) => status), ids };
};

interface Found {
  readonly status: number;
  readonly patientId?: string;
  readonly state?: string;
}

const lookUp = async (call: Call, bearer: string, id: string): Promise<Found> => {
  const { status, value } = await call('GET', `/health-data/${id}`, { authorization: `Bearer ${bearer}` });
  return status === 200 ? { status, ...(value as { patientId?: string; state?: string }) } : { status };
};

const countsOf = ({ expected, statuses, ids, patientId }: LedgerLine, found: Found): Omit<Reconciliation, 'sent' | 'acknowledged'> => {
  const isKept = found.status === 200;
  const isQuarantined = found.state === 'quarantined';
  const isAsExpected = expected === 'refused' ? statuses.every((status) => status === 400) : ids.length === statuses.length && isQuarantined === (expected === 'quarantined');
  return {
    lost: ids.length > 0 && !isKept ? 1 : 0,
    doubled: Math.max(0, new Set(ids).size - 1),
    wrongPatient: isKept && !isQuarantined && found.patientId !== patientId ? 1 : 0,
    unexpected: isAsExpected ? 0 : 1,
  };
};

/** All samples that the service has for a patient; pages of 200. */
const samplesOf = async (call: Call, bearer: string, patientId: string): Promise<number> => {
  for (let skip = 0; ; skip += 200) {
    const { status, value } = await call('GET', `/health-data?patientId=${patientId}&_l=200&_sk=${String(skip)}`, { authorization: `Bearer ${bearer}` });
    if (status !== 200 || !Array.isArray(value)) throw new Error(`Samples cannot be listed: the Device Manager answers ${String(status)}.`);
    if (value.length < 200) return skip + value.length;
  }
};

const reconcile = async (call: Call, bearer: string, ledger: readonly LedgerLine[], devices: readonly SimulatedDevice[]): Promise<Reconciliation> => {
  let total: Reconciliation = { sent: ledger.length, acknowledged: ledger.filter(({ ids }) => ids.length > 0).length, lost: 0, doubled: 0, wrongPatient: 0, unexpected: 0 };
  const add = (counts: Partial<Reconciliation>): void => {
    const { lost = 0, doubled = 0, wrongPatient = 0, unexpected = 0 } = counts;
    total = { ...total, lost: total.lost + lost, doubled: total.doubled + doubled, wrongPatient: total.wrongPatient + wrongPatient, unexpected: total.unexpected + unexpected };
  };
  await forEach(ledger, async (line) => {
    const [id] = line.ids;
    add(countsOf(line, id === undefined ? { status: 0 } : await lookUp(call, bearer, id)));
  });
  await forEach(devices, async ({ patientId }) => {
    const expected = ledger.filter((line) => line.patientId === patientId && line.expected === 'kept' && line.ids.length > 0).length;
    add({ doubled: Math.max(0, (await samplesOf(call, bearer, patientId)) - expected) });
  });
  return total;
};

/** Sends what devices would send, faults and all, and checks afterwards that nothing was lost, doubled or given to the wrong patient. */
export const simulateMedisante = async ({ url, apiKey, bearer, ...options }: SimulationOptions): Promise<Reconciliation> => {
  const base = new URL(url);
  const pool = new Pool(base.origin, { connections: AT_ONCE * 5 });
  const call = caller(pool, base.pathname.replace(/\/$/, ''));
  const random = createRandom(options.seed);
  const nowMs = Date.now();
  const run = `${String(options.seed)}-${nowMs.toString(36)}`;
  const devices = simulatedDevices(random, options.devices, run);
  const deliveries = Array.from({ length: options.deliveries }, (_, index) => {
    const fault = options.faults.length > 0 && random.whole(1, SPOILT_ONE_IN) === 1 ? options.faults[index % options.faults.length] : undefined;
    return simulatedDelivery(random, random.oneOf(devices), fault, { run, nowMs, format: random.oneOf(options.formats) });
  });
  const ledger: LedgerLine[] = [];
  const startedMs = performance.now();
  try {
    await forEach(devices, (device) => enrol(call, bearer, device));
    let sent = 0;
    await forEach(deliveries, async (delivery) => {
      const dueMs = options.ratePerSecond === undefined ? 0 : (1000 * sent++) / options.ratePerSecond - (performance.now() - startedMs);
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
      const line = await deliver(call, apiKey, delivery);
      ledger.push(line);
      options.onSent(line);
    });
    return await reconcile(call, bearer, ledger, devices);
  } finally {
    await pool.close();
  }
};
