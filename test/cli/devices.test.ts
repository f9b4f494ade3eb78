import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answered, bloodPressure, clientWith, eventually, newPatient, service, type KeptRecord } from '../device-manager/client.ts';
import { createTestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLineHere, printed, type RunOptions } from './command-line.ts';

interface Added {
  readonly _id: string;
  readonly deviceId: string;
  readonly patientId?: string;
}

describe('vitalgate devices, beside a running server', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-devices-'));
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const run = (words: readonly string[], options?: RunOptions) => commandLineHere({ DATA_DIR: dataDir, DATABASE_URL: vitalgate.database.url }).run(words, options);
  const cuffOf = (deviceId: string) => ['devices', 'add', '--device-id', deviceId, '--provider', 'Medisanté', '--type', 'Medical'];
  const watchOf = (deviceId: string) => ['devices', 'add', '--device-id', deviceId, '--provider', 'apple-healthkit', '--type', 'Wearable'];
  const auditOf = async (_id: string) =>
    (await vitalgate.database.pool.query<object>('select event, actor_kind, patient_id, request_id from device_manager.audit_event where resource = $1 order by at', [`device/${_id}`])).rows;

  test('a device is made known, given to a patient by name, and releases the delivery that waited for it; both acts are audited', async () => {
    const anna = await vitalgate.addUser();
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    const { _id: sample } = await answered<{ _id: string }>(sender.post('/health-data/medisante', bloodPressure({ id: 'cuff-1' }, '2024-03-02T09:10:11Z')));

    const added = await printed<Added>(run(['--json', ...cuffOf('cuff-1'), '--name', 'Cuff']));
    expect(added).toEqual({ _id: expect.stringMatching(/^[0-9a-f]{32}$/), deviceId: 'cuff-1' });
    const assigned = await printed<Added>(run(['--json', 'devices', 'assign', 'cuff-1', '--patient', anna.username, '--from', '2024-03-01T00:00:00Z']));
    expect(assigned).toEqual({ _id: added._id, deviceId: 'cuff-1', patientId: anna.id });

    const record = await eventually(() => answered<KeptRecord>(service(vitalgate).get(`/health-data/${sample}`)), ({ state }) => state === 'normalized');
    expect(record).toMatchObject({ patientId: anna.id, deviceId: 'cuff-1' });
    const requestId = expect.stringMatching(/^cli-[0-9a-f-]{36}$/);
    expect(await auditOf(added._id)).toEqual([
      { event: 'device-registered', actor_kind: 'command-line', patient_id: '', request_id: requestId }, { event: 'device-assigned', actor_kind: 'command-line', patient_id: anna.id, request_id: requestId },
    ]);
  });

  test('adding and assigning again changes nothing; a device is found by its _id too', async () => {
    const ben = await vitalgate.addUser();
    const { _id } = await printed<Added>(run(['--json', ...cuffOf('cuff-2')]));
    expect((await printed<Added>(run(['--json', ...cuffOf('cuff-2')])))._id).toBe(_id);
    for (const name of [_id, 'cuff-2']) expect((await run(['devices', 'assign', name, '--patient', ben.id])).out).toBe(`device cuff-2 is held by ${ben.id}\n`);
    const { rowCount } = await vitalgate.database.pool.query('select from device_manager.assignment where patient_id = $1', [ben.id]);
    expect(rowCount).toBe(1);
  });

  test('a watch is made known for its patient alone', async () => {
    const cleo = await vitalgate.addUser();
    const refused = await run(watchOf('apple-1'));
    expect([refused.code, refused.told]).toEqual([2, 'Say whose HealthKit device it is.\n']);
    const { _id } = await printed<Added>(run(['--json', ...watchOf('apple-1'), '--patient', cleo.username]));
    const [device] = await answered<{ _id: string }[]>(service(vitalgate, cleo.id).get('/devices'));
    expect(device?._id).toBe(_id);
    const dora = await vitalgate.addUser();
    expect(await run(['devices', 'assign', _id, '--patient', dora.id])).toEqual({ code: 1, out: '', told: expect.stringMatching(/^This is a HealthKit device of another patient/) });
    await run([...watchOf('apple-1'), '--patient', dora.username]);
    expect((await printed<Added>(run(['--json', 'devices', 'assign', 'apple-1', '--patient', cleo.username])))._id).toBe(_id);
  });

  test('list shows devices and who holds them', async () => {
    const emil = await vitalgate.addUser();
    await run([...cuffOf('cuff-3'), '--name', 'Old cuff', '--patient', emil.username]);
    await run(cuffOf('cuff-4'));
    const { out } = await run(['devices', 'list', '--all']);
    expect(out).toMatch(/^_id +device id +provider +type +name +held by +since\n/);
    expect(out).toMatch(new RegExp(`cuff-3 +Medisanté +Medical +Old cuff +${emil.id}  20\\d\\d-.*Z$`, 'm'));
    expect(out).toMatch(/cuff-4 +Medisanté +Medical +- +- +-$/m);
    const own = await printed<object[]>(run(['--json', 'devices', 'list', '--patient', emil.username]));
    expect(own).toEqual([{ _id: expect.stringMatching(/^[0-9a-f]{32}$/), deviceId: 'cuff-3', deviceProvider: 'Medisanté', deviceType: 'Medical', name: 'Old cuff', patientId: emil.id, assignedFrom: expect.stringMatching(/Z$/) }]);
    expect((await run(['devices', 'list', '--limit', '1'])).told).toBe('There are more than 1: --limit or --all shows them.\n');
  });

  test('what somebody else holds is not taken away', async () => {
    const [fred, greta] = [await vitalgate.addUser(), await vitalgate.addUser()];
    await run([...cuffOf('cuff-5'), '--patient', fred.username]);
    expect(await run(['devices', 'assign', 'cuff-5', '--patient', greta.username])).toEqual({ code: 1, out: '', told: 'Unassign the device from its current holder first.\n' });
  });

  test('an id that two providers use must be told apart', async () => {
    const hugo = await vitalgate.addUser();
    await run(cuffOf('twin'));
    await run(['devices', 'add', '--device-id', 'twin', '--provider', 'acme', '--type', 'Medical']);
    const { code, told } = await run(['devices', 'assign', 'twin', '--patient', hugo.username]);
    expect([code, told]).toEqual([1, expect.stringMatching(/^Several devices have this id, use their _id: [0-9a-f]{32} \(Medisanté\), [0-9a-f]{32} \(acme\)\.$/m)]);
  });

  test.each<[string, number, string[], RegExp]>([
    ['an unknown device', 3, ['devices', 'assign', 'none', '--patient', 'ida'], /^There is no device of this id/],
    ['an unknown patient', 3, ['devices', 'assign', 'cuff-6', '--patient', 'nobody'], /^There is no user of this name or _id/],
    ['a device for an unknown patient', 3, [...['devices', 'add', '--device-id', 'cuff-7', '--provider', 'medisante', '--type', 'Medical'], '--patient', 'nobody'], /^There is no user/],
    ['devices of an unknown patient', 3, ['devices', 'list', '--patient', 'nobody'], /^There is no user/],
    ['an instant that is none', 2, ['devices', 'assign', 'cuff-6', '--patient', 'ida', '--from', 'yesterday'], /^--from is an instant/],
    ['an instant to come', 2, ['devices', 'assign', 'cuff-6', '--patient', 'ida', '--from', '2199-01-01T00:00:00Z'], /^A device is assigned from now or earlier/],
    ['an empty id and a long type', 2, ['devices', 'add', '--device-id', '', '--provider', 'medisante', '--type', 'x'.repeat(101)], /^--device-id is empty\n--type is longer than 100/],
    ['a device without a provider', 2, ['devices', 'add', '--device-id', 'x', '--type', 'y'], /required option '--provider/],
  ])('refuses %s with exit code %d', async (_situation, exitCode, words, pattern) => {
    await vitalgate.addUser({ username: 'ida' }).catch(() => undefined);
    await service(vitalgate).post('/devices/assign', { deviceId: 'cuff-6', deviceType: 'Medical', deviceProvider: 'medisante', assignedPatientId: newPatient() });
    const { code, out, told } = await run(words);
    expect([code, out]).toEqual([exitCode, '']);
    expect(told).toMatch(pattern);
  });

  test('where people are kept elsewhere, the _id of a patient is taken as given, and no tables of people are made', async () => {
    const database = await createTestDatabase();
    try {
      const apart = commandLineHere({ DATA_DIR: dataDir, DATABASE_URL: database.url, SERVICES: 'device-manager', USER_MANAGER_URL: 'http://um', SERVICE_TOKEN: 't'.repeat(32) });
      expect(await printed<Added>(apart.run(['--json', ...cuffOf('cuff-8'), '--patient', 'patient-elsewhere']))).toMatchObject({ patientId: 'patient-elsewhere' });
      const { rows } = await database.pool.query(`select to_regclass('user_manager.user_account') as there`);
      expect(rows).toEqual([{ there: null }]);
    } finally {
      await database.drop();
    }
  });
});
