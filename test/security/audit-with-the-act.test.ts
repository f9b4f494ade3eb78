import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../../src/database/pool.ts';
import { builtInTypes } from '../../src/device-manager/catalogue/built-in-types.ts';
import { chartedTypes } from '../../src/device-manager/charted-types.ts';
import { createCharts } from '../../src/device-manager/charts.ts';
import { deleteSamples } from '../../src/device-manager/deleting.ts';
import { createEnrolment } from '../../src/device-manager/enrolment.ts';
import { keepUpload } from '../../src/device-manager/keeping.ts';
import { releaseQuarantine } from '../../src/device-manager/releasing.ts';
import { createRuleBook } from '../../src/device-manager/rule-book.ts';
import { endApiKey, issueApiKey } from '../../src/device-manager/sender-keys.ts';
import { recordAudit } from '../../src/device-manager/storage/audit-table.ts';
import { findDevices, upsertDevice } from '../../src/device-manager/storage/device-table.ts';
import { keepReceived } from '../../src/device-manager/webhook.ts';
import { isItemError, vetItem } from '../../src/healthkit/vetting.ts';
import { createKeyRing } from '../../src/keys/scope-keys.ts';
import { migrateDeviceManager, migrateUserManager } from '../../src/schemas.ts';
import { createPasswords } from '../../src/user-manager/password.ts';
import { createPasswordCheck, type CheckedUser } from '../../src/user-manager/password-check.ts';
import { setPassword } from '../../src/user-manager/password-change.ts';
import { register } from '../../src/user-manager/registration.ts';
import { requestResetOf } from '../../src/user-manager/resetting.ts';
import { createSignInAttempts } from '../../src/user-manager/sign-in-attempts.ts';
import { createSignIn } from '../../src/user-manager/sign-in.ts';
import { changeUser } from '../../src/user-manager/user-change.ts';
import { removeUser } from '../../src/user-manager/user-removal.ts';
import { loadUserGroups } from '../../src/user-manager/user-groups.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { heartRate } from '../bff/app.ts';
import { bloodPressure, cuff, newPatient, watch } from '../device-manager/client.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { auditOf } from './audited.ts';

let database: TestDatabase;
const keyRing = createKeyRing({ masterKey: Buffer.alloc(32, 7) });
const act = { actor: 'operator:chief', requestId: 'request-1' };

/** The n-th statement never reaches the database; what comes after it does. */
const failingAt = (pool: Pool, n: number): { pool: Pool; failed: () => boolean } => {
  let count = 0;
  const counted = (query: Queryable['query']) => (...words: unknown[]) => {
    count += 1;
    return count === n ? Promise.reject(new Error('the database is gone')) : (query as (...all: unknown[]) => unknown)(...words);
  };
  const faulty = <Place extends object>(place: Place, members: Readonly<Record<string, unknown>>): Place =>
    new Proxy(place, {
      get: (target, name): unknown => {
        if (typeof name === 'string' && name in members) return members[name];
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? (member as (...words: unknown[]) => unknown).bind(target) : member;
      },
    });
  const connect = async (): Promise<PoolClient> => {
    const client = await pool.connect();
    return faulty(client, { query: counted(client.query.bind(client)) });
  };
  return { pool: faulty(pool, { query: counted(pool.query.bind(pool)), connect }), failed: () => count >= n };
};

