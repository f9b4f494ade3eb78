import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChainer } from '../../src/audit/chainer.ts';
import { chainRound } from '../../src/audit/chaining.ts';
import { digestOfEvent, hashOfLink, originOfChain, type DigestedEvent } from '../../src/audit/chain.ts';
import { findAudit } from '../../src/audit/finding.ts';
import { newPseudonym, pseudonymizeAudit } from '../../src/audit/pseudonym.ts';
import { verifyAudit } from '../../src/audit/verifying.ts';
import { migrate } from '../../src/database/migrator.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { recordAudit, recordEntry } from '../../src/device-manager/storage/audit-table.ts';
import { migrations } from '../../src/device-manager/storage/migrations.ts';
import { migrateDeviceManager } from '../../src/schemas.ts';
import { commandLineHere, printed } from '../cli/command-line.ts';
import { eventually } from '../device-manager/client.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

const schema = 'device_manager';
const anna = '9c86fda0197f4d0e8780daae45bac2f8';

describe('the chain of the audit', () => {
  let database: TestDatabase;
  const entry = (resource: string, patientId = anna) => ({ event: 'chart-read', actor: `operator:${'5'.repeat(32)}`, patientId, resource, requestId: 'request-1' }) as const;
  const write = (...resources: string[]) => inTransaction(database.pool, async (client) => {
    for (const resource of resources) await recordEntry(client, entry(resource));
  });
  const chainNow = async () => {
    while (!(await chainRound(database.pool, schema)).done);
  };
  const unlinked = async () =>
    (await database.pool.query('select from device_manager.audit_event e where not exists (select from device_manager.audit_link l where l.event = e._id)')).rowCount ?? 0;
  /** Transactions of other databases of the same server hold the chain back, too: waits until none is older than what is written. */
  const settled = async ({ pool }: TestDatabase) => {
    const look = async () => (await pool.query('select from device_manager.audit_event where xact >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint')).rowCount;
    expect(await eventually(look, (events) => events === 0)).toBe(0);
  };
  const chain = async () => {
    for (let look = 0; look < 400; look += 1) {
      await chainNow();
      if ((await unlinked()) === 0) return;
      await sleep(50);
    }
    throw new Error('rows stay without a link');
  };
  const idOf = async (resource: string) => (await database.pool.query<{ _id: string }>(`select replace(_id::text, '-', '') as _id from device_manager.audit_event where resource = $1`, [resource])).rows[0]?._id;
  /** What only a superuser can do: triggers are off. */
  const tamper = async (sql: string, ...values: unknown[]): Promise<void> => {
    const client = await database.pool.connect();
    try {
      await client.query('set session_replication_role = replica');
      expect((await client.query(sql, values)).rowCount ?? 1).toBeGreaterThan(0); // a truncation counts nothing
    } finally {
      await client.query('set session_replication_role = origin');
      client.release();
    }
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrateDeviceManager(database.pool);
  });
  afterAll(() => database.drop());

  test.each<[string, string]>([
    ['update', `update device_manager.audit_event set outcome = 'failed'`],
    ['update of a patient', `update device_manager.audit_event set patient_id = 'somebody'`],
    ['pseudonym of a row that keeps its salt', `update device_manager.audit_event set patient_id = 'erased:${'0'.repeat(32)}'`],
    ['pseudonym beside another change', `update device_manager.audit_event set patient_id = 'erased:${'0'.repeat(32)}', salt = null, actor_id = 'x'`],
    ['delete', 'delete from device_manager.audit_event'],
    ['truncate', 'truncate device_manager.audit_event'],
    ['update of a link', 'update device_manager.audit_link set position = position + 1'],
    ['delete of a link', 'delete from device_manager.audit_link'],
    ['truncate of links', 'truncate device_manager.audit_link'],
  ])('H5 %s is refused, to the owner of the tables too', async (_situation, sql) => {
    await write('owned');
    await chain();
    await expect(database.pool.query(sql)).rejects.toMatchObject({ code: '42501', message: 'the audit is append-only' });
    expect(await verifyAudit(database.pool, schema)).not.toHaveProperty('fault');
  });

  test('H5 a row that commits late is chained all the same, and no earlier row twice', async () => {
    await chain();
    const slow = await database.pool.connect();
    await slow.query('begin');
    await recordEntry(slow, entry('slow'));
    await write('quick');
    await chainNow();
    const linked = async (resource: string) => (await database.pool.query('select 1 from device_manager.audit_link l join device_manager.audit_event e on e._id = l.event where e.resource = $1', [resource])).rowCount;
    // The quick one began after the slow one: it waits, because an earlier one may still appear.
    expect([await linked('quick'), await linked('slow')]).toEqual([0, 0]);
    expect(await verifyAudit(database.pool, schema)).toMatchObject({ unchained: { events: 1 } });
    await write('quicker');
    await slow.query('commit');
    slow.release();
    await chain();
    expect([await linked('slow'), await linked('quick'), await linked('quicker')]).toEqual([1, 1, 1]);
    expect(await verifyAudit(database.pool, schema)).toMatchObject({ unchained: { events: 0 } });
    expect(await verifyAudit(database.pool, schema)).not.toHaveProperty('fault');
  });

  test('H5 of processes that chain at the same time one does', async () => {
    await chain();
    await write('contested/1', 'contested/2', 'contested/3');
    let linked = 0;
    while ((await verifyAudit(database.pool, schema)).unchained.events > 0) {
      const rounds = await Promise.all(Array.from({ length: 5 }, () => chainRound(database.pool, schema)));
      linked += rounds.reduce((sum, round) => sum + round.linked, 0);
    }
    expect(linked).toBe(3);
    expect(await verifyAudit(database.pool, schema)).not.toHaveProperty('fault');
  });

  test('H5 after a restore into another cluster, whose transactions have smaller numbers, nothing is skipped', async () => {
    await tamper(`update device_manager.audit_chaining set chained_below = 9000000000, cluster = 'another'`);
    await write('restored');
    await chain();
    expect(await verifyAudit(database.pool, schema)).toMatchObject({ unchained: { events: 0 } });
  });

  const tables = ['audit_event', 'audit_link', 'audit_chaining'];
  /** What is found after a harm that is made good again. */
  const foundAfter = async (harm: () => Promise<unknown>, range = {}) => {
    for (const table of tables) await database.pool.query(`create table saved_${table} as table device_manager.${table}`);
    try {
      await harm();
      return await verifyAudit(database.pool, schema, range);
    } finally {
      for (const table of tables) {
        await tamper(`truncate device_manager.${table}`);
        await tamper(`insert into device_manager.${table} table saved_${table}`);
        await database.pool.query(`drop table saved_${table}`);
      }
    }
  };
  const columnsOf = async (resource: string) => {
    const { rows: [row] } = await database.pool.query<DigestedEvent>(
      `select _id::text, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, event, action, outcome, reason, actor_kind, actor_id, subject, resource, request_id, peer from device_manager.audit_event where resource = $1`, [resource],
    );
    if (!row) throw new Error('the row is gone');
    return row;
  };
  const linkOf = (resource: string) => `event = (select _id from device_manager.audit_event where resource = '${resource}')`;

  test.each<[string, string, string, () => Promise<unknown>]>([
    ['an edited row', 'edited', 'changed', () => tamper(`update device_manager.audit_event set actor_id = 'nobody' where resource = 'edited'`)],
    ['a row with another instant', 'moved', 'changed', () => tamper(`update device_manager.audit_event set at = at - interval '1 microsecond' where resource = 'moved'`)],
    ['a row given to another patient', 'given', 'changed', () => tamper(`update device_manager.audit_event set patient_id = 'somebody' where resource = 'given'`)],
    ['a row whose patient was struck out under a name of its own', 'struck', 'changed', () => tamper(`update device_manager.audit_event set patient_id = 'nobody', salt = null where resource = 'struck'`)],
    ['an edited row with a digest made to fit', 'fitted', 'changed', async () => {
      const digest = digestOfEvent(schema, { ...(await columnsOf('fitted')), outcome: 'failed' });
      await tamper(`update device_manager.audit_event set outcome = 'failed', digest = $1 where resource = 'fitted'`, digest);
    }],
    ['a removed row', 'removed', 'removed', () => tamper(`delete from device_manager.audit_event where resource = 'removed'`)],
    ['a removed row with its link', 'unlinked', 'link', async () => {
      await tamper(`delete from device_manager.audit_link where ${linkOf('unlinked')}`);
      await tamper(`delete from device_manager.audit_event where resource = 'unlinked'`);
    }],
    ['a row put in beside the chain', 'forged', 'inserted', () =>
      tamper(`insert into device_manager.audit_event select patient_id, ('f' || substr(_id::text, 2))::uuid, at, 1, event, action, outcome, reason, actor_kind, actor_id, resource, request_id, peer, salt, subject, digest from device_manager.audit_event where resource = 'forged'`)],
    ['a link with another hash', 'hashed', 'changed', () => tamper(`update device_manager.audit_link set hash = sha256(hash) where ${linkOf('hashed')}`)],
  ])('H5 %s is named', async (_situation, resource, kind, harm) => {
    // Rows of one millisecond and transaction are chained in any order.
    for (const one of [`${resource}/before`, resource, `${resource}/after`]) await write(one);
    await chain();
    expect(await verifyAudit(database.pool, schema)).not.toHaveProperty('fault');
    const named = { link: `${resource}/after`, inserted: undefined }[kind] ?? resource;
    const event = kind === 'inserted' ? `f${(await idOf(resource))?.slice(1) ?? ''}` : await idOf(named);
    expect(await foundAfter(harm)).toMatchObject({ fault: { kind, event } });
    expect(await verifyAudit(database.pool, schema)).not.toHaveProperty('fault');
  });

  test('H5 an edited row that is not chained yet is named by its own digest', async () => {
    await write('fresh');
    const event = await idOf('fresh');
    expect(await foundAfter(() => tamper(`update device_manager.audit_event set outcome = 'failed' where resource = 'fresh'`))).toMatchObject({ unchained: { events: 1 }, fault: { kind: 'changed', event } });
    await chain();
  });

  test('H5 days hang together: a removed day is seen, a range of days is judged by itself, a chain written anew lacks the noted head', async () => {
    const today = new Date().toISOString().slice(0, 10);
    const dates = ['2024-07-01', '2024-07-02', '2024-07-03'];
    await write(...dates);
    const found = async (days: readonly string[], range = {}) => foundAfter(async () => {
      // A chain of three days, as the chainer writes it.
      const rows = await Promise.all(dates.map(columnsOf));
      await tamper('truncate device_manager.audit_link');
      await tamper('delete from device_manager.audit_event where not (resource = any($1))', dates);
      let previous = originOfChain(schema);
      for (const [index, row] of rows.entries()) {
        const [day = '', event] = [dates[index], row._id.replaceAll('-', '')];
        const hash = hashOfLink(previous, day, 1, event, digestOfEvent(schema, row));
        if (days.includes(day)) await tamper('insert into device_manager.audit_link values ($1, 1, $2, $3, $4)', day, event, previous, hash);
        else await tamper('delete from device_manager.audit_event where _id = $1', row._id);
        previous = hash;
      }
    }, range);
    expect(await found(dates)).toMatchObject({ links: 3, days: 3, unchained: { events: 0 } });
    expect(await found(dates)).not.toHaveProperty('fault');
    expect(await found(dates, { from: '2024-07-02', to: '2024-07-02' })).toMatchObject({ links: 1, days: 1 });
    expect(await found(['2024-07-01', '2024-07-03'])).toMatchObject({ fault: { kind: 'link', day: '2024-07-03', position: 1 } });
    const { head = '' } = await found(dates);
    expect(await found(dates, { head })).not.toHaveProperty('fault');
    expect(await found(['2024-07-01', '2024-07-02'], { head })).toMatchObject({ fault: { kind: 'head' } });
    await chain();
    expect((await database.pool.query('select distinct day::text from device_manager.audit_link')).rows).toEqual([{ day: today }]);
  });

  test('H5 rows are chained once, in batches, and verified whole', async () => {
    await database.pool.query(
      `insert into device_manager.audit_event (patient_id, event, action, outcome, actor_kind, resource, request_id, peer) select $1, 'chart-read', 'R', 'success', 'operator', 'many/' || n, 'many', 'none' from generate_series(1, 5003) n`, [anna],
    );
    await settled(database);
    const rounds = [await chainRound(database.pool, schema), await chainRound(database.pool, schema), await chainRound(database.pool, schema)];
    expect(rounds.map(({ linked, done }) => [linked, done])).toEqual([[5_000, false], [3, true], [0, true]]);
    const { rows: [count] } = await database.pool.query<{ links: number; events: number }>('select count(*)::int as links, (select count(*)::int from device_manager.audit_event) as events from device_manager.audit_link');
    expect(await verifyAudit(database.pool, schema)).toMatchObject({ links: count?.links, unchained: { events: 0 } });
    expect(count?.links).toBe(count?.events);
  });

  test('H5 rows of an erased patient keep a pseudonym alone, and the chain holds', async () => {
    const ben = 'be'.repeat(16);
    await inTransaction(database.pool, async (client) => {
      await recordAudit(client, { patientId: ben, actor: `patient:${ben}`, action: 'read', resource: 'chart/heart-rate', requestId: 'request-2' });
      await recordEntry(client, entry('erased', ben));
    });
    await chain();
    await recordEntry(database.pool, entry('erased/unchained', ben));
    const pseudonym = newPseudonym();
    expect(await inTransaction(database.pool, (client) => pseudonymizeAudit(client, schema, ben, pseudonym))).toBe(3);
    await chain();
    expect(await verifyAudit(database.pool, schema)).not.toHaveProperty('fault');
    const { rows } = await database.pool.query<{ one: string }>('select e::text as one from device_manager.audit_event e');
    expect(rows.filter(({ one }) => one.includes(ben))).toEqual([]);
    // Rows of one millisecond come in any order.
    const found = (await findAudit(database.pool, schema, { patientId: pseudonym, limit: 10 })).toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
    expect(found).toMatchObject([{ resource: 'chart/heart-rate', actor_kind: 'patient', actor_id: null }, { resource: 'erased' }, { resource: 'erased/unchained' }]);
    // The control: others keep their names, and nothing is struck out twice.
    expect(await findAudit(database.pool, schema, { patientId: anna, limit: 1 })).toHaveLength(1);
    expect(await pseudonymizeAudit(database.pool, schema, ben, pseudonym)).toBe(0);
  });

  test('H5 rows of an audit from before the chain are taken over as they were, and chained', async () => {
    const older = await createTestDatabase();
    await migrate(older.pool, schema, migrations.filter(({ name }) => name < '0025'));
    const before = async (patientId: string, actor: string, action: string) =>
      older.pool.query(
        `insert into device_manager.audit_event (patient_id, _id, at, actor, action, resource, request_id, outcome, digest) values ($1, gen_random_uuid(), '2024-07-01T10:00:00.123456Z', $2, $3, 'chart/heart-rate', 'request-0', 'success', '')`,
        [patientId, actor, action],
      );
    await before(anna, `patient:${anna}`, 'read');
    await before(anna, 'operator:olga', 'unassign');
    await before('', 'vitalgate', 'create');
    await before('', 'service', 'delete');
    await migrateDeviceManager(older.pool);
    await settled(older);
    expect(await chainRound(older.pool, schema)).toMatchObject({ linked: 4, done: true });
    expect(await verifyAudit(older.pool, schema)).toMatchObject({ links: 4, unchained: { events: 0 } });
    expect(await verifyAudit(older.pool, schema)).not.toHaveProperty('fault');
    const rows = (await findAudit(older.pool, schema, { limit: 10 })).map(({ event, action, actor_kind: kind, actor_id: id, patient_id: patientId, at }) => [event, action, kind, id, patientId, at].join(' '));
    expect(rows.toSorted()).toEqual([
      `device-unassigned U operator olga ${anna} 2024-07-01T10:00:00.123456Z`, 'record-created C command-line   2024-07-01T10:00:00.123456Z', 'record-deleted D service   2024-07-01T10:00:00.123456Z', `record-read R patient  ${anna} 2024-07-01T10:00:00.123456Z`,
    ]);
    await older.drop();
  });

  test('H5 the head of a day that ended is told in the log once', async () => {
    await chain();
    const { rows: [last] } = await database.pool.query<{ hash: Buffer; position: number }>('select hash, position from device_manager.audit_link order by day desc, position desc limit 1');
    await tamper(`update device_manager.audit_link set day = day - 1`);
    const told: object[] = [];
    const log = { info: (fields: object) => void told.push(fields), error: (fields: object) => void told.push(fields) };
    await write('of-a-new-day');
    const chainer = startChainer(database.pool, schema, log, 10);
    expect(await eventually(() => Promise.resolve(told.length), (count) => count > 0)).toBe(1);
    await write('of-the-same-day');
    await eventually(async () => (await verifyAudit(database.pool, schema)).unchained.events, (count) => count === 0);
    await chainer.stop();
    expect(told).toEqual([{ audit: schema, day: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/), position: last?.position, hash: last?.hash.toString('hex') }]);
    // As if nothing had been: the days of the links are part of their hashes.
    await tamper('truncate device_manager.audit_link');
    await tamper('update device_manager.audit_chaining set cluster = null');
    await chain();
  });

  test('H5 the command line tells what holds with 0, and names what does not with 1', async () => {
    const { run } = commandLineHere({ DATABASE_URL: database.url, DATA_DIR: '/nonexistent' });
    const [whole] = await printed<{ service: string; head: string }[]>(run(['--json', 'audit', 'verify', '--service', 'device-manager']));
    expect(whole).toMatchObject({ service: 'device-manager', unchained: { events: 0 } });
    expect(await run(['audit', 'verify', '--service', 'device-manager', '--head', whole?.head ?? ''])).toMatchObject({ code: 0, out: expect.stringContaining('are as they were written') });
    expect(await run(['audit', 'verify', '--from', 'yesterday'])).toMatchObject({ code: 2 });
    const listed = await printed<{ resource: string; patient_id: string }[]>(run(['--json', 'audit', 'list', '--patient', anna, '--actor', `operator:${'5'.repeat(32)}`, '--event', 'chart-read', '--limit', '3']));
    expect(listed.map(({ patient_id: patientId }) => patientId)).toEqual([anna, anna, anna]);
    await write('on-the-command-line');
    await chain();
    const event = await idOf('on-the-command-line');
    await tamper(`update device_manager.audit_event set reason = 'x' where resource = 'on-the-command-line'`);
    expect(await run(['audit', 'verify'])).toMatchObject({ code: 1, told: expect.stringContaining('not as it was written'), out: expect.stringContaining(`event ${String(event)}`) });
  });
});
