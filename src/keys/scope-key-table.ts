import type { Queryable } from '../database/pool.ts';
import type { WrappedKey } from './wrapping.ts';

/** The stored keys of a scope with the newest generation of its data key. */
export interface StoredKeys {
  readonly identity: WrappedKey;
  readonly generation: number;
  readonly data: WrappedKey;
}

interface Row {
  readonly identity_key: Buffer;
  readonly identity_master: string | null;
  readonly generation: number;
  readonly wrapped_key: Buffer;
  readonly data_master: string | null;
}

/**
 * The keys of a scope. `held` keeps the generation from being destroyed until the transaction ends; that hinders neither other holders
 * nor wrapping it anew nor another generation.
 */
export const currentKeys = async (db: Queryable, scope: string, held: boolean): Promise<StoredKeys | undefined> => {
  const { rows } = await db.query<Row>({
    name: held ? 'held-keys' : 'current-keys',
    text: `select s.identity_key, s.master_key_id as identity_master, d.generation, d.wrapped_key, d.master_key_id as data_master
     from device_manager_keys.scope_key s join device_manager_keys.data_key d on d.scope = s.scope
     where s.scope = $1 order by d.generation desc limit 1${held ? ' for key share of d' : ''}`,
    values: [scope],
  });
  const [row] = rows;
  return row && {
    identity: { wrapped: row.identity_key, masterKeyId: row.identity_master },
    generation: row.generation,
    data: { wrapped: row.wrapped_key, masterKeyId: row.data_master },
  };
};

/** One generation of a data key; undefined when there is none, or no longer. */
export const wrappedDataKey = async (db: Queryable, scope: string, generation: number): Promise<WrappedKey | undefined> => {
  const { rows } = await db.query<{ wrapped_key: Buffer; master_key_id: string | null }>(
    'select wrapped_key, master_key_id from device_manager_keys.data_key where scope = $1 and generation = $2', [scope, generation],
  );
  const [row] = rows;
  return row && { wrapped: row.wrapped_key, masterKeyId: row.master_key_id };
};

/** Notes that keys may be wrapped by a master key from now on. */
export const noteMasterKey = async (db: Queryable, id: string): Promise<void> => {
  await db.query('insert into device_manager_keys.master_key (id) values ($1) on conflict do nothing', [id]);
};

/** Keeps the first keys of a scope, unless it has some; both were wrapped by the same master key. */
export const insertScope = async (db: Queryable, scope: string, identity: WrappedKey, data: WrappedKey): Promise<void> => {
  await db.query(
    `with master as (insert into device_manager_keys.master_key (id) values ($3) on conflict do nothing),
       made as (insert into device_manager_keys.scope_key (scope, identity_key, master_key_id) values ($1, $2, $3) on conflict do nothing returning scope)
     insert into device_manager_keys.data_key (scope, generation, wrapped_key, master_key_id) select scope, 1, $4, $3 from made`,
    [scope, identity.wrapped, identity.masterKeyId, data.wrapped],
  );
};

/** Keeps another generation of a data key, unless there is one of that number, or the scope is gone. */
export const insertGeneration = async (db: Queryable, scope: string, generation: number, { wrapped, masterKeyId }: WrappedKey): Promise<void> => {
  await db.query(
    `with master as (insert into device_manager_keys.master_key (id) values ($4) on conflict do nothing)
     insert into device_manager_keys.data_key (scope, generation, wrapped_key, master_key_id)
       select scope, $2, $3, $4 from device_manager_keys.scope_key where scope = $1 for key share on conflict do nothing`,
    [scope, generation, wrapped, masterKeyId],
  );
};

/** Removes all keys of a scope, and wishes for new ones, in a transaction of the caller's; answers the keys as they were wrapped. */
export const deleteScope = async (db: Queryable, scope: string): Promise<Buffer[]> => {
  // Nobody adds a generation to a scope that is held, so none goes unseen.
  await db.query('select from device_manager_keys.scope_key where scope = $1 for update', [scope]);
  await db.query('delete from device_manager_keys.data_key_rotation where scope = $1', [scope]);
  const { rows } = await db.query<{ wrapped: Buffer }>(
    `with data as (select generation, wrapped_key from device_manager_keys.data_key where scope = $1),
       gone as (delete from device_manager_keys.scope_key where scope = $1 returning identity_key)
     select identity_key as wrapped, 0 as place from gone union all select wrapped_key, generation from data order by place`,
    [scope],
  );
  return rows.map(({ wrapped }) => wrapped);
};
