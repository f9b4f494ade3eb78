import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { afterFailure, failureLimits } from './domain/failure-limits.ts';
import { lockCount, readCounts, removeEmptyCounts, writeCount, writeSuccess, type Attempt, type CountedBy, type FailureCount } from './storage/sign-in-failure-table.ts';

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

/** Locks in one order: from there at the account, the account, the source. The source is counted once an attempt has failed. */
const countedAhead: readonly CountedBy[] = ['accountFromSource', 'account'];

type Count = FailureCount & { readonly by: CountedBy };

/** What decides about an attempt. A source that the account knows answers for itself: others slow themselves down, and not the owner. */
const relevantOf = (counts: readonly Count[]): readonly Count[] => (counts.some(({ isKnown }) => isKnown) ? counts.filter(({ by }) => by === 'accountFromSource') : counts);

const waitOf = (counts: readonly Count[]): number => Math.max(...relevantOf(counts).map(({ waitSeconds }) => waitSeconds));

const addFailure = async (db: Queryable, attempt: Attempt, by: CountedBy): Promise<void> =>
  writeCount(db, attempt, by, afterFailure(await lockCount(db, attempt, by), failureLimits[by]));

/** One that was counted ahead and then not made. */
const takeBack = async (db: Queryable, attempt: Attempt, by: CountedBy): Promise<void> => {
  const { failures } = await lockCount(db, attempt, by);
  await writeCount(db, attempt, by, { failures: Math.max(0, failures - 1), waitSeconds: 0 });
};

const admitted = (pool: Pool, attempt: Attempt, counted: readonly CountedBy[]): AdmittedAttempt => ({
  succeeded: () => writeSuccess(pool, attempt),
  failed: () => inTransaction(pool, (client) => addFailure(client, attempt, 'source')),
  withdrawn: () =>
    inTransaction(pool, async (client) => {
      for (const by of counted) await takeBack(client, attempt, by);
      await removeEmptyCounts(client, attempt, counted);
    }),
});

/** Counts on the tables of the User Manager. */
export const createSignInAttempts = (pool: Pool): SignInAttempts => ({
  admit: (attempt) =>
    inTransaction(pool, async (client) => {
      // Looked at before anything is written: who has to wait could fill the table otherwise.
      const seen = await readCounts(client, attempt);
      if (waitOf(seen) > 0) return { waitSeconds: waitOf(seen) };
      const locked: Count[] = [];
      for (const by of countedAhead) if (!locked.some(({ isKnown }) => isKnown)) locked.push({ by, ...(await lockCount(client, attempt, by)) });
      // Others may have failed between the look and the lock.
      const counts = [...locked, ...seen.filter(({ by }) => by === 'source')];
      const waitSeconds = waitOf(counts);
      if (waitSeconds > 0) {
        await removeEmptyCounts(client, attempt, locked.map(({ by }) => by));
        return { waitSeconds };
      }
      for (const count of locked) await writeCount(client, attempt, count.by, afterFailure(count, failureLimits[count.by]));
      return admitted(pool, attempt, locked.map(({ by }) => by));
    }),
});
