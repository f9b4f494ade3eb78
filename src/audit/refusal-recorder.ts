import type { AuditEntry } from './audit-event.ts';
import { refusalEntry, type RefusalRules, type RefusedRequest } from './refusal.ts';

interface RefusalLog {
  readonly warn: (fields: object, message: string) => void;
}

const MINUTE_MS = 60_000;

/** How many rows a minute may be written about requests of nobody in particular: anybody can cause them. */
export const MOST_ANONYMOUS_ROWS = 300;

/**
 * Writes refusals into the audit. Those of nobody are bounded per minute; how many more there were is told in the log, where each
 * has its line anyway. A refusal that cannot be written stands all the same, and is told.
 */
export const createRefusalRecorder = <Caller>(
  rules: RefusalRules<Caller>, record: (entry: AuditEntry) => Promise<void>, log: RefusalLog, now: () => number = () => performance.now(),
): ((request: RefusedRequest<Caller>) => Promise<void>) => {
  let [minute, written, left] = [0, 0, 0];
  const isTooMany = (): boolean => {
    const current = Math.floor(now() / MINUTE_MS);
    if (current !== minute) {
      if (left > 0) log.warn({ refusals: left }, 'refusals without a row in the audit');
      [minute, written, left] = [current, 0, 0];
    }
    if (written >= MOST_ANONYMOUS_ROWS) left += 1;
    else written += 1;
    return left > 0;
  };
  return async (request) => {
    const entry = refusalEntry(request, rules);
    if (entry === undefined || (request.caller === undefined && isTooMany())) return;
    try {
      await record(entry);
    } catch (error) {
      log.warn({ error: error instanceof Error ? error.name : 'unknown', requestId: request.requestId }, 'a refusal is not in the audit');
    }
  };
};
