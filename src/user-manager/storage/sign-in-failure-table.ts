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

/** The count of a row, which stays locked for the rest of the transaction; a row that is not there yet, or not any more, is made. */
export const lockCount = async (db: Queryable, { username, source: from }: Attempt, by: CountedBy): Promise<FailureCount> => {
  // One statement: between two, the row might be forgotten.
  const { rows } = await db.query<{ failures: number; idle: number; wait: number; known: boolean }>(
    `insert into user_manager.sign_in_failures as counted (account, source) select ${keys[by]} where ${given}
     on conflict (account, source) do update set failures = counted.failures
     returning failures, extract(epoch from clock_timestamp() - noted_at)::float8 as idle,
       coalesce(greatest(0, ceil(extract(epoch from blocked_until - clock_timestamp()))), 0)::int as wait,
       coalesce(signed_in_at > now() - interval '${String(days.known)} days', false) as known`,
    [username, from],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('An insertion returns its row.');
  return { failures: row.failures, idleSeconds: Math.max(0, row.idle), waitSeconds: row.wait, isKnown: row.known };
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

/** Removes a few rows that have no meaning any more; called again and again, it removes all of them. */
export const removeOldCounts = async (db: Queryable): Promise<void> => {
  for (const old of [`signed_in_at is null and noted_at < now() - interval '${String(days.strangers)} days'`, `signed_in_at < now() - interval '${String(days.known)} days'`]) {
    await db.query(
      `delete from user_manager.sign_in_failures where (account, source) in
         (select account, source from user_manager.sign_in_failures where ${old} limit 20 for update skip locked)`,
    );
  }
};
