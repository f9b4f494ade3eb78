import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, chartOf, clientWith, cuff, heartRate, newPatient, service, watch } from './client.ts';

/** All rows of all tables as text, binary columns also decoded byte by byte. */
const dumpOf = async ({ database: { pool } }: TestVitalgate): Promise<string> => {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`);
  const lines: string[] = [];
  for (const { name } of tables) {
    const { rows } = await pool.query<Record<string, unknown>>(`select * from ${name}`);
    lines.push(name, ...rows.flatMap((row) => Object.values(row).map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value)))));
  }
  return lines.join('\n');
};

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
});
afterAll(() => vitalgate.stop());

test('no value, note or key that was sent lies in clear in any table or in the log; what may lie there does', async () => {
  const anna = newPatient();
  const client = service(vitalgate, anna);
  const { key } = await vitalgate.createWebhookKey();
  const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key });
  await answered(client.post('/devices/assign', watch));
  await answered(client.post('/devices/assign', { ...cuff('known-cuff'), assignedFrom: '2024-03-01T00:00:00Z' }));
  await answered(client.post('/health-data/healthkit?unit=bpm', [heartRate(0, { value: 71.8374652, sourceName: 'planted-source', metadata: { note: 'planted-note' } })]));
  const pressure = bloodPressure({ id: 'known-cuff' }, '2024-03-02T09:10:11Z');
  await answered(sender.post('/health-data/medisante', { ...pressure, note: 'planted-delivery', measurements: { ...pressure.measurements, pulse: { value: 68.2938475, unit: 'bpm' } } }));
  await answered(sender.post('/health-data/medisante', { ...bloodPressure({ id: 'unknown-cuff' }, '2024-03-02T09:10:11Z'), note: 'planted-quarantine', value: 57.1928374 }));
  expect(await chartOf(client, 'heart-rate', 1)).toMatchObject([{ data: [{ y: 71.8374652 }] }]);
  expect((await chartOf(client, 'blood-pressure', 3)).flatMap(({ data }) => data.map(({ y }) => y))).toContain(68.2938475);

  const places = { tables: await dumpOf(vitalgate), log: vitalgate.logged() };
  expect(places.tables).toContain('HKQuantityTypeIdentifierHeartRate');
  expect(places.log).toContain('receiveMedisante');
  const secrets = ['71.8374652', 'planted-source', 'planted-note', 'planted-delivery', '68.2938475', 'planted-quarantine', '57.1928374', '16400', key, vitalgate.serviceToken];
  expect(Object.entries(places).flatMap(([place, text]) => secrets.filter((secret) => text.includes(secret)).map((secret) => `${secret} in ${place}`))).toEqual([]);
});
