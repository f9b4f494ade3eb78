import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { AuditSchema } from './audit-tables.ts';
import { hashOfLink, originOfChain } from './chain.ts';

/** What one round linked, and the days that it ended with the hash each ended in. */
export interface Round {
  readonly linked: number;
  /** False while there is more to link at once. */
  readonly done: boolean;
  /** The day before, when this round began a new one. */
  readonly ended?: { readonly day: string; readonly position: number; readonly hash: string };
}

interface Head {
  readonly day: string;
  readonly position: number;
  readonly hash: Buffer;
}

interface Fresh {
  readonly _id: string;
  readonly xact: string;
  readonly digest: Buffer;
}

const BATCH = 5_000;

/** The last link; the one before the first where there is none. */
const headOf = async (db: PoolClient, schema: AuditSchema): Promise<Head> => {
  const { rows } = await db.query<Head>(`select l.day::text, l.position, l.hash from ${schema}.audit_link l order by l.day desc, l.position desc limit 1`);
  return rows[0] ?? { day: '', position: 0, hash: originOfChain(schema) };
};

interface Horizon {
  /** Every row of an earlier transaction has been looked at. */
  readonly from: string;
  /** No transaction below is under way, so none of its rows can still appear. */
  readonly below: string;
  readonly cluster: string;
  readonly isNewCluster: boolean;
  readonly today: string;
}

/**
 * Which transactions to look at. Rows become visible in the order of commits, not of instants or identifiers; a transaction number below
 * the oldest one under way is settled for good. In another cluster (after a restore) numbers begin anew, so all rows are looked at again.
 */
const horizonOf = async (db: PoolClient, schema: AuditSchema): Promise<Horizon> => {
  const { rows: [row] } = await db.query<{ chained_below: string; below: string; was: string | null; cluster: string; today: string }>(
    `select chained_below, pg_snapshot_xmin(pg_current_snapshot())::text as below, cluster as was, (select system_identifier::text from pg_control_system()) as cluster,
       (now() at time zone 'UTC')::date::text as today
     from ${schema}.audit_chaining`,
  );
  if (!row) throw new Error('The audit has lost its place.');
  const isNewCluster = row.was !== row.cluster;
  return { from: isNewCluster ? '0' : row.chained_below, isNewCluster, below: row.below, cluster: row.cluster, today: row.today };
};

/** Has the next round look at all rows again, as in another cluster: for whoever filled the tables from elsewhere. */
export const forgetChainingPlace = async (db: Queryable, schema: AuditSchema): Promise<void> => {
  await db.query(`update ${schema}.audit_chaining set cluster = null`);
};

/** Rows of settled transactions that have no link, in the order of transactions; those of another cluster may have any number. */
const freshRows = async (db: PoolClient, schema: AuditSchema, { from, below }: Horizon): Promise<Fresh[]> => {
  const { rows } = await db.query<Fresh>(
    `select replace(e._id::text, '-', '') as _id, e.xact, e.digest from ${schema}.audit_event e
     where e.xact >= $1 and (e.xact < $2 or $1 = 0) and not exists (select from ${schema}.audit_link l where l.event = e._id)
     order by e.xact, e._id limit ${String(BATCH)}`,
    [from, below],
  );
  return rows;
};

const link = async (db: PoolClient, schema: AuditSchema, head: Head, today: string, rows: readonly Fresh[]): Promise<Head> => {
  // A clock that was set back must not make the chain go back.
  const day = today > head.day ? today : head.day;
  let { position, hash } = day === head.day ? head : { position: 0, hash: head.hash };
  const links = rows.map(({ _id, digest }) => {
    const previous = hash;
    position += 1;
    hash = hashOfLink(previous, day, position, _id, digest);
    return { position, event: _id, previous, hash };
  });
  await db.query(
    `insert into ${schema}.audit_link (day, position, event, previous, hash) select $1, * from unnest($2::int[], $3::uuid[], $4::bytea[], $5::bytea[])`,
    [day, links.map((one) => one.position), links.map((one) => one.event), links.map((one) => one.previous), links.map((one) => one.hash)],
  );
  return { day, position, hash };
};

/**
 * Links the rows that committed since the last round to the chain of today, in one transaction and under a lock: of many processes one
 * chains, and one that was killed has done nothing. A row that commits late comes later in the chain, but it comes.
 */
export const chainRound = (pool: Pool, schema: AuditSchema): Promise<Round> =>
  inTransaction(pool, async (client): Promise<Round> => {
    const { rows: [lock] } = await client.query<{ ours: boolean }>(`select pg_try_advisory_xact_lock(hashtextextended('audit chain of ${schema}', 0)) as ours`);
    if (lock?.ours !== true) return { linked: 0, done: true };
    const horizon = await horizonOf(client, schema);
    const rows = await freshRows(client, schema, horizon);
    const head = await headOf(client, schema);
    if (rows.length > 0) await link(client, schema, head, horizon.today, rows);
    const done = rows.length < BATCH;
    if (done && (rows.length > 0 || horizon.isNewCluster)) await client.query(`update ${schema}.audit_chaining set chained_below = $1, cluster = $2`, [horizon.below, horizon.cluster]);
    else if (!done && !horizon.isNewCluster) await client.query(`update ${schema}.audit_chaining set chained_below = $1`, [rows.at(-1)?.xact]);
    const hasEnded = rows.length > 0 && head.position > 0 && horizon.today > head.day;
    return { linked: rows.length, done, ...(hasEnded && { ended: { day: head.day, position: head.position, hash: head.hash.toString('hex') } }) };
  });

/**
 * Rows that have no link yet, and how many seconds ago the oldest was written. Asked in two steps, so that the planner knows how few rows are new.
 * Rows of larger numbers than any transaction had so far came from another cluster: they were linked before the place was noted.
 */
export const unchainedTail = async (db: Queryable, schema: AuditSchema): Promise<{ readonly events: number; readonly oldestSeconds: number }> => {
  const { rows: [chaining] } = await db.query<{ from: string }>(
    `select case when cluster = (select system_identifier::text from pg_control_system()) then chained_below else 0 end as from from ${schema}.audit_chaining`,
  );
  const { rows: [tail] } = await db.query<{ events: number; oldestSeconds: number }>(
    `select count(*)::int as events, coalesce(greatest(0, extract(epoch from clock_timestamp() - min(e.at))), 0)::float8 as "oldestSeconds"
     from ${schema}.audit_event e where e.xact >= $1 and ($1 = 0 or e.xact < pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
       and not exists (select from ${schema}.audit_link l where l.event = e._id)`,
    [chaining?.from ?? '0'],
  );
  return tail ?? { events: 0, oldestSeconds: 0 };
};
