import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { SealBrokenError } from './cipher.ts';
import type { MasterKeys } from './master-key.ts';
import { unwrap, wrap, type KeyUse } from './wrapping.ts';

const BATCH = 200;
/** How long to wait for keys that another run is wrapping just now. */
const WAIT_MS = 100;

/** The two places where wrapped keys lie: which column they are in, and what for. */
const places = [
  { table: 'device_manager_keys.scope_key', column: 'identity_key', generation: '0' },
  { table: 'device_manager_keys.data_key', column: 'wrapped_key', generation: 'generation' },
] as const;

interface Row {
  readonly scope: string;
  readonly generation: number;
  readonly wrapped: Buffer;
  readonly master_key_id: string;
}

const useOf = ({ generation }: Row): KeyUse => (generation === 0 ? 'identity' : generation);

/** Wraps a key anew; undefined for one that does not open, whose scope is noted. */
const wrappedAnew = (masterKeys: MasterKeys, row: Row, broken: Set<string>): { readonly row: Row; readonly wrapped: Buffer } | undefined => {
  const use = useOf(row);
  try {
    return { row, wrapped: wrap(masterKeys, row.scope, use, unwrap(masterKeys, row.scope, use, { wrapped: row.wrapped, masterKeyId: row.master_key_id })).wrapped };
  } catch (error) {
    if (!(error instanceof SealBrokenError)) throw error;
    broken.add(row.scope);
    return undefined;
  }
};

/** Wraps some keys anew in one transaction, which hinders nobody who reads or writes; answers how many it looked at. */
const wrapSome = (pool: Pool, masterKeys: MasterKeys, { table, column, generation }: (typeof places)[number], broken: Set<string>): Promise<number> =>
  inTransaction(pool, async (client) => {
    const { rows } = await client.query<Row>(
      `select scope, ${generation} as generation, ${column} as wrapped, master_key_id from ${table}
       where master_key_id in (select id from device_manager_keys.master_key where id <> $1) and scope <> all($2::text[]) limit ${String(BATCH)} for no key update skip locked`,
      [masterKeys.current.id, [...broken]],
    );
    const anew = rows.flatMap((row) => wrappedAnew(masterKeys, row, broken) ?? []);
    await client.query(
      `update ${table} t set ${column} = n.wrapped, master_key_id = $4 from unnest($1::text[], $2::int[], $3::bytea[]) as n(scope, generation, wrapped)
       where t.scope = n.scope${generation === 'generation' ? ' and t.generation = n.generation' : ''}`,
      [anew.map(({ row }) => row.scope), anew.map(({ row }) => row.generation), anew.map(({ wrapped }) => wrapped), masterKeys.current.id],
    );
    return rows.length;
  });

/** How many keys each master key wraps, also those that wrap none and might. */
export const wrappedByMasterKey = async (db: Queryable): Promise<{ id: string; keys: number }[]> =>
  (
    await db.query<{ id: string; keys: number }>(
      `select m.id, ((select count(*) from device_manager_keys.scope_key s where s.master_key_id = m.id) + (select count(*) from device_manager_keys.data_key d where d.master_key_id = m.id))::int as keys
       from device_manager_keys.master_key m order by m.first_used_at, m.id`,
    )
  ).rows;

const retireOthers = (db: Queryable, current: string) =>
  db.query(
    `delete from device_manager_keys.master_key m where id <> $1 and not exists (select from device_manager_keys.scope_key s where s.master_key_id = m.id)
       and not exists (select from device_manager_keys.data_key d where d.master_key_id = m.id)`,
    [current],
  );

/**
 * Wraps every key that another master key wrapped with the current one, in batches, while the program runs; answers how many. What a
 * run that was killed had done stays done. When it resolves, the database needs no other master key. Keys that do not open are left
 * and told at the end: it rejects. Throws MasterKeyMissingError when one was wrapped by a master key that was not given.
 */
export const rotateMasterKey = async (pool: Pool, masterKeys: MasterKeys, onProgress: (keys: number) => void): Promise<number> => {
  const broken = new Set<string>();
  let done = 0;
  for (;;) {
    let some = 0;
    for (const place of places) some += await wrapSome(pool, masterKeys, place, broken);
    done += some;
    if (some > 0) {
      onProgress(done);
      continue;
    }
    if (broken.size > 0) throw new Error(`The keys of ${String(broken.size)} patients or deliveries do not open and stay wrapped as they are: they were changed. All others are wrapped by ${masterKeys.current.id}.`);
    await retireOthers(pool, masterKeys.current.id);
    if ((await wrappedByMasterKey(pool)).every(({ id }) => id === masterKeys.current.id)) return done;
    await sleep(WAIT_MS);
  }
};
