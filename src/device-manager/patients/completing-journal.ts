import type { ErasureJournal } from './erasure-journal.ts';

interface JournalLog {
  readonly error: (fields: object, message: string) => void;
}

const EVERY_MS = 600_000;

/**
 * Brings the journal of this process up to what other processes erased, before it resolves and again and again until it is stopped. What
 * cannot be written is told, and made up for the next time.
 */
export const startCompletingJournal = async ({ complete }: Pick<ErasureJournal, 'complete'>, log: JournalLog, everyMs = EVERY_MS): Promise<{ readonly stop: () => Promise<void> }> => {
  const run = (): Promise<void> =>
    complete().catch((error: unknown) => log.error({ error: error instanceof Error ? error.name : 'unknown' }, 'what other processes erased could not be noted in the erasure journal'));
  let running = run();
  await running;
  const timer = setInterval(() => {
    running = running.then(run);
  }, everyMs).unref();
  return {
    stop: () => {
      clearInterval(timer);
      return running;
    },
  };
};