/** Everything that acts leave beside the audit. */
const state = async (): Promise<string> => {
  const { rows } = await database.pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('device_manager', 'user_manager') and tablename not like 'audit%' or tablename = '_private_jobs' order by 1`,
  );
  return JSON.stringify(await Promise.all(rows.map(async ({ name }) => (await database.pool.query<{ one: string }>(`select one::text from ${name} one order by 1`)).rows)));
};

/** Cuts at each statement until nothing is cut; answers where the act was there without its row, and what the whole act left. */
const sweep = async (perform: (pool: Pool) => Promise<unknown>): Promise<{ bare: number[]; statements: number; rows: string[] }> => {
  const bare: number[] = [];
  for (let n = 1; ; n += 1) {
    const [before, audited] = [await state(), (await auditOf(database)).length];
    const { pool, failed } = failingAt(database.pool, n);
    const outcome = await perform(pool).then(() => 'done' as const, () => 'refused' as const);
    const fresh = (await auditOf(database)).slice();
    const rows = fresh.length - audited;
    if ((await state()) !== before && rows === 0) bare.push(n);
    if (!failed()) {
      expect(outcome).toBe('done');
      return { bare, statements: n - 1, rows: fresh.toSorted((a, b) => a.at.getTime() - b.at.getTime()).slice(-rows).map(({ event }) => event) };
    }
  }
};

const newUser = async (): Promise<{ id: string; username: string }> => {
  const username = `user-${randomUUID().slice(0, 8)}`;
  const outcome = await register(database.pool, await createPasswords(), { username, email: `${username}@example.org`, password: 'correct horse battery staple', creatorId: 'service' });
  if (!('_id' in outcome)) throw new Error('the user was refused');
  return { id: outcome._id, username };
};

const checkedUser = async ({ username }: { username: string }): Promise<CheckedUser> => {
  const checkPassword = createPasswordCheck(database.pool, await createPasswords(), createSignInAttempts(database.pool));
  const outcome = await checkPassword({ username, source: '127.0.0.1' }, 'correct horse battery staple');
  if (typeof outcome === 'string' || !('checked' in outcome)) throw new Error('the password was refused');
  return outcome.checked;
};

const vetted = (patientId: string, enrolled: readonly { _id: string; deviceId: string }[]) => {
  const sample = vetItem({ item: heartRate(randomUUID(), 1), index: 0, batch: { unit: 'bpm' }, enrolled, patientId, now: Date.now(), checkShape: () => null });
  if (isItemError(sample)) throw new Error(sample.code);
  return sample;
};
const enrolled = async (patientId: string) => {
  await createEnrolment(database.pool).assign({ ...watch, ...act, patientId, from: undefined });
  return (await findDevices(database.pool, { assignedPatientId: patientId, limit: 1, skip: 0 })).map(({ _id, device_id }) => ({ _id, deviceId: device_id }));
};

const durations = { sessionDurationSeconds: 600, sessionIdleSeconds: 600, refreshTokenDurationSeconds: 600 };

beforeAll(async () => {
  database = await createTestDatabase();
  await migrateDeviceManager(database.pool);
  await migrateUserManager(database.pool);
}, 60_000);
afterAll(() => database.drop());

type Act = (pool: Pool) => Promise<unknown>;
test.each<[string, string, () => Promise<Act>]>([
  ['assigning a device', 'device-assigned', async () => {
    const patientId = newPatient();
    return Promise.resolve((pool) => createEnrolment(pool).assign({ ...watch, ...act, patientId, from: undefined }));
  }],
  ['taking a device back', 'device-unassigned', async () => {
    const patientId = newPatient();
    const [device] = await enrolled(patientId);
    return (pool) => createEnrolment(pool).unassign({ id: device?._id ?? '', until: undefined, patientId, ...act });
  }],
  ['keeping an upload', 'samples-uploaded', async () => {
    const patientId = newPatient();
    const samples = [vetted(patientId, await enrolled(patientId))];
    return (pool) => keepUpload(pool, keyRing, { patientId, provider: 'healthkit', format: 'healthkitstandard-json', bytes: Buffer.from('[{}]'), context: {}, samples, ...act });
  }],
  ['deleting samples', 'samples-deleted', async () => {
    const patientId = newPatient();
    return Promise.resolve((pool) => deleteSamples(pool, keyRing, { patientId, uuids: [randomUUID()], ...act }));
  }],
  ['keeping a delivery of a known device', 'delivery-kept', async () => {
    const name = `cuff-${randomUUID()}`;
    await createEnrolment(database.pool).assign({ ...cuff(name), ...act, patientId: newPatient(), from: Date.parse('2024-01-01T00:00:00Z') });
    const value = bloodPressure({ id: name }, '2024-03-02T09:10:11Z');
    return (pool) => keepReceived(pool, keyRing, { sender: 'medisante', format: 'medisantestandard-json', bytes: Buffer.from(JSON.stringify(value)), value, requestId: 'request-1' }, () => undefined);
  }],
  ['keeping a delivery of nobody', 'delivery-kept', async () => {
    const value = bloodPressure({ id: randomUUID() }, '2024-03-02T09:10:11Z');
    return Promise.resolve((pool) => keepReceived(pool, keyRing, { sender: 'medisante', format: 'medisantestandard-json', bytes: Buffer.from(JSON.stringify(value)), value, requestId: 'request-1' }, () => undefined));
  }],
  ['releasing a delivery', 'delivery-kept', async () => {
    const name = `cuff-${randomUUID()}`;
    const value = bloodPressure({ id: name }, '2024-03-02T09:10:11Z');
    await keepReceived(database.pool, keyRing, { sender: 'medisante', format: 'medisantestandard-json', bytes: Buffer.from(JSON.stringify(value)), value, requestId: 'request-1' }, () => undefined);
    const device = await createEnrolment(database.pool).assign({ ...cuff(name), ...act, patientId: newPatient(), from: Date.parse('2024-01-01T00:00:00Z') });
    return (pool) => releaseQuarantine(pool, keyRing, { device });
  }],
  ['making a key', 'api-key-created', async () => Promise.resolve((pool) => issueApiKey(pool, { sender: `sender-${randomUUID()}` }, act))],
  ['revoking a key', 'api-key-revoked', async () => {
    const issued = await issueApiKey(database.pool, { sender: 'revoked' }, act);
    if (typeof issued === 'string') throw new Error(issued);
    return (pool) => endApiKey(pool, issued._id, act);
  }],
  ['making a rule', 'rule-created', async () => Promise.resolve((pool) => createRuleBook(pool, builtInTypes).create({ type: { ...builtInTypes[0], identifier: 'swept', dataTypes: ['Swept'] } as never }, 'operator:chief'))],
  ['signing in', 'signed-in', async () => {
    const checked = await checkedUser(await newUser());
    return async (pool) => expect(await createSignIn(pool, durations).issue(checked, undefined)).toBeDefined();
  }],
  ['signing out', 'session-ended', async () => {
    const user = await newUser();
    await createSignIn(database.pool, durations).open(await checkedUser(user), undefined);
    const [session] = await createSignIn(database.pool, durations).list(user.id);
    return (pool) => createSignIn(pool, durations).end(user.id, session?.id ?? '');
  }],
  ['asking for a reset', 'password-reset-asked', async () => {
    const { id } = await newUser();
    return (pool) => requestResetOf(pool, id, 'service');
  }],
  ['changing a password', 'password-changed', async () => {
    const { id } = await newUser();
    const passwords = await createPasswords();
    return (pool) => setPassword(pool, passwords, { id, password: 'another password, long enough', updaterId: 'vitalgate' });
  }],
  ['making a user', 'user-created', async () => {
    const passwords = await createPasswords();
    const username = `made-${randomUUID().slice(0, 8)}`;
    return (pool) => inTransaction(pool, (client) => register(client, passwords, { username, email: `${username}@example.org`, creatorId: 'service' }));
  }],
  ['changing a user', 'user-changed', async () => {
    const { id } = await newUser();
    return (pool) => changeUser(pool, loadUserGroups(undefined), id, { $set: { blocked: true } }, 'service');
  }],
  ['removing a user', 'user-deleted', async () => {
    const { id } = await newUser();
    return (pool) => removeUser({ pool, mailFolder: '/nowhere', hasDeviceManager: false, patientIdOf: (user) => user.id }, id, 'service');
  }],
])('H4 %s, cut at each of its statements, is never there without its row', async (_situation, event, prepare) => {
  const { bare, statements, rows } = await sweep(await prepare());
  expect({ bare, rows }).toEqual({ bare: [], rows: [event] });
  expect(statements).toBeGreaterThan(2);
});

test('H4 the control: an act whose row is written afterwards is caught', async () => {
  const { bare } = await sweep(async (pool) => {
    const device = await upsertDevice(pool, { ...watch, provider: 'healthkit', declaredProvider: watch.deviceProvider, creatorId: 'bare', ownerPatientId: newPatient() });
    await recordAudit(pool, { actor: 'service', action: 'create', resource: `device/${device}` });
  });
  expect(bare).not.toEqual([]);
});

test('H4 a chart is not answered when its reading cannot be written', async () => {
  const patientId = newPatient();
  for (let n = 1; ; n += 1) {
    const audited = (await auditOf(database)).length;
    const { pool, failed } = failingAt(database.pool, n);
    const book = createRuleBook(pool, builtInTypes);
    const charts = createCharts(pool, keyRing, () => chartedTypes(book));
    const answer = await charts.chartOf({ patientId, normalizedType: 'heart-rate', rawType: undefined, from: -Infinity, to: Infinity, points: 10, timeZone: 'UTC', source: undefined, ...act })
      .then(({ series }) => series()).then(() => 'answered', () => 'refused');
    if (answer === 'answered') expect((await auditOf(database)).length).toBe(audited + 1);
    if (!failed()) break;
    expect(answer).toBe('refused');
  }
});
