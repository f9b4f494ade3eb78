import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { findAudit } from '../../src/audit/finding.ts';
import { verifyAudit } from '../../src/audit/verifying.ts';
import { readConfig } from '../../src/config.ts';
import { openPool, type Pool } from '../../src/database/pool.ts';
import { migrateDeviceManager, migrateUserManager } from '../../src/schemas.ts';
import { createPasswords } from '../../src/user-manager/password.ts';
import { register } from '../../src/user-manager/registration.ts';
import { startVitalgate, type Vitalgate } from '../../src/vitalgate.ts';
import { heartRate, signedIn, type App } from '../bff/app.ts';
import { commandLineHere } from '../cli/command-line.ts';
import { answered, clientWith, eventually, watch } from '../device-manager/client.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

const roles = { 'device-manager': 'vitalgate_device_manager', 'user-manager': 'vitalgate_user_manager' } as const;
const settings = { BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', SERVICE_TOKEN: 'a'.repeat(40) };

describe('a role of each service', () => {
  let database: TestDatabase;
  const directory = mkdtempSync(join(tmpdir(), 'vitalgate-roles-'));
  const started: Vitalgate[] = [];
  const pools: Partial<Record<keyof typeof roles, Pool>> = {};
  const password = randomBytes(18).toString('hex');
  const urlAs = (role: string) => database.url.replace(/\/\/[^@]*@/, `//${role}:${password}@`);
  const as = (service: keyof typeof roles): Pool => (pools[service] ??= openPool({ connectionString: urlAs(roles[service]) }, () => undefined, 2));
  const start = async (environment: Record<string, string>, role: string): Promise<Vitalgate> => {
    const config = readConfig({ ...settings, DATA_DIR: join(directory, role), DATABASE_URL: urlAs(role), ...environment });
    const vitalgate = await startVitalgate(config, { log: pino({ level: 'silent' }), validateResponses: true, configurationDigest: '0'.repeat(64), onFatal: (reason) => { throw new Error(reason); } });
    started.push(vitalgate);
    return vitalgate;
  };
  let app: App;

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrateUserManager(database.pool);
    await migrateDeviceManager(database.pool);
    const { out: sql } = await commandLineHere({}).run(['migrate', '--print-roles']);
    // Twice: after the next migration it is run again.
    for (let time = 0; time < 2; time += 1) await database.pool.query(sql);
    for (const role of Object.values(roles)) await database.pool.query(`alter role ${role} password '${password}'`);
    const username = 'anna';
    const person = { username, email: 'anna@example.org', password: 'correct horse battery staple', creatorId: 'test' };
    await register(database.pool, await createPasswords(), person);
    const userManager = await start({ SERVICES: 'user-manager', DEVICE_MANAGER_URL: 'http://127.0.0.1:9' }, roles['user-manager']);
    const deviceManager = await start({ SERVICES: 'device-manager,bff', USER_MANAGER_URL: userManager.urls.userManager ?? '' }, roles['device-manager']);
    app = await signedIn(deviceManager.urls.bff ?? '', username, person.password);
  }, 60_000);
  afterAll(async () => {
    for (const vitalgate of started.toReversed()) await vitalgate.stop();
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('H5 services run with it: samples are kept, normalized in the background, and the audit is chained', async () => {
    await app.post('/devices/assign', watch);
    const upload = await app.post('/health-data', [heartRate(randomUUID(), 1)]);
    expect(upload.status).toBe(200);
    const states = async () => ((await (await app.get('/health-data')).json()) as { state: string }[]).map(({ state }) => state);
    expect(await eventually(states, ([state]) => state === 'normalized')).toEqual(['normalized']);
    const unchained = async () => (await Promise.all((['device_manager', 'user_manager'] as const).map((schema) => verifyAudit(database.pool, schema)))).map(({ links, fault }) => links > 0 && fault === undefined);
    expect(await eventually(unchained, (each) => each.every(Boolean))).toEqual([true, true]);
  });

  const denied = { code: '42501' };
  test.each<[keyof typeof roles, string]>([
    ['device-manager', `update device_manager.audit_event set outcome = 'failed'`],
    ['device-manager', 'delete from device_manager.audit_event'],
    ['device-manager', 'truncate device_manager.audit_event'],
    ['device-manager', 'update device_manager.audit_link set position = position + 1'],
    ['device-manager', 'delete from device_manager.audit_link'],
    ['device-manager', 'alter table device_manager.audit_event disable trigger all'],
    ['device-manager', 'drop table device_manager.audit_event'],
    ['device-manager', 'set session_replication_role = replica'],
    ['device-manager', 'select * from user_manager.user_account'],
    ['device-manager', 'select * from user_manager.session'],
    ['device-manager', 'select * from user_manager.audit_event'],
    ['device-manager', `delete from device_manager.migration`],
    ['device-manager', 'create schema elsewhere'],
    ['user-manager', `update user_manager.audit_event set outcome = 'failed'`],
    ['user-manager', 'delete from user_manager.audit_event'],
    ['user-manager', 'select * from device_manager.sample'],
    ['user-manager', 'select * from device_manager.audit_event'],
    ['user-manager', 'select * from device_manager_keys.scope_key'],
    ['user-manager', `select device_manager.audit_pseudonymize('a', 'erased:${'0'.repeat(32)}')`],
  ])('H5, I6 the %s may not %s', async (service, sql) => {
    await expect(as(service).query(sql)).rejects.toMatchObject(denied);
  });

  test.each<[keyof typeof roles, string]>([
    ['device-manager', 'select * from device_manager.audit_event'],
    ['device-manager', `insert into device_manager.audit_event (event, action, outcome, actor_kind, resource, request_id, peer) values ('record-read', 'R', 'success', 'program', 'control', 'control', 'none')`],
    ['device-manager', 'select * from device_manager_keys.scope_key'],
    ['device-manager', `select device_manager.audit_pseudonymize('nobody', 'erased:${'0'.repeat(32)}')`],
    ['user-manager', 'select * from user_manager.user_account'],
    ['user-manager', 'select * from user_manager.audit_event'],
  ])('the control: the %s may %s', async (service, sql) => {
    await expect(as(service).query(sql)).resolves.toHaveProperty('rowCount');
  });

  test('H8 services erase with it, in both, write tables anew, and the chain of the audit holds', async () => {
    const { _id } = (await (await app.get('/profile')).json()) as { _id: string };
    const [, deviceManager] = started;
    const asService = clientWith(deviceManager?.urls.deviceManager ?? '', { authorization: `Bearer ${settings.SERVICE_TOKEN}` });
    expect((await asService.post(`/patients/${_id}/erasure`, { confirm: _id })).status).toBe(202);
    const erasure = await eventually(() => answered<{ state: string; certificate?: object }>(asService.get(`/patients/${_id}/erasure`)), ({ state }) => state === 'done');
    expect(erasure.certificate).toMatchObject({ counts: { users: 1, samples: 1 }, storage: { notRewritten: [], logReplaced: false } });
    for (const schema of ['device_manager', 'user_manager'] as const) {
      expect((await findAudit(database.pool, schema, { patientId: _id, limit: 1 })).length).toBe(0);
      expect((await verifyAudit(database.pool, schema)).fault).toBeUndefined();
    }
  }, 60_000);

  test('I6 a database that its owner restored and ran the SQL on serves them as well, and a role cannot back up what is of both', async () => {
    const place = await createTestDatabase();
    const [archive, dataDir] = [join(directory, 'backup.zip'), join(directory, 'restored')];
    const owner = { DATABASE_URL: place.url, DATA_DIR: dataDir, MASTER_KEY: readFileSync(join(directory, roles['device-manager'], 'master-key'), 'utf8') };
    try {
      const role = await commandLineHere({ DATABASE_URL: urlAs(roles['device-manager']), DATA_DIR: dataDir }).run(['backup', archive]);
      expect([role.code, role.told]).toEqual([1, 'A backup reads all tables of Vitalgate: run it as the role that owns them.\n']);
      expect((await commandLineHere({ DATABASE_URL: database.url, DATA_DIR: dataDir }).run(['backup', archive])).code).toBe(0);
      expect(await commandLineHere(owner).run(['restore', archive, '--without-erasure-journal'])).toMatchObject({ code: 0, told: '' });
      const there = (service: keyof typeof roles) => openPool({ connectionString: place.url.replace(/\/\/[^@]*@/, `//${roles[service]}:${password}@`) }, () => undefined, 1);
      const [deviceManager, userManager] = [there('device-manager'), there('user-manager')];
      try {
        await expect(deviceManager.query('select from device_manager.sample')).rejects.toMatchObject(denied);
        await place.pool.query((await commandLineHere({}).run(['migrate', '--print-roles'])).out);
        await expect(deviceManager.query('select from device_manager.sample')).resolves.toHaveProperty('rowCount');
        await expect(userManager.query('select from user_manager.user_account')).resolves.toHaveProperty('rowCount');
        await expect(deviceManager.query('delete from device_manager.audit_event')).rejects.toMatchObject(denied);
        await expect(userManager.query('select from device_manager_keys.scope_key')).rejects.toMatchObject(denied);
        // Guards that were off while rows came are on again, also for the owner.
        await expect(place.pool.query('delete from device_manager.audit_event')).rejects.toMatchObject(denied);
      } finally {
        await Promise.all([deviceManager.end(), userManager.end()]);
      }
    } finally {
      await place.drop();
    }
  }, 60_000);
});
