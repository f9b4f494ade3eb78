import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { inTransaction } from '../../src/database/transaction.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord } from './client.ts';

interface Run {
  readonly state: string;
  readonly counts: Readonly<Record<string, number>>;
}

let vitalgate: TestVitalgate;
let operator: Client;
let sender: Client;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
}, 60_000);
afterAll(() => vitalgate.stop());

/** Monitors count in hertz; the wrong rule takes that for beats per minute. */
const rule = (units: object = {}) => ({
  identifier: 'monitor', providerId: 'medisante', dataTypes: ['MonitorPulse'], normalizedDataType: 'heart-rate',
  normalizationRules: { observations: [{ metric: '/measurements/pulse', required: true, units, targets: [{ code: '8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min' }] }] },
});

const deliver = async (hertz: number) =>
  (await answered<{ _id: string }>(sender.post('/health-data/medisante', {
    metadata: { correlationId: randomUUID(), measurementType: 'MonitorPulse' }, device: { id: 'Maker:Monitor:1' }, measurements: { pulse: { value: hertz, unit: 'Hz' }, timestamp: '2024-05-01T10:00:00Z' },
  })))._id;
const record = (_id: string) => answered<KeptRecord & { ruleVersion?: number }>(service(vitalgate).get(`/health-data/${_id}`));

const mend = async (): Promise<Run> => {
  await answered(operator.send('/health-data-types/monitor?version=1001', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(rule()) }));
  const { _id } = (await (await operator.post('/renormalizations', { ruleId: 'monitor', ruleVersion: 1001, dryRun: false })).json()) as { _id: string };
  return eventually(() => answered<Run>(operator.get(`/renormalizations/${_id}`)), ({ state }) => state === 'done');
};

test('a run that is begun after a change finds what was being normalized by the rule before it', async () => {
  const { pool } = vitalgate.database;
  await answered(service(vitalgate, newPatient()).post('/devices/assign', { ...cuff('Maker:Monitor:1'), assignedFrom: '2024-01-01T00:00:00Z' }));
  await answered(operator.post('/health-data-types', rule({ Hz: '/min' })));
  const waiting = async () => (await pool.query(`select from pg_locks where relation = 'device_manager.normalized_chunk'::regclass and not granted`)).rowCount ?? 0;
  const { _id, mending } = await inTransaction(pool, async (holder) => {
    await holder.query('lock table device_manager.normalized_chunk in share mode');
    const kept = await deliver(1.5);
    // The wrong rule has been read, and its record is about to be written.
    await eventually(waiting, (waiters) => waiters > 0);
    const begun = mend();
    await Promise.race([begun, new Promise((resolve) => setTimeout(resolve, 2000))]);
    return { _id: kept, mending: begun };
  });
  expect((await mending).counts).toMatchObject({ samples: 1, changed: 1 });
  const { state, ruleVersion, normalizedData } = await eventually(() => record(_id), (one) => one.state === 'normalized');
  expect([state, ruleVersion, normalizedData?.observations.map(({ value }) => value)]).toEqual(['normalized', 1002, [90]]);
});
