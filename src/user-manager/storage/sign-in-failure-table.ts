import type { Queryable } from '../../database/pool.ts';

/** Who is to be signed in, as typed, and from where. Neither is stored: rows have their digests. */
export interface Attempt {
  readonly username: string;
  readonly source: string;
}

/** Which failures a row counts. */
export type CountedBy = 'accountFromSource' | 'account' | 'source';

/** Failures as they are counted; times are told by the database's clock. */
export interface FailureCount {
  readonly failures: number;
  /** Since the last of them. */
  readonly idleSeconds: number;
  /** Until the next try; 0 when it may be made now. */
  readonly waitSeconds: number;
  /** The account signed in from this source within 90 days. */
  readonly isKnown: boolean;
}

/** User names are compared without regard to case, as the database sees it: the counter must not be dodged by letters it takes for the same. */
const account = `sha256(convert_to(lower($1), 'UTF8'))`;
const source = `sha256(convert_to($2, 'UTF8'))`;
/** An empty digest stands for all accounts, or all sources. */
const keys: Readonly<Record<CountedBy, string>> = { accountFromSource: `${account}, ${source}`, account: `${account}, ''::bytea`, source: `''::bytea, ${source}` };
/** Both parameters are named in every statement, whichever it needs. */
const given = '$1::text is not null and $2::text is not null';
const days = { strangers: 2, known: 90 };

interface CountRow {
  readonly failures: number;
  readonly idle: number;
  readonly wait: number;
  readonly known: boolean;
}

/** Columns of CountRow, of the table named `counted`; without a row nothing was counted. */
const countColumns = `coalesce(counted.failures, 0) as failures, coalesce(extract(epoch from clock_timestamp() - counted.noted_at), 0)::float8 as idle,
  coalesce(greatest(0, ceil(extract(epoch from counted.blocked_until - clock_timestamp()))), 0)::int as wait,
  coalesce(counted.signed_in_at > now() - interval '${String(days.known)} days', false) as known`;

const countOf = ({ failures, idle, wait, known }: CountRow): FailureCount => ({ failures, idleSeconds: Math.max(0, idle), waitSeconds: wait, isKnown: known });

/** All counts of an attempt as they are now; locks nothing and leaves nothing behind. */
export const readCounts = async (db: Queryable, { username, source: from }: Attempt): Promise<readonly (FailureCount & { readonly by: CountedBy })[]> => {
  const named = Object.entries(keys).map(([by, key]) => `('${by}', ${key})`).join(', ');
  const { rows } = await db.query<CountRow & { by: CountedBy }>(
    `select named.by, ${countColumns} from (values ${named}) as named(by, account, source) left join user_manager.sign_in_failures counted using (account, source) where ${given}`,
    [username, from],
  );
  return rows.map((row) => ({ by: row.by, ...countOf(row) }));
};

/** The count of a row, which stays locked for the rest of the transaction; a row that is not there yet, or not any more, is made. */
export const lockCount = async (db: Queryable, { username, source: from }: Attempt, by: CountedBy): Promise<FailureCount> => {
  // One statement: between two, the row might be forgotten.
  const { rows } = await db.query<CountRow>(
    `insert into user_manager.sign_in_failures as counted (account, source) select ${keys[by]} where ${given}
     on conflict (account, source) do update set failures = counted.failures returning ${countColumns}`,
    [username, from],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('An insertion returns its row.');
  return countOf(row);
};

/** Takes away the rows of an attempt that count nothing; only for rows that are locked. */
export const removeEmptyCounts = async (db: Queryable, { username, source: from }: Attempt, locked: readonly CountedBy[]): Promise<void> => {
  for (const by of locked) {
    await db.query(
      `delete from user_manager.sign_in_failures where (account, source) = (${keys[by]}) and ${given}
         and failures = 0 and signed_in_at is null and coalesce(blocked_until <= clock_timestamp(), true)`,
      [username, from],
    );
  }
};

/** Writes a count; the next try has to wait from now on. */
export const writeCount = async (db: Queryable, { username, source: from }: Attempt, by: CountedBy, { failures, waitSeconds }: Pick<FailureCount, 'failures' | 'waitSeconds'>): Promise<void> => {
  await db.query(
    `update user_manager.sign_in_failures set failures = $3, noted_at = clock_timestamp(), blocked_until = clock_timestamp() + make_interval(secs => $4)
     where (account, source) = (${keys[by]}) and ${given}`,
    [username, from, failures, waitSeconds],
  );
};

/** Notes that the account signed in from there, and forgets what failed there and at the account before; one row after the other, as they are locked elsewhere. */
export const writeSuccess = async (db: Queryable, { username, source: from }: Attempt): Promise<void> => {
  const forget = (by: CountedBy, more: string) =>
    db.query(`update user_manager.sign_in_failures set failures = 0, blocked_until = null, noted_at = now()${more} where (account, source) = (${keys[by]}) and ${given}`, [username, from]);
  await forget('accountFromSource', ', signed_in_at = now()');
  await forget('account', '');
};

/** Forgets all failures at an account, and from where it was used; rows are locked as sign-ins lock them, that of all sources last. Answers how many counts there were. */
export const forgetFailuresOf = async (db: Queryable, username: string): Promise<number> => {
  const { rowCount } = await db.query(
    `with locked as (select account, source from user_manager.sign_in_failures where account = ${account} order by source desc for update)
     delete from user_manager.sign_in_failures where (account, source) in (select account, source from locked)`,
    [username],
  );
  return rowCount ?? 0;
};

/** Forgets counts that have no meaning any more, a batch of them; answers how many. */
export const forgetOldCounts = async (db: Queryable, limit: number): Promise<number> =>
  (
    await db.query(
      `delete from user_manager.sign_in_failures where (account, source) in (select account, source from user_manager.sign_in_failures
         where (signed_in_at is null and noted_at < now() - interval '${String(days.strangers)} days') or signed_in_at < now() - interval '${String(days.known)} days' limit $1 for update skip locked)`,
      [limit],
    )
  ).rowCount ?? 0;
