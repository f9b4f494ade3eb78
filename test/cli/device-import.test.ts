import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { bloodPressure, clientWith, eventually } from '../device-manager/client.ts';
import { commandLineHere } from './command-line.ts';

interface Outcome {
  readonly known: number;
  readonly assigned: number;
  readonly failures: readonly { readonly row: number; readonly error: string }[];
}

describe('vitalgate devices import', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-device-import-'));
  let vitalgate: TestVitalgate;
  let anna: TestUser;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    anna = await vitalgate.addUser({ username: 'anna' });
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const load = async (text: string): Promise<{ code: number | null; told: string; outcome: Outcome }> => {
    const path = join(folder, 'devices.csv');
    writeFileSync(path, text);
    const { code, out, told } = await commandLineHere({ DATA_DIR: folder, DATABASE_URL: vitalgate.database.url }).run(['--json', 'devices', 'import', path]);
    return { code, told, outcome: out === '' ? { known: 0, assigned: 0, failures: [] } : (JSON.parse(out) as Outcome) };
  };
  const holderOf = async (deviceId: string) =>
    (await vitalgate.database.pool.query<{ patient_id: string | null; assigned_from: Date | null; serial_number: string | null }>(
      'select a.patient_id, a.assigned_from, d.serial_number from device_manager.device d left join device_manager.assignment a on a.device = d._id where d.device_id = $1', [deviceId],
    )).rows;

  test('makes devices known and gives them away; the same file again changes nothing', async () => {
    const file = '\ufeffdeviceId,provider,type,name,serialNumber,patient,from\r\nimp-1,medisante,Medical,"Cuff, large",0001234,anna,2020-01-01T00:00:00Z\r\nimp-2,medisante,Medical,,,,\r\n';
    expect(await load(file)).toMatchObject({ code: 0, outcome: { known: 1, assigned: 1, failures: [] } });
    const first = [await holderOf('imp-1'), await holderOf('imp-2')];
    expect(first).toEqual([[{ patient_id: anna.id, assigned_from: new Date('2020-01-01T00:00:00Z'), serial_number: '0001234' }], [{ patient_id: null, assigned_from: null, serial_number: null }]]);
    expect((await load(file)).code).toBe(0);
    expect([await holderOf('imp-1'), await holderOf('imp-2')]).toEqual(first);
  });

  test('a serial number that a later file adds releases what waits under it to the holder', async () => {
    expect((await load('deviceId,provider,type,patient,from\nimp-3,medisante,Medical,anna,2020-01-01T00:00:00Z\n')).code).toBe(0);
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    expect((await sender.post('/health-data/medisante', bloodPressure({ serialNumber: 'S-3' }, '2024-03-02T09:10:11Z'))).status).toBe(200);
    const kept = async () => (await vitalgate.database.pool.query<{ device_id: string }>('select device_id from device_manager.whole_sample where patient_id = $1', [anna.id])).rows;
    expect(await kept()).toEqual([]);
    expect((await load('deviceId,provider,type,serialNumber\nimp-3,medisante,Medical,S-3\n')).code).toBe(0);
    expect(await eventually(kept, (rows) => rows.length === 1)).toEqual([{ device_id: 'imp-3' }]);
  });

  test.each<[string, string, RegExp]>([
    ['nobody’s name', 'bad,medisante,Medical,nobody,', /no user|nobody|There is/i],
    ['no device id', ',medisante,Medical,,', /deviceId is empty/],
    ['an instant without offset', 'bad,medisante,Medical,anna,2020-01-01', /from is no instant/],
    ['a HealthKit device of nobody', 'bad,apple-healthkit,Wearable,,', /whose HealthKit device/],
  ])('a row with %s costs itself alone, and the exit code is 1', async (situation, row, error) => {
    const tag = String(situation.length);
    const { code, outcome } = await load(`deviceId,provider,type,patient,from\nok-${tag}-1,medisante,Medical,,\n${row}\nok-${tag}-2,medisante,Medical,anna,\n`);
    expect([code, outcome]).toEqual([1, { known: 1, assigned: 1, failures: [{ row: 2, error: expect.stringMatching(error) }] }]);
    expect(await holderOf('bad')).toEqual([]);
  });

  test.each<[string, string]>([['rows of different lengths', 'deviceId,provider,type\na,b\n'], ['an open quote', 'deviceId,provider,type\n"a,b,c\n']])('a file with %s is wrong use', async (_situation, text) => {
    expect((await load(text)).code).toBe(2);
  });

  test('a column nobody knows is told for each row, and nothing is made known', async () => {
    const { code, outcome } = await load('deviceId,provider,type,colour\nimp-9,medisante,Medical,red\n');
    expect([code, outcome.failures]).toEqual([1, [{ row: 1, error: 'a column has no known name' }]]);
    expect(await holderOf('imp-9')).toEqual([]);
  });
});
