import { Pool } from 'undici';
import { deliver, type LedgerLine } from './delivering.ts';
import { caller, fine, type Call } from './json-call.ts';
import { reconcile, type Reconciliation } from './medisante-reconciliation.ts';
import { simulatedDelivery, simulatedDevices, type Fault, type SimulatedDevice } from './medisante.ts';
import { patient } from './patience.ts';
import { createRandom } from './random.ts';
import { AT_ONCE, forEach } from './some-at-once.ts';
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

/** One in so many deliveries is spoilt, by each fault in turn. */
const SPOILT_ONE_IN = 4;

const enrol = async (call: Call, bearer: string, { deviceId, serialNumber, patientId }: SimulatedDevice): Promise<void> => {
  const device = { deviceId, serialNumber, deviceType: 'Medical', deviceProvider: 'medisante', name: 'Simulated', assignedPatientId: patientId, assignedFrom: '2015-01-01T00:00:00Z' };
  await fine('Devices cannot be assigned', call('POST', '/devices/assign', device, { authorization: `Bearer ${bearer}` }));
};

/** Sends what devices would send, faults and all, and checks afterwards that nothing was lost, doubled or given to the wrong patient. */
export const simulateMedisante = async ({ url, apiKey, bearer, ...options }: SimulationOptions): Promise<Reconciliation> => {
  const base = new URL(url);
  const pool = new Pool(base.origin, { connections: AT_ONCE * 5 });
  const call = caller(pool, 'the Device Manager', base);
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
    await forEach(devices, (device) => enrol(patient(call), bearer, device));
    let sent = 0;
    await forEach(deliveries, async (delivery) => {
      const dueMs = options.ratePerSecond === undefined ? 0 : (1000 * sent++) / options.ratePerSecond - (performance.now() - startedMs);
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
      const line = await deliver(call, apiKey, delivery);
      ledger.push(line);
      options.onSent(line);
    });
    return await reconcile(patient(call), bearer, ledger, devices);
  } finally {
    await pool.close();
  }
};
