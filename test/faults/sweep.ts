import { expect } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../src/config.ts';
import { JOB_ADDED } from '../../src/jobs/listening.ts';
import { createRandom } from '../../src/simulator/random.ts';
import type { Cut } from '../players/network.ts';
import type { UseCase, World } from './use-cases.ts';

/** How many of the calls of each use case are made to fail: some, drawn by the seed, in CI; all in full size. */
const most = Number(process.env['NTH_CALLS'] ?? 3);
const seed = Number(process.env['SEED'] ?? 20260801);

/** Calls of one kind, of which one can be made to fail. */
export interface FailingCalls {
  /** Calls since the last `cutAt`. */
  readonly calls: () => number | Promise<number>;
  /** Has the n-th call from now on fail (1 is the next, 0 none), before it is done or after, and that one alone. */
  readonly cutAt: (n: number, cut: Cut) => unknown;
  readonly mend: () => unknown;
}

/** The jobs that use cases wait for; without those that run by the clock. */
export const sweptJobs: Config['JOBS'] = ['normalize', 'release-quarantine', 'submit-detections', 'export-patient', 'erase-patient', 'rotate-data-keys', 'password-reset-mail', 'password-changed-mail', 'erase-health-data'];

const SETTLED_WITHIN_MS = 40_000;

/** Has jobs that wait after a failure run now. */
const hurry = ({ database }: World): Promise<unknown> =>
  database.pool.query(
    `with late as (update graphile_worker._private_jobs set run_at = now() where locked_at is null and attempts > 0 and attempts < max_attempts and run_at > now() returning task_id)
     select pg_notify($1, identifier) from late join graphile_worker._private_tasks task on task.id = task_id`, [JOB_ADDED],
  );

/** Waits until a check holds; without jobs it holds at once, or never. */
export const settled = async (world: World, check: () => Promise<void>): Promise<void> => {
  const patienceMs = world.mailsTo ? SETTLED_WITHIN_MS : 0;
  for (let waitedMs = 0; ; waitedMs += 40) {
    try {
      await check();
      return;
    } catch (error) {
      if (waitedMs >= patienceMs) throw error;
      await hurry(world);
      await sleep(40);
    }
  }
};

/** What a caller is told under a fault is declared for every operation: done, or come again; `broken` when the machine itself fails. */
const expectDeclared = ({ status, ok, headers }: Response, told: string, mayBreak: boolean): void => {
  if (status === 503) expect([told, Number(headers.get('retry-after')) > 0]).toEqual([told, true]);
  else if (!ok) expect([told, [502, ...(mayBreak ? [500] : [])].includes(status) ? 'declared' : status]).toEqual([told, 'declared']);
};

const chosen = (count: number): number[] => {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  const draw = createRandom(seed);
  while (all.length > most) all.splice(draw.whole(0, all.length - 1), 1);
  return all;
};

interface Sweep {
  readonly world: World;
  readonly name: string;
  /** A use case of somebody new, each time. */
  readonly prepare: () => Promise<UseCase>;
  readonly calls: FailingCalls;
  readonly cut: Cut;
  /** Such a call breaks a request for good: it may be answered 500. */
  readonly mayBreak?: boolean;
}

/**
 * Has the n-th call fail, for every n or as many as are wanted: the answer is declared, repeating completes it, and it is there once.
 * Answers how many calls there are.
 */
export const sweep = async ({ world, name, prepare, calls, cut, mayBreak = false }: Sweep): Promise<number> => {
  const whole = await prepare();
  await calls.cutAt(0, cut);
  expect([name, (await whole.send()).ok]).toEqual([name, true]);
  // Where there are no jobs, what the check asks for is no part of it.
  if (world.mailsTo) await settled(world, whole.check);
  const count = await calls.calls();
  for (const n of chosen(count)) {
    const useCase = await prepare();
    await calls.cutAt(n, cut);
    const first = await useCase.send();
    const told = `${name}, call ${String(n)} of ${String(count)}`;
    expectDeclared(first, told, mayBreak);
    // The call may be one of the jobs': they have the time until all is done. Whoever was refused asks again.
    if (first.ok && world.mailsTo) await settled(world, useCase.check);
    await calls.mend();
    const again = await useCase.send();
    expect([told, again.ok || again.status === useCase.doneBefore ? 'done' : again.status]).toEqual([told, 'done']);
    await settled(world, useCase.check);
  }
  return count;
};
