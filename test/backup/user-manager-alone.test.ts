import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eraseReturnedAccounts } from '../../src/device-manager/patients/returned-accounts.ts';
import { startErasure } from '../../src/device-manager/patients/erasing.ts';
import { connectAccounts } from '../../src/device-manager/upstream/user-manager.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { migrateUserManager } from '../../src/schemas.ts';
import { commandLineHere, printed } from '../cli/command-line.ts';
import { eventually, service } from '../device-manager/client.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { addUser, startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

const serviceToken = 'a'.repeat(40);

describe('a User Manager with a database of its own, restored alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-alone-'));
  const path = (name: string): string => join(folder, name);
  const databases: TestDatabase[] = [];
  const running: TestVitalgate[] = [];
  let [anna, bea]: TestUser[] = [];
  let source: TestDatabase;
  let health: TestDatabase;
  let masterKey = '';
  let deviceManagerUrl: string;

  const database = async (): Promise<TestDatabase> => {
    const made = await createTestDatabase();
    databases.push(made);
    return made;
  };
  const start = async (...settings: Parameters<typeof startTestVitalgate>): Promise<TestVitalgate> => {
    const started = await startTestVitalgate({ SERVICE_TOKEN: serviceToken, ...settings[0] }, settings[1]);
    running.push(started);
    return started;
  };
  const startDeviceManager = (userManager: TestVitalgate) =>
    start({ SERVICES: ['device-manager'], DATABASE_URL: health.url, USER_MANAGER_URL: userManager.urls.userManager, ...(masterKey === '' ? {} : { MASTER_KEY: masterKey }) }, 'own-server');
  const stopAll = async () => {
    for (const vitalgate of running.splice(0).toReversed()) await vitalgate.stop();
  };
  const startUserManager = ({ url }: TestDatabase) => start({ SERVICES: ['user-manager'], DATABASE_URL: url, DEVICE_MANAGER_URL: deviceManagerUrl }, 'own-server');
  const restoreAt = (place: TestDatabase, archive: string, words: readonly string[]) => commandLineHere({ DATABASE_URL: place.url, DATA_DIR: path('data') }).run(['restore', path(archive), ...words]);
  const accountsIn = async ({ pool }: TestDatabase) => (await pool.query<{ _id: string }>(`select _id from user_manager.user_account order by _id`)).rows.map(({ _id }) => _id);
  const ids = (...users: (TestUser | undefined)[]) => users.map((user) => user?.id ?? '').toSorted();
  const isEmpty = async ({ pool }: TestDatabase) => (await pool.query<{ table: string | null }>(`select to_regclass('user_manager.user_account') as table`)).rows[0]?.table === null;

  beforeAll(async () => {
    [source, health] = [await database(), await database()];
    await migrateUserManager(source.pool);
    [anna, bea] = [await addUser(source), await addUser(source)];
    await printed(commandLineHere({ DATABASE_URL: source.url, DATA_DIR: path('data') }).run(['--json', 'backup', path('um.zip')]));
    // Its Device Manager has tables, keys and a journal of its own.
    deviceManagerUrl = 'http://127.0.0.1:9';
    const userManager = await startUserManager(source);
    const deviceManager = await startDeviceManager(userManager);
    masterKey = readFileSync(join(deviceManager.dataDir, 'master-key'), 'utf8').trim();
    expect((await service(deviceManager).post(`/patients/${anna.id}/erasure`, { confirm: anna.id })).status).toBe(202);
    expect(await eventually(() => accountsIn(source), (found) => found.length === 1)).toEqual(ids(bea));
    const settings = { DATABASE_URL: health.url, DATA_DIR: path('cli'), MASTER_KEY: masterKey };
    writeFileSync(path('journal.ndjson'), (await commandLineHere(settings).run(['patients', 'erasures'])).out);
    writeFileSync(path('empty.ndjson'), '');
    await printed(commandLineHere(settings).run(['--json', 'backup', path('dm.zip')]));
  }, 120_000);
  afterAll(async () => {
    await stopAll();
    for (const made of databases) await made.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is refused with a journal that names somebody, and told who can tell whose account that is', async () => {
    expect(readFileSync(path('journal.ndjson'), 'utf8').trim().split('\n')).toHaveLength(1);
    const place = await database();
    const { code, told } = await restoreAt(place, 'um.zip', ['--erasure-journal', path('journal.ndjson')]);
    expect([code, told, await isEmpty(place)]).toEqual([1, expect.stringMatching(/names 1 who were erased.*--erased-by-device-manager.*Nothing was restored/), true]);
  });

  test.each<[string, string[]]>([['a journal that names nobody', ['--erasure-journal', path('empty.ndjson')]], ['the word that nobody was erased', ['--without-erasure-journal']]])('is restored with %s', async (_situation, words) => {
    const place = await database();
    expect(await restoreAt(place, 'um.zip', words)).toMatchObject({ code: 0, out: expect.stringContaining('0 patients who were erased since') });
    expect(await accountsIn(place)).toEqual(ids(anna, bea));
  });

  test('a backup with the Device Manager needs the journal, whatever is said', async () => {
    const place = await database();
    const { code, told } = await restoreAt(place, 'dm.zip', ['--erased-by-device-manager']);
    expect([code, told, await isEmpty(place)]).toEqual([2, expect.stringMatching(/User Manager alone/), true]);
  });

  test('restored by the word that the Device Manager erases again, whoever was erased goes when that starts, and nobody else', async () => {
    const place = await database();
    expect(await restoreAt(place, 'um.zip', ['--erased-by-device-manager', '--erasure-journal', path('journal.ndjson')])).toMatchObject({ code: 0, out: expect.stringMatching(/start it anew before anybody can sign in/) });
    expect(await accountsIn(place)).toEqual(ids(anna, bea));
    await stopAll();
    const again = await startDeviceManager(await startUserManager(place));
    expect(await eventually(() => accountsIn(place), (found) => found.length === 1)).toEqual(ids(bea));
    expect(await eventually(() => Promise.resolve(again.logged()), (text) => text.includes('were there again'))).toContain('"accounts":1');
    // The audit of both services has one name for her.
    const { rows: [erasure] } = await health.pool.query<{ audit_pseudonym: string }>('select audit_pseudonym from device_manager.erasure');
    const { rows } = await place.pool.query<{ patient_id: string }>(`select patient_id from user_manager.audit_event where event = 'user-deleted'`);
    expect(rows).toEqual([{ patient_id: erasure?.audit_pseudonym }]);
  }, 120_000);

  test.each<[situation: string, createdAt: string, isIdentifierForGood: boolean, erased: string[], alike: string[]]>([
    ['older than the erasure goes', '2020-01-01T00:00:00Z', true, ['account-of-anna'], []],
    ['younger than the erasure, of somebody who came anew, stays', '2040-01-01T00:00:00Z', true, [], []],
    ['older than the erasure stays and is told where its identifier may be that of somebody else by now', '2020-01-01T00:00:00Z', false, [], ['account-of-anna']],
    ['younger than the erasure stays where identifiers are given again', '2040-01-01T00:00:00Z', false, [], []],
  ])('an account %s', async (_situation, createdAt, isIdentifierForGood, expected, alike) => {
    const { pool } = health;
    const { keyRing } = await openKeys(pool, { MASTER_KEY: masterKey, DATA_DIR: folder });
    const erased: string[] = [];
    const found = [{ userId: 'account-of-anna', patientId: anna?.id ?? '', createdAt: new Date(createdAt) }, { userId: 'account-of-bea', patientId: bea?.id ?? '', createdAt: new Date(createdAt) }];
    const accounts = { pages: async function* () { yield await Promise.resolve(found); }, erase: (userId: string) => Promise.resolve({ users: erased.push(userId) }) };
    expect(await eraseReturnedAccounts({ pool, keyRing, accounts, isIdentifierForGood })).toEqual({ erased: expected.length, alike });
    expect(erased).toEqual(expected);
  });

  test.each<[key: string, told: (user: TestUser) => string]>([
    ['_id', ({ id }) => id], ['sub', ({ id }) => id], ['email', ({ username }) => `${username}@example.org`], ['username', ({ username }) => username],
    ['preferred_username', ({ username }) => username], ['name', ({ username }) => username],
  ])('the Device Manager knows all accounts by %s as the User Manager does', async (key, told) => {
    await stopAll();
    const userManager = await startUserManager(source);
    const accounts = connectAccounts(userManager.urls.userManager, serviceToken, key);
    try {
      const found: string[] = [];
      for await (const page of accounts.pages()) found.push(...page.map(({ patientId }) => patientId));
      expect(found).toEqual([bea ? told(bea) : '']);
    } finally {
      await accounts.close();
    }
  }, 60_000);

  test('an erasure that runs erases the account itself, and counts it', async () => {
    const { pool } = health;
    const { keyRing } = await openKeys(pool, { MASTER_KEY: masterKey, DATA_DIR: folder });
    const { _id } = await startErasure({ pool, keyRing }, { patientId: 'carla', actor: 'vitalgate', requestId: 'test' });
    await pool.query(`update device_manager.erasure set state = 'running', patient_id = 'carla' where _id = $1::uuid`, [_id]);
    const accounts = { pages: async function* () { yield await Promise.resolve([{ userId: 'carla', patientId: 'carla', createdAt: new Date(0) }]); }, erase: () => Promise.reject(new Error('asked')) };
    expect(await eraseReturnedAccounts({ pool, keyRing, accounts, isIdentifierForGood: true })).toEqual({ erased: 0, alike: [] });
  });
});
