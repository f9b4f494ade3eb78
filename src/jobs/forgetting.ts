import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../database/pool.ts';

const PATIENCE_MS = 20_000;
const LOOK_MS = 200;

const naming = 'exists (select from json_each_text(payload) as member where member.value = $1)';

/** A job about somebody is still running; what wants to forget it tries again later. */
export class JobStillRunsError extends Error {
  constructor() {
    super('A job about what is to be forgotten is still running.');
    this.name = 'JobStillRunsError';
  }
}

/**
 * Forgets every job whose payload names an identifier, and the queues that are named after it; a job that runs is waited for. Answers how
 * many jobs. Throws JobStillRunsError when one runs for longer than 20 s.
 */
export const forgetJobs = async (pool: Pool, id: string): Promise<number> => {
  let forgotten = 0;
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    forgotten += (await pool.query(`delete from graphile_worker._private_jobs where locked_at is null and ${naming}`, [id])).rowCount ?? 0;
    const { rowCount } = await pool.query(`select from graphile_worker._private_jobs where ${naming} limit 1`, [id]);
    if (rowCount === 0) break;
    if (performance.now() > until) throw new JobStillRunsError();
    await sleep(LOOK_MS);
  }
  await pool.query(
    `delete from graphile_worker._private_job_queues q where split_part(queue_name, ':', 2) = $1 and not exists (select from graphile_worker._private_jobs j where j.job_queue_id = q.id)`, [id],
  );
  return forgotten;
};
