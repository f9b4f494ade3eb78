import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { specifications } from '../contract/specifications.ts';
import { roles } from './callers.ts';
import type { FuzzedRequest } from './fuzz/requests.ts';
import { fuzz } from './fuzz/run.ts';
import { createWorld, type World } from './fuzz/world.ts';
import { seed } from '../setup/seed.ts';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2000);

/** What reading is meant to leave: who read, in the audit. */
const LEFT_BY_READING = /^(device_manager|user_manager)\.audit_\w+$/;

describe('C5 reading', () => {
  let world: World;
  const waiting = async (): Promise<number> => {
    const { rows } = await world.vitalgate.database.pool.query<{ count: number }>("select count(*)::int as count from graphile_worker.jobs where run_at <= now()");
    return rows[0]?.count ?? 0;
  };
  beforeAll(async () => {
    world = await createWorld();
    // Everybody signs in, and what waits to be done is done, before anybody looks.
    for (const role of roles) await world.credentialOf(role, 'listDevices');
    while ((await waiting()) > 0) await sleep(100);
  }, 120_000);
  afterAll(() => world.stop(), 60_000);

  /** A digest of the rows of each table, but for when a credential was last used, which is noted once a minute. */
  const stateOfTables = async (): Promise<Map<string, string | null>> => {
    const { pool } = world.vitalgate.database;
    const { rows: tables } = await pool.query<{ name: string }>(
      "select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'",
    );
    const digests = new Map<string, string | null>();
    for (const { name } of tables) {
      const { rows } = await pool.query<{ digest: string | null }>(`select md5(string_agg(told::text, '|' order by told::text)) as digest from (select to_jsonb(row) - 'last_used_at' as told from ${name} as row) as all_rows`);
      digests.set(name, rows[0]?.digest ?? null);
    }
    return digests;
  };
  const changedSince = async (before: ReadonlyMap<string, string | null>): Promise<string[]> => [...(await stateOfTables())].filter(([name, digest]) => before.get(name) !== digest).map(([name]) => name);

  const isReading = ({ method, operation, kind }: FuzzedRequest): boolean => method === 'GET' && operation.method === 'GET' && kind !== 'raw';

  test('changes nothing but the audit, whatever it asks for', async () => {
    const before = await stateOfTables();
    expect(before.size).toBeGreaterThan(20);
    for (const { service } of specifications) {
      const { taken, statuses } = await fuzz(world, { service, seed, to: REQUESTS, isWanted: isReading });
      expect(taken.size).toBeGreaterThan(5);
      expect(statuses.get(200)).toBeGreaterThan(50);
    }
    expect((await changedSince(before)).filter((name) => !LEFT_BY_READING.test(name))).toEqual([]);
  }, 300_000);

  test('control: one device that is enrolled is a change', async () => {
    const before = await stateOfTables();
    const headers = { ...(await world.credentialOf('patient', 'assignDevice')), 'content-type': 'application/json' };
    const body = JSON.stringify({ deviceId: 'annas-watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' });
    expect((await fetch(`${world.urlOf('bff')}/devices/assign`, { method: 'POST', headers, body })).status).toBe(200);
    expect(await changedSince(before)).toEqual(expect.arrayContaining(['device_manager.device']));
  });
});
