import { setTimeout as sleep } from 'node:timers/promises';
import { JOB_ADDED } from '../../src/jobs/listening.ts';
import type { TestDatabase } from '../setup/test-database.ts';
import type { Delivered } from '../setup/mail-server.ts';

/** The link of a mail as one finds it there. */
export const linkIn = (mail: Delivered | undefined): URL => new URL(/https?:\/\/\S+/.exec(mail?.email.text ?? '')?.[0] ?? 'none:');

export const tokenIn = (mail: Delivered | undefined): string => new URLSearchParams(linkIn(mail).hash.slice(1)).get('token') ?? '';

/** Posts JSON and reads the problem, if there is one. */
export const post = async (url: string, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, problem: (text === '' ? {} : JSON.parse(text)) as { code?: string; errors?: { pointer: string }[] } };
};

/** Looks again and again; throws when it does not come to that in time. */
export const until = async (fits: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + 45_000;
  while (!(await fits())) {
    if (Date.now() > end) throw new Error('it did not come to that');
    await sleep(20);
  }
};

/** Has jobs that wait for their next try tried at once, until it has come to what is wanted. */
export const tryingUntil = ({ pool }: TestDatabase, fits: () => boolean): Promise<void> =>
  until(async () => {
    if (fits()) return true;
    await pool.query('update graphile_worker._private_jobs set run_at = now() where locked_at is null');
    await pool.query('select pg_notify($1, identifier) from graphile_worker._private_tasks', [JOB_ADDED]);
    return false;
  });

/** Waits until no job about a user is left. */
export const jobsDone = ({ pool }: TestDatabase, userId: string): Promise<void> =>
  until(async () => (await pool.query('select 1 from graphile_worker._private_jobs where payload::text like $1', [`%${userId}%`])).rowCount === 0);

/** Everything in the tables of a schema, as text; bytes as PostgreSQL writes them and as text. */
export const contentOf = async ({ pool }: TestDatabase, schema: string): Promise<string> => {
  const { rows } = await pool.query<{ name: string }>('select format(\'%I.%I\', table_schema, table_name) as name from information_schema.tables where table_schema = $1', [schema]);
  const texts = await Promise.all(rows.map(async ({ name }) => JSON.stringify((await pool.query(`select one::text from ${name} one`)).rows)));
  return texts.join('\n');
};
