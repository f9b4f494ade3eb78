import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord } from './client.ts';

interface Run {
  readonly state: string;
  readonly counts: Readonly<Record<string, number>>;
}

const patients = Array.from({ length: 3 }, newPatient).sort();
/** A run comes to the patients in this order. */
const [damaged = ''] = patients;
const [right, wrong] = [{}, { Hz: '/min' }];

const rule = (units: object) => ({
  identifier: 'monitor', providerId: 'medisante', dataTypes: ['MonitorPulse'], normalizedDataType: 'heart-rate',
  normalizationRules: { observations: [{ metric: '/measurements/pulse', required: true, units, targets: [{ code: '8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min' }] }] },
});

const flipped = (column: string) => `${column} = set_byte(${column}, 40, get_byte(${column}, 40) # 1)`;

/** Each breaks something of the reading of May, and mends it when it is said again. */
const damages: readonly (readonly [situation: string, sql: string, unreadable: number])[] = [
  ['its payload', `update device_manager.payload set ${flipped('body')} where patient_id = $1 and payload_id = (select payload_id from device_manager.sample where _id = $2::uuid)`, 1],
  ['its record', `update device_manager.normalized_chunk set ${flipped('body')} where patient_id = $1 and payload_id = (select payload_id from device_manager.sample where _id = $2::uuid)`, 1],
  ['the chart of its day', `update device_manager.series_chunk set ${flipped('body')} where patient_id = $1 and day = (select recorded_at::date from device_manager.sample where _id = $2::uuid)`, 1],
  ['a key of its patient', `update device_manager_keys.data_key set ${flipped('wrapped_key')} where scope = 'patient:' || $1 and $2 <> ''`, 2],
];

describe('a run over samples of which one does not open', () => {
  let vitalgate: TestVitalgate;
  let operator: Client;
  let sender: Client;
  let version = 0;

  const changeTo = async (units: object): Promise<void> => {
    const init = { method: version === 0 ? 'POST' : 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(rule(units)) };
    const answer = await operator.send(`/health-data-types${version === 0 ? '' : `/monitor?version=${String(version)}`}`, init);
    ({ version } = (await answer.json()) as { version: number });
  };
  const deliver = async (patient: string, hertz: number, timestamp: string): Promise<string> => {
    const body = { metadata: { correlationId: randomUUID(), measurementType: 'MonitorPulse' }, device: { id: `Monitor:${patient}` }, measurements: { pulse: { value: hertz, unit: 'Hz' }, timestamp } };
    return (await answered<{ _id: string }>(sender.post('/health-data/medisante', body)))._id;
  };
  const record = (_id: string) => answered<KeptRecord>(service(vitalgate).get(`/health-data/${_id}`));
  const valuesOf = async (samples: readonly string[]) => (await Promise.all(samples.map(record))).map(({ normalizedData }) => normalizedData?.observations[0]?.value);
  const run = async (ruleVersion: number, dryRun: boolean): Promise<Run> => {
    const { _id } = (await (await operator.post('/renormalizations', { ruleId: 'monitor', ruleVersion, dryRun })).json()) as { _id: string };
    return eventually(() => answered<Run>(operator.get(`/renormalizations/${_id}`)), ({ state }) => state === 'done');
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    for (const patient of patients) await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(`Monitor:${patient}`), assignedFrom: '2024-01-01T00:00:00Z' }));
  });
  afterAll(() => vitalgate.stop());

  test.each(damages.map(([situation, sql, unreadable], index) => ({ situation, sql, unreadable, day: `0${String(index + 1)}` })))('leaves out $situation alone, tells of it, and finds it in the next run once it is mended', async ({ sql, unreadable, day }) => {
    const { pool } = vitalgate.database;
    await changeTo(wrong);
    const wrongVersion = version;
    const first = await deliver(damaged, 1.5, `2024-05-${day}T10:00:00Z`);
    const others = [await deliver(damaged, 1.5, `2024-06-${day}T10:00:00Z`)];
    for (const patient of patients.slice(1)) others.push(await deliver(patient, 1.5, `2024-05-${day}T10:00:00Z`));
    await eventually(() => valuesOf([first, ...others]), (values) => values.every((value) => value === 1.5));
    await changeTo(right);
    const { rows: [{ payload } = { payload: '' }] } = await pool.query<{ payload: string }>(`select replace(payload_id::text, '-', '') as payload from device_manager.sample where _id = $1::uuid`, [first]);

    expect((await pool.query(sql, [damaged, first])).rowCount).toBe(1);
    expect(await run(wrongVersion, false)).toMatchObject({ state: 'done', counts: { samples: 4, unchanged: 0, changed: 4 - unreadable, repaired: 0, broken: 0, unreadable } });
    expect(vitalgate.logged().split('\n').filter((line) => line.includes('"where":"renormalization"') && line.includes(payload))).toHaveLength(1);

    await pool.query(sql, [damaged, first]);
    expect(await valuesOf([first, ...others])).toEqual([1.5, unreadable === 2 ? 1.5 : 90, 90, 90]);
    expect((await run(wrongVersion, false)).counts).toMatchObject({ samples: unreadable, changed: unreadable, unreadable: 0 });
    expect(await valuesOf([first, ...others])).toEqual([90, 90, 90, 90]);
  });
});
