import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../src/simulator/random.ts';
import type { Arrived } from '../../src/therapy-monitoring/contract.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { answered, eventually, heartRate, newPatient, service, watch } from '../device-manager/client.ts';
import { startTherapyMonitoring, type Fault, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

/** Detections in each situation: few in CI, 10000 in full size. */
const count = Number(process.env['SUBMITTED_DETECTIONS'] ?? 500);
const patients = 5;
const perPatient = Math.ceil(count / patients);
const seed = Number(process.env['SEED'] ?? 20260801);

/** Poison: every so many, one that is refused, and one that is answered by an error whenever it is sent. */
const isRefused = (second: number) => second % 50 === 7;
const isBroken = (second: number) => second % 100 === 33;
const secondsIn = ({ bytes }: Arrived): number[] => [...bytes.toString('utf8').matchAll(/"observedAt":"([^"]+)"/g)].map(([, at]) => (Date.parse(at ?? '') - Date.UTC(2024, 6, 1)) / 1000);

const random: readonly Fault[] = ['error', 'error-after', 'cut', 'cut-after', 'html', 'silence', 'unauthorized', 'busy'];

interface Outcome {
  readonly state: string;
  readonly reason: string | null;
  readonly second: number;
}

describe.each([['knows idempotency keys', true], ['knows none, as the original', false]] as const)('a Therapy and Monitoring Manager that fails at random and is killed twice, and %s', (_situation, honoursKeys) => {
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  beforeAll(async () => {
    tmm = await startTherapyMonitoring({ honoursKeys });
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url, TMM_RETRY_SECONDS: 0.02, TMM_TIMEOUT_SECONDS: 1, TMM_MAX_FAILURES: 6 });
    tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${vitalgate.urls.deviceManager}/prototypes/`)));
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
  });

  const outcomes = async (): Promise<Outcome[]> =>
    (await vitalgate.database.pool.query<Outcome>(`select state, reason, extract(epoch from observed_at - '2024-07-01T00:00:00Z')::int as second from device_manager.submission`)).rows;

  test(`of ${String(count)} detections each arrives once, none is lost, and poison is parked with its reason`, async () => {
    const draw = createRandom(seed);
    tmm.fault = (one) => {
      const seconds = one.method === 'POST' ? secondsIn(one) : [];
      if (seconds.some(isRefused)) return 'refusal';
      if (seconds.some(isBroken)) return 'error';
      return draw.next() < 0.05 ? draw.oneOf(random) : undefined;
    };
    for (let index = 0; index < patients; index += 1) {
      const patientId = newPatient();
      tmm.addPlan({ _id: `plan-${patientId}`, planName: 'Pulse', prototypeId: 'heart-rate', patientId, doctorId: 'd', startDate: '2024-01-01T00:00:00.000Z' });
      const app = service(vitalgate, patientId);
      await answered(app.post('/devices/assign', watch));
      for (let first = 0; first < perPatient; first += 1000) {
        await answered(app.post('/health-data/healthkit', Array.from({ length: Math.min(1000, perPatient - first) }, (_, second) => heartRate(first + second, { value: 50 + ((first + second) % 100) }))));
      }
    }
    const total = patients * perPatient;
    for (const share of [0.2, 0.6]) {
      while (tmm.written.length < total * share) await sleep(20);
      await tmm.kill();
      await sleep(300);
      await tmm.restart();
    }
    const isSettled = (rows: readonly Outcome[]) => rows.length === total && rows.every(({ state }) => state === 'delivered' || state === 'parked');
    let rows = await outcomes();
    for (let waitedMs = 0; !isSettled(rows) && waitedMs < 60_000 + count * 60; waitedMs += 500) {
      await sleep(500);
      rows = await outcomes();
    }
    const expected = Array.from({ length: perPatient }, (_, second) => second).flatMap((second) => Array.from({ length: patients }, () => second));
    const told = ({ state, reason }: Outcome) => (state === 'delivered' ? 'delivered' : `${state}: ${String(reason)}`);
    const countOf = (values: readonly string[]) => Object.fromEntries([...Map.groupBy(values, (value) => value)].map(([value, all]): [string, number] => [value, all.length]).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    expect(countOf(rows.map(told))).toEqual(countOf(expected.map((second) => (isRefused(second) ? 'parked: detection-refused' : isBroken(second) ? 'parked: tmm-unavailable' : 'delivered'))));
    const keys = tmm.written.map(({ key }) => key);
    const wanted = expected.filter((second) => !isRefused(second) && !isBroken(second));
    expect(new Set(keys).size).toBe(keys.length);
    expect(tmm.written.map(({ observedAt }) => (Date.parse(observedAt) - Date.UTC(2024, 6, 1)) / 1000).toSorted((a, b) => a - b)).toEqual(wanted.toSorted((a, b) => a - b));
    expect(tmm.breaches).toEqual([]);
    expect(tmm.arrived.filter(({ fault }) => fault !== undefined).length).toBeGreaterThan(count / 20);
    expect(vitalgate.logged()).not.toContain('"job failed"');
  }, 120_000 + count * 120);
});

describe('a Therapy and Monitoring Manager that takes its time, and knows no idempotency keys', () => {
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  beforeAll(async () => {
    tmm = await startTherapyMonitoring({ honoursKeys: false });
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url, TMM_RETRY_SECONDS: 0.02, TMM_TIMEOUT_SECONDS: 60 });
    tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${vitalgate.urls.deviceManager}/prototypes/`)));
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
  });

  test('a request under way when the database ends every connection is the only one: one detection', async () => {
    const patientId = newPatient();
    const isWrite = ({ method }: Arrived) => method === 'POST';
    tmm.lateMs = (one) => (isWrite(one) ? 15_000 : 0);
    tmm.addPlan({ _id: 'plan', planName: 'Pulse', prototypeId: 'heart-rate', patientId, doctorId: 'd', startDate: '2024-01-01T00:00:00.000Z' });
    const app = service(vitalgate, patientId);
    await answered(app.post('/devices/assign', watch));
    await answered(app.post('/health-data/healthkit', [heartRate(0)]));
    while (!tmm.arrived.some(isWrite)) await sleep(20);
    await vitalgate.database.pool.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()');
    const state = async () => (await vitalgate.database.pool.query<{ state: string }>('select state from device_manager.submission')).rows.map((row) => row.state);
    await eventually(state, (states) => states.includes('delivered'));
    expect([tmm.written.length, tmm.arrived.filter(isWrite).length, await state()]).toEqual([1, 1, ['delivered']]);
  }, 120_000);
});
