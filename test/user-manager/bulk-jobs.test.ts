import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { forgetBulkJobs, insertBulkJob, type BulkKind } from '../../src/user-manager/storage/bulk-job-table.ts';
import { startUserManager, type RunningUserManager } from './running-user-manager.ts';

interface Job {
  readonly jobId: string;
  readonly status: string;
  readonly jobCreatedAt: string;
  readonly [member: string]: unknown;
}

describe('jobs on many users', () => {
  let um: RunningUserManager;
  beforeAll(async () => {
    um = await startUserManager({ jobs: ['bulk-activation', 'bulk-change-password'] });
  });
  afterAll(() => um.stop());

  const start = async (path: string, body: unknown): Promise<Job> => {
    const answer = await um.send('POST', path, body);
    expect(answer.status).toBe(202);
    return (await answer.json()) as Job;
  };
  const done = async (path: string): Promise<Job> => {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const job = (await (await um.send('GET', path)).json()) as Job;
      if (job.status !== 'pending') return job;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('the job stayed pending');
  };
  const postponed = async (username: string, userGroup = 'patient'): Promise<string> => {
    const answer = await um.send('POST', '/users?postponeAuthUserCreation=true', { username, email: `${username}@example.org`, userGroup });
    return ((await answer.json()) as { _id: string })._id;
  };
  const filters = (...ids: string[]) => ids.map((userId) => ({ filter: { userId } }));

  test('POST /jobs/bulk-activation activates who is postponed, and says what became of each', async () => {
    const ids = { later: await postponed('later'), active: await um.create('active'), contact: await postponed('contact', 'contact'), nobody: '0'.repeat(32) };
    const started = await start('/jobs/bulk-activation', filters(ids.later, ids.active, ids.contact, ids.nobody, ids.later));
    expect(started).toEqual({ jobId: expect.stringMatching(/^[0-9a-f]{32}$/), status: 'pending', jobCreatedAt: expect.any(String) });
    expect(await done(`/jobs/bulk-activation/${started.jobId}`)).toEqual({
      ...started, status: 'completed', summary: { failed: 2, updated: 1, inserted: 1, total: 4 },
      failures: [{ userId: ids.contact, errors: [{ code: 'account-disabled', message: expect.any(String) }] }, { userId: ids.nobody, errors: [{ code: 'not-found', message: expect.any(String) }] }],
    });
    const [later] = (await (await um.send('GET', `/users?_id=${ids.later}`)).json()) as { authUserId: string }[];
    expect(later?.authUserId).toBe(ids.later);
    const again = await start('/jobs/bulk-activation?upsert=false', filters(ids.later));
    expect(await done(`/jobs/bulk-activation/${again.jobId}`)).toMatchObject({ summary: { failed: 1, updated: 0, inserted: 0, total: 1 }, failures: [{ errors: [{ code: 'active-already' }] }] });
  });

  test('POST /jobs/change-password/bulk has a mail sent to each who may sign in', async () => {
    const [anna, blocked] = [await um.create('anna'), await um.create('blocked', { blocked: true })];
    const started = await start('/jobs/change-password/bulk', { authUsersIds: [anna, blocked, 'auth0|nobody', anna] });
    expect(await done(`/jobs/change-password/bulk/${started.jobId}`)).toMatchObject({
      status: 'completed', summary: { failed: 2, completed: 1, total: 3 }, completed: [{ authUserId: anna }], failures: [{ authUserId: blocked }, { authUserId: 'auth0|nobody' }],
    });
    const { rows } = await um.database.pool.query<{ key: string }>(`select key from graphile_worker.jobs where task_identifier = 'password-reset-mail'`);
    expect(rows).toEqual([{ key: `password-reset:${anna}` }]);
  });

  test.each<[string, string, unknown]>([
    ['no list', '/jobs/bulk-activation', {}],
    ['an empty list', '/jobs/bulk-activation', []],
    ['a filter by name', '/jobs/bulk-activation', [{ filter: { username: 'anna' } }]],
    ['201 users', '/jobs/bulk-activation', filters(...Array.from({ length: 201 }, (_, index) => String(index)))],
    ['no accounts', '/jobs/change-password/bulk', { authUsersIds: [] }],
    ['a list alone', '/jobs/change-password/bulk', ['a']],
    ['a member nobody knows', '/jobs/change-password/bulk', { authUsersIds: ['a'], connection: 'x' }],
  ])('%s is refused and starts nothing', async (_situation, path, body) => {
    const answer = await um.send('POST', path, body);
    expect([400, 413]).toContain(answer.status);
  });

  test('a job of the other kind, or of nobody, is 404', async () => {
    const { jobId } = await start('/jobs/change-password/bulk', { authUsersIds: ['nobody'] });
    for (const path of [`/jobs/bulk-activation/${jobId}`, '/jobs/change-password/bulk/nobody']) expect((await um.send('GET', path)).status).toBe(404);
  });

  test.each<[BulkKind, string, object]>([
    ['bulk-activation', '/jobs/bulk-activation', { userIds: ['nobody'], upsert: true }],
    ['bulk-change-password', '/jobs/change-password/bulk', { authUserIds: ['nobody'] }],
  ])('a job that an operator throws away has failed, and is forgotten as others are: %s', async (kind, path, request) => {
    const { pool } = um.database;
    const job = await insertBulkJob(pool, { id: randomUUID().replaceAll('-', ''), kind, request, creatorId: 'service' });
    const { rows: [waiting] } = await pool.query<{ id: string }>(`select id::text from graphile_worker.add_job($1, json_build_object('jobId', $2::text), run_at => now() + interval '1 hour')`, [kind, job.id]);
    const status = async () => (await (await um.send('GET', `${path}/${job.id}`)).json()) as Job;
    expect(await status()).toMatchObject({ status: 'pending' });
    expect((await um.send('POST', `/background-jobs/${waiting?.id ?? ''}/discard`)).status).toBe(204);
    expect(await status()).toEqual({ jobId: job.id, status: 'failed', jobCreatedAt: job.createdAt.toISOString() });
    expect(await forgetBulkJobs(pool, new Date(job.createdAt.getTime() + 1))).toBeGreaterThan(0);
    expect((await um.send('GET', `${path}/${job.id}`)).status).toBe(404);
  });

  test('a job that comes a second time does nothing', async () => {
    const id = await postponed('once');
    const { jobId } = await start('/jobs/bulk-activation', filters(id));
    const first = await done(`/jobs/bulk-activation/${jobId}`);
    await um.database.pool.query(`select graphile_worker.add_job('bulk-activation', json_build_object('jobId', $1::text))`, [jobId]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await done(`/jobs/bulk-activation/${jobId}`)).toEqual(first);
  });
});
