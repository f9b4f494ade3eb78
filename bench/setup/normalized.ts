import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../src/database/pool.ts';

/** All samples are normalized when no job is left; asked of the queue, which costs the program nothing. */
export const normalizedIn = async (pool: Pool): Promise<void> => {
  const left = async () => (await pool.query<{ left: number }>(`select count(*)::int as left from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'normalize'`)).rows[0]?.left ?? 0;
  while ((await left()) > 0) await sleep(5);
};
