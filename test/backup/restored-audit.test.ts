import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditSchemas } from '../../src/audit/audit-tables.ts';
import { chainRound, unchainedTail } from '../../src/audit/chaining.ts';
import { verifyAudit } from '../../src/audit/verifying.ts';
import { backUp } from '../../src/backup/backing-up.ts';
import type { Queryable } from '../../src/database/pool.ts';
import { recordEntry } from '../../src/device-manager/storage/audit-table.ts';
import { recordAudit } from '../../src/user-manager/storage/audit-table.ts';
import { commandLineHere, printed } from '../cli/command-line.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

/** A number that no transaction of a test's server has reached. */
const far = 1_000_000_000_000;
const rowsBefore = 2_000;

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const readBy = (node: PlanNode): number => (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];

describe('the audit of a server whose transactions had larger numbers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-restored-audit-'));
  let source: TestDatabase;
  let place: TestDatabase;
  const databases: TestDatabase[] = [];
  const archive = join(folder, 'backup.zip');

  /** As the server would have written them after a million of millions of transactions. */
  const makeFar = async (database: TestDatabase) => {
    const client = await database.pool.connect();
    await client.query('set session_replication_role = replica');
    for (const schema of auditSchemas) await client.query(`update ${schema}.audit_event set xact = ${String(far - 1)}; update ${schema}.audit_chaining set chained_below = ${String(far)}`);
    await client.query('set session_replication_role = origin');
    client.release();
  };
  const write = async ({ pool }: TestDatabase, requestId: string) => {
    await recordEntry(pool, { event: 'chart-read', actor: 'vitalgate', resource: 'chart', requestId });
    await recordAudit(pool, { event: 'user-deleted', actor: 'vitalgate', patientId: 'anna', resource: 'user', requestId });
  };
  const chain = async ({ pool }: TestDatabase) => {
    for (const schema of auditSchemas) while (!(await chainRound(pool, schema)).done);
  };

  beforeAll(async () => {
    source = await createTestDatabase('migrated');
    databases.push(source);
    for (let row = 0; row < 3; row += 1) await write(source, `before-${String(row)}`);
    await chain(source);
    await makeFar(source);
    await backUp(source.pool, { data: archive, keys: join(folder, 'backup.keys.zip') }, '0.0.1');
  });
  beforeEach(async () => {
    place = await createTestDatabase();
    databases.push(place);
  });
  afterAll(async () => {
    for (const database of databases) await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('restored on a copy of that server from before, it is chained from the restore on, and proves itself', async () => {
    await printed(commandLineHere({ DATABASE_URL: place.url, DATA_DIR: folder }).run(['--json', 'restore', archive, '--without-erasure-journal']));
    for (const schema of auditSchemas) {
      // The row of the restore may have to wait for transactions of others, but it is told of.
      expect(await unchainedTail(place.pool, schema)).toMatchObject({ events: 1 });
    }
    await chain(place);
    for (const schema of auditSchemas) {
      const { rows } = await place.pool.query<{ linked: boolean }>(`select exists (select from ${schema}.audit_link l where l.event = e._id) as linked from ${schema}.audit_event e where event = 'database-restored'`);
      expect([schema, rows]).toEqual([schema, [{ linked: true }]]);
      expect(await verifyAudit(place.pool, schema)).toEqual({ links: 4, days: 1, head: expect.any(String), unchained: { events: 0 } });
      const { rows: [mark] } = await place.pool.query<{ isOurs: boolean }>(`select chained_below <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint and cluster is not null as "isOurs" from ${schema}.audit_chaining`);
      expect(mark).toEqual({ isOurs: true });
    }
    await write(place, 'after');
    expect(await unchainedTail(place.pool, 'device_manager')).toMatchObject({ events: 1 });
  });

  test('once it is linked, its tail is told without reading it', async () => {
    const client = await source.pool.connect();
    await client.query(`insert into device_manager.audit_event (patient_id, event, action, outcome, actor_kind, resource, request_id, peer)
      select '', 'chart-read', 'R', 'success', 'command-line', 'chart', 'many', '' from generate_series(1, ${String(rowsBefore)})`);
    client.release();
    await source.pool.query('update device_manager.audit_chaining set cluster = null');
    await chain(source);
    const { rows: [here] } = await source.pool.query<{ below: string }>('select chained_below as below from device_manager.audit_chaining');
    await makeFar(source);
    await source.pool.query('update device_manager.audit_chaining set chained_below = $1', [here?.below]);
    await source.pool.query('analyze device_manager.audit_event, device_manager.audit_link');
    await write(source, 'fresh');
    let plan: PlanNode | undefined;
    const explaining = {
      query: async (sql: string, values?: unknown[]) => {
        if (!sql.includes('audit_event')) return source.pool.query(sql, values);
        const { rows } = await source.pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`explain (analyze, format json) ${sql}`, values);
        plan = rows[0]?.['QUERY PLAN'][0].Plan;
        return source.pool.query(sql, values);
      },
    } as unknown as Queryable;
    expect(await unchainedTail(explaining, 'device_manager')).toMatchObject({ events: 1 });
    const read = plan ? nodesOf(plan).filter((node) => node['Relation Name'] === 'audit_event').map(readBy) : [];
    expect(read).toEqual([expect.any(Number)]);
    expect(Math.max(...read)).toBeLessThan(10);
  });
});
