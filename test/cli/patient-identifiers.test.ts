import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeServerFile } from '../../src/server-file.ts';
import { appWith } from '../bff/app.ts';
import { answered, bloodPressure, clientWith, eventually, type KeptRecord } from '../device-manager/client.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLineHere, printed } from './command-line.ts';

interface Held {
  readonly deviceId: string;
  readonly patientId?: string;
}

const masterKey = randomBytes(32).toString('hex');

describe.each<[string, string, (user: TestUser) => string]>([
  ['an e-mail address', 'email', ({ username }) => `${username}@example.org`],
  ['the subject of a sign-in', 'sub', ({ username }) => `subject of ${username}`],
  ['the name to sign in with', 'preferred_username', ({ username }) => username],
  ['a custom property', 'studyNumber', ({ username }) => `study ${username}`],
])('where a patient is known by %s, the command line', (_situation, key, idOf) => {
  let vitalgate: TestVitalgate;
  let dataDir: string;
  let anna: TestUser;
  const run = (...words: string[]) => commandLineHere({ DATA_DIR: dataDir, MASTER_KEY: masterKey, CUSTOM_USER_ID_KEY: key }).run(['--json', ...words]);
  const newDevice = (deviceId: string) => ['--device-id', deviceId, '--provider', 'medisante', '--type', 'Medical'];
  const addPatient = async (username: string): Promise<TestUser> => {
    const user = await vitalgate.addUser({ username });
    await vitalgate.database.pool.query('update user_manager.user_account set auth_user_id = $2, properties = $3 where _id = $1', [user.id, `subject of ${username}`, { studyNumber: `study ${username}` }]);
    return user;
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ CUSTOM_USER_ID_KEY: key, MASTER_KEY: masterKey });
    dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-cli-patients-'));
    writeServerFile(dataDir, { pid: process.pid, urls: {}, database: vitalgate.database.connection });
    anna = await addPatient('anna');
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('gives a device to whom the BFF knows: what it delivers is shown to the person', async () => {
    await printed(run('devices', 'add', ...newDevice('cuff-1')));
    expect(await printed(run('devices', 'assign', 'cuff-1', '--patient', 'anna', '--from', '2024-03-01T00:00:00Z'))).toMatchObject({ patientId: idOf(anna) });
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    const { _id } = await answered<{ _id: string }>(sender.post('/health-data/medisante', bloodPressure({ id: 'cuff-1' }, '2024-03-02T09:10:11Z')));
    const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(anna));
    const seen = await eventually(async () => answered<KeptRecord[]>(app.get('/health-data')), (records) => records.some(({ state }) => state === 'normalized'));
    expect(seen).toMatchObject([{ _id, deviceId: 'cuff-1', patientId: idOf(anna) }]);
  });

  test('adds, imports and lists devices of the same patient', async () => {
    expect(await printed(run('devices', 'add', ...newDevice('cuff-2'), '--patient', 'anna'))).toMatchObject({ patientId: idOf(anna) });
    const file = join(dataDir, 'devices.csv');
    writeFileSync(file, 'deviceId,provider,type,patient\ncuff-3,medisante,Medical,anna\n');
    expect(await printed(run('devices', 'import', file))).toMatchObject({ assigned: 1 });
    for (const name of ['anna', anna.id, idOf(anna)]) {
      const held = await printed<Held[]>(run('devices', 'list', '--patient', name));
      expect(held.filter(({ deviceId }) => deviceId !== 'cuff-1').map(({ deviceId, patientId }) => [deviceId, patientId]).toSorted()).toEqual([['cuff-2', idOf(anna)], ['cuff-3', idOf(anna)]]);
    }
  });

  test('gives the same patient a new data key, and erases all of theirs', async () => {
    const ben = await addPatient('ben');
    await printed(run('devices', 'add', ...newDevice('cuff-4'), '--patient', 'ben'));
    expect(await printed(run('keys', 'rotate', '--data', '--user', 'ben'))).toMatchObject({ patientId: idOf(ben) });
    await printed(run('patients', 'erase', '--user', 'ben', '--confirm', 'ben'));
    const { rows } = await vitalgate.database.pool.query('select patient_id from device_manager.assignment where patient_id = any($1)', [[ben.id, idOf(ben)]]);
    expect(rows).toEqual([]);
  });
});

describe('where not everybody has what a patient is known by, the command line', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-cli-patients-'));
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    for (const username of ['anna', 'study 1', 'carla']) await vitalgate.addUser({ username });
    await vitalgate.database.pool.query(`update user_manager.user_account set properties = case username when 'anna' then '{"studyNumber":"study 1"}'::jsonb else '{"studyNumber":"study 2"}' end where username <> 'carla'`);
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test.each<[string, string, number, string]>([
    ['who has nothing under that name', 'carla', 2, 'CUSTOM_USER_ID_KEY'],
    ['whose identifier is the name of somebody else', 'study 1', 1, 'the name or _id of somebody else'],
    ['whom nobody knows', 'study 3', 3, 'There is no user'],
  ])('refuses a patient %s', async (_situation, name, code, reason) => {
    const { run } = commandLineHere({ DATA_DIR: dataDir, DATABASE_URL: vitalgate.database.url, CUSTOM_USER_ID_KEY: 'studyNumber' });
    for (const words of [['devices', 'list', '--patient', name], ['devices', 'add', '--device-id', 'x', '--provider', 'medisante', '--type', 'Medical', '--patient', name]]) {
      expect(await run(words)).toMatchObject({ code, out: '', told: expect.stringContaining(reason) });
    }
    expect((await vitalgate.database.pool.query('select from device_manager.assignment')).rowCount).toBe(0);
  });
});
