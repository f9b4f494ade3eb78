import type { Pool } from '../database/pool.ts';
import type { AuditSchema } from './audit-tables.ts';
import { chainRound } from './chaining.ts';

interface ChainLog {
  readonly info: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

const EVERY_MS = 5_000;

/**
 * Chains the audit in the background until stopped. The hash in which a day ended is told in the log: kept elsewhere, it shows whether
 * the chain was written anew. A round that fails is told and made up for by the next one.
 */
export const startChainer = (pool: Pool, schema: AuditSchema, log: ChainLog, everyMs = EVERY_MS): { readonly stop: () => Promise<void> } => {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const rounds = async (): Promise<void> => {
    for (let done = false; !done && !stopped; ) {
      const round = await chainRound(pool, schema);
      if (round.ended) log.info({ audit: schema, ...round.ended }, 'a day of the audit ended');
      ({ done } = round);
    }
  };
  const run = (): Promise<void> =>
    rounds()
      .catch((error: unknown) => log.error({ audit: schema, error: error instanceof Error ? error.name : 'unknown' }, 'chaining the audit failed'))
      .then(() => {
        if (stopped) return;
        timer = setTimeout(() => {
          running = run();
        }, everyMs).unref();
      });
  let running = run();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
};
