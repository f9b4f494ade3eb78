import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { afterFailure, failureLimits } from './domain/failure-limits.ts';
import { lockCount, removeOldCounts, writeCount, writeSuccess, type Attempt, type CountedBy } from './storage/sign-in-failure-table.ts';

export type { Attempt } from './storage/sign-in-failure-table.ts';

/** An attempt that may be made; it counts as failed until it is told otherwise, so that many at once are no way round the count. */
export interface AdmittedAttempt {
  readonly succeeded: () => Promise<void>;
  readonly failed: () => Promise<void>;
  /** The password was not looked at. */
  readonly withdrawn: () => Promise<void>;
}

/** Counts failed sign-ins in the database, so that they survive a restart and all processes share them. */
export interface SignInAttempts {
  /** Admits an attempt, or tells how many whole seconds, at least 1, it has to wait; the same whoever the name belongs to. */
  readonly admit: (attempt: Attempt) => Promise<AdmittedAttempt | { readonly waitSeconds: number }>;
}

/** Locks in one order: from there at the account, the account, the source. */
const inOrder: readonly CountedBy[] = ['accountFromSource', 'account', 'source'];

const addFailure = async (db: Queryable, attempt: Attempt, by: CountedBy): Promise<void> =>
  writeCount(db, attempt, by, afterFailure(await lockCount(db, attempt, by), failureLimits[by]));

/** One that was counted ahead and then not made. */
const takeBack = async (db: Queryable, attempt: Attempt, by: CountedBy): Promise<void> => {
  const { failures } = await lockCount(db, attempt, by);
  await writeCount(db, attempt, by, { failures: Math.max(0, failures - 1), waitSeconds: 0 });
};

const admitted = (pool: Pool, attempt: Attempt, counted: readonly CountedBy[]): AdmittedAttempt => ({
  succeeded: () => writeSuccess(pool, attempt),
  failed: () =>
    inTransaction(pool, async (client) => {
      await addFailure(client, attempt, 'source');
      await removeOldCounts(client);
    }),
  withdrawn: () =>
    inTransaction(pool, async (client) => {
      for (const by of counted) await takeBack(client, attempt, by);
    }),
});

/** Counts on the tables of the User Manager. */
export const createSignInAttempts = (pool: Pool): SignInAttempts => ({
  admit: (attempt) =>
    inTransaction(pool, async (client) => {
      const counts = [];
      for (const by of inOrder) counts.push({ by, ...(await lockCount(client, attempt, by)) });
      // A source that the account knows answers for itself: others slow themselves down, and not the owner.
      const isKnown = counts.some((count) => count.isKnown);
      const relevant = counts.filter(({ by }) => !isKnown || by === 'accountFromSource');
      const waitSeconds = Math.max(...relevant.map((count) => count.waitSeconds));
      if (waitSeconds > 0) return { waitSeconds };
      const ahead = relevant.filter(({ by }) => by !== 'source');
      for (const count of ahead) await writeCount(client, attempt, count.by, afterFailure(count, failureLimits[count.by]));
      return admitted(pool, attempt, ahead.map(({ by }) => by));
    }),
});
