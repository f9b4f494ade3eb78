import { randomUUID } from 'node:crypto';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { KeyRing, Scope } from './scope-keys.ts';

/** A wish for new data keys: of one patient, or of all. */
export interface DataKeyRotation {
  readonly _id: string;
  /** Null for all patients. */
  readonly scope: Scope | null;
  /** Sealed values that were sealed anew. */
  readonly resealed: number;
  /** Sealed values that do not open, and keep their old generation alive. */
  readonly unreadable: number;
  readonly created_at: Date;
  readonly finished_at: Date | null;
}

/** A patient whose data key has older generations. */
export interface Renewed {
  readonly scope: Scope;
  readonly patientId: string;
  readonly generation: number;
}

const BATCH = 200;
const columns = `replace(_id::text, '-', '') as _id, scope, resealed::float8 as resealed, unreadable::float8 as unreadable, created_at, finished_at`;

/** Keeps a wish; the caller adds the job in the same transaction. */
export const wishRotation = async (db: Queryable, scope: Scope | undefined, creator: string): Promise<string> => {
  const _id = randomUUID().replaceAll('-', '');
  await db.query('insert into device_manager_keys.data_key_rotation (_id, scope, creator) values ($1::uuid, $2, $3)', [_id, scope ?? null, creator]);
  return _id;
};

/** Wishes, the newest first. */
export const listRotations = async (db: Queryable, limit: number): Promise<DataKeyRotation[]> =>
  (await db.query<DataKeyRotation>(`select ${columns} from device_manager_keys.data_key_rotation order by created_at desc, _id limit $1`, [limit])).rows;

/** Wishes that are not fulfilled. */
export const openRotations = async (db: Queryable): Promise<DataKeyRotation[]> =>
  (await db.query<DataKeyRotation>(`select ${columns} from device_manager_keys.data_key_rotation where finished_at is null order by created_at, _id`)).rows;

/** Counts values that were sealed anew, for every wish that is open. */
export const countResealed = async (db: Queryable, values: number): Promise<void> => {
  await db.query('update device_manager_keys.data_key_rotation set resealed = resealed + $1 where finished_at is null', [values]);
};

/** Ends wishes. */
export const finishRotations = async (db: Queryable, ids: readonly string[], unreadable: number): Promise<void> => {
  await db.query('update device_manager_keys.data_key_rotation set finished_at = now(), unreadable = $2 where _id = any($1::uuid[]) and finished_at is null', [ids, unreadable]);
};

/** Patients of a wish whose newest key is older than it, in order of their scopes from after one: what was looked at is not looked at again. */
const unrenewed = async (db: Queryable, { _id, scope }: DataKeyRotation, after: string): Promise<Scope[]> =>
  (
    await db.query<{ scope: Scope }>(
      `select s.scope from device_manager_keys.scope_key s
       where ${scope === null ? `s.scope > $2 and s.scope like 'patient:%'` : 's.scope = $3 and s.scope > $2'}
         and not exists (select from device_manager_keys.data_key d join device_manager_keys.data_key_rotation r on r._id = $1::uuid where d.scope = s.scope and d.created_at >= r.created_at)
       order by s.scope limit ${String(BATCH)}`,
      scope === null ? [_id, after] : [_id, after, scope],
    )
  ).rows.map((row) => row.scope);

/** Gives every patient of a wish a new generation, unless that was done: keys made after the wish count. */
export const renewDataKeys = async (pool: Pool, keyRing: KeyRing, rotation: DataKeyRotation): Promise<void> => {
  for (let scopes = await unrenewed(pool, rotation, 'patient:'); scopes.length > 0; scopes = await unrenewed(pool, rotation, scopes.at(-1) ?? '')) {
    const batch = scopes;
    await inTransaction(pool, async (client) => {
      for (const scope of batch) await keyRing.renew(client, scope);
    });
  }
};

/** How many patients have keys, and how many of them more than one generation of their data key. */
export const countPatients = async (db: Queryable): Promise<{ all: number; withOlder: number }> => {
  const { rows } = await db.query<{ all: number; withOlder: number }>(
    `select count(*)::int as all, (count(*) filter (where generations > 1))::int as "withOlder"
     from (select count(*) as generations from device_manager_keys.data_key where scope like 'patient:%' group by scope) patients`,
  );
  return rows[0] ?? { all: 0, withOlder: 0 };
};

/** The next patient, in order, whose data key has older generations. */
export const nextRenewed = async (db: Queryable, after: string): Promise<Renewed | undefined> => {
  const { rows } = await db.query<{ scope: Scope; generation: number }>(
    'select scope, max(generation) as generation from device_manager_keys.data_key where scope > $1 group by scope having count(*) > 1 order by scope limit 1', [after],
  );
  const [row] = rows;
  return row && { ...row, patientId: row.scope.slice('patient:'.length) };
};

/**
 * Destroys the older generations of a patient's data key, once nobody can seal under them any more and `isNeeded` finds nothing that
 * was; tells whether they are gone.
 */
export const retireGenerations = (pool: Pool, { scope, generation }: Renewed, isNeeded: (db: Queryable) => Promise<boolean>): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    // Waits for the transactions that hold them; whoever comes later holds a newer one.
    await client.query('select from device_manager_keys.data_key where scope = $1 and generation < $2 order by generation for update', [scope, generation]);
    if (await isNeeded(client)) return false;
    await client.query('delete from device_manager_keys.data_key where scope = $1 and generation < $2', [scope, generation]);
    return true;
  });
