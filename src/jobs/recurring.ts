import type { Pool } from '../database/pool.ts';
import { addJob } from './runner.ts';

/** How often what has expired is deleted. */
export const EXPIRE_EVERY_MS = 6 * 3_600_000;

/**
 * Has a task run now and again and again, as one job however many processes ask for it. Between the runs there is no job. What cannot be
 * added is told, and added the next time. Answers how to stop.
 */
export const recur = (pool: Pool, task: string, everyMs: number, onError: (error: unknown) => void): (() => void) => {
  const add = () => {
    addJob(pool, { task, payload: {}, key: task }).catch(onError);
  };
  add();
  const timer = setInterval(add, everyMs).unref();
  return () => clearInterval(timer);
};
