import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertExport } from '../../src/device-manager/storage/patient-export-table.ts';
import { insertRenormalization, readRenormalization } from '../../src/device-manager/storage/renormalization-table.ts';
import { reasonOf } from '../../src/jobs/failure-reason.ts';
import { addJob, type Job } from '../../src/jobs/runner.ts';
import { writeServerFile } from '../../src/server-file.ts';
import { commandLineHere } from '../cli/command-line.ts';
import { accessTokenOf, answered, clientWith, eventually, newPatient, service, type Client } from '../device-manager/client.ts';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

interface Listed {
  readonly _id: string;
  readonly task: string;
  readonly state: string;
  readonly reason?: string;
  readonly attempts: number;
  readonly about: Readonly<Record<string, string>>;
  readonly nextTryAt?: string;
}

const audited = async ({ database }: TestVitalgate, schema: 'device_manager' | 'user_manager', event: string) =>
  (await database.pool.query<object>(`select actor_kind, patient_id, resource from ${schema}.audit_event where event = $1 order by at`, [event])).rows;

describe('background jobs that failed', () => {
  let vitalgate: TestVitalgate;
  let mails: MailServer;
  let dataDir: string;
  let deviceManager: Client;
  let userManager: Client;
  const run = (words: readonly string[]) => commandLineHere({ DATA_DIR: dataDir }).run(words);
  const jobs = (client: Client, query = '') => answered<Listed[]>(client.get(`/background-jobs${query}`));

  /** As after the last try, for the tries take days. */
  const giveUp = async (task: string): Promise<void> => {
    await vitalgate.database.pool.query(
      'update graphile_worker._private_jobs set attempts = max_attempts where locked_at is null and attempts > 0 and task_id = (select id from graphile_worker._private_tasks where identifier = $1)', [task],
    );
  };
  const fails = (client: Client, task: string) => eventually(async () => (await jobs(client, `?state=retrying&task=${task}`))[0], (job) => job?.reason !== undefined);

  const askForMail = async (): Promise<TestUser> => {
    const user = await vitalgate.addUser();
    const answer = await fetch(`${vitalgate.urls.bff}/reset-password`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email: `${user.username}@example.org` }) });
    expect(answer.status).toBe(204);
    return user;
  };
  const jobOf = async (client: Client, user: TestUser, state = 'failed') => (await jobs(client, `?state=${state}`)).find(({ about }) => about['userId'] === user.id);
  const failedMail = async (): Promise<TestUser> => {
    mails.refusing = true;
    const user = await askForMail();
    await eventually(() => jobOf(userManager, user, 'retrying'), (job) => job !== undefined);
    await giveUp('password-reset-mail');
    return user;
  };
  /** A job of a task that nothing here works on while the test looks. */
  const planted = async (job: Job, isFailed = true): Promise<string> => {
    await addJob(vitalgate.database.pool, { ...job, runAt: new Date(Date.now() + 3_600_000) });
    const { rows } = await vitalgate.database.pool.query<{ id: string }>(
      `update graphile_worker._private_jobs set attempts = case when $1 then max_attempts else 0 end, last_error = case when $1 then 'Error ENOSPC' end
       where id = (select max(id) from graphile_worker._private_jobs) returning id::text`, [isFailed],
    );
    return rows[0]?.id ?? '';
  };

  beforeAll(async () => {
    mails = await startMailServer();
    vitalgate = await startTestVitalgate({ SMTP_URL: mails.url });
    dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-jobs-'));
    writeServerFile(dataDir, { pid: process.pid, urls: {}, database: vitalgate.database.connection });
    const authorization = `Bearer ${await accessTokenOf(vitalgate, 'operator')}`;
    deviceManager = clientWith(vitalgate.urls.deviceManager, { authorization });
    userManager = clientWith(vitalgate.urls.userManager, { authorization });
  });
  afterAll(async () => {
    await vitalgate.stop();
    await mails.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('a mail that was refused shows with its reason, without the address, and goes out when it is tried again', async () => {
    const user = await failedMail();
    const job = await jobOf(userManager, user);
    expect(job).toMatchObject({ task: 'password-reset-mail', state: 'failed', reason: 'Error EMESSAGE 451', attempts: 25, about: { userId: user.id } });
    expect(JSON.stringify(job)).not.toContain('@');
    mails.refusing = false;
    expect((await userManager.post(`/background-jobs/${job?._id ?? ''}/retry`)).status).toBe(204);
    expect(await mails.mailsTo(`${user.username}@example.org`)).toHaveLength(1);
    expect(await eventually(() => jobOf(userManager, user, 'retrying'), (left) => left === undefined)).toBeUndefined();
    expect(await audited(vitalgate, 'user_manager', 'job-retried')).toEqual([{ actor_kind: 'operator', patient_id: user.id, resource: `job/password-reset-mail/${job?._id ?? ''}` }]);
  });

  test('all that a filter means are tried again, and no other', async () => {
    const [first, second] = [await failedMail(), await failedMail()];
    const other = await planted({ task: 'bulk-activation', payload: { jobId: 'nobody' } });
    mails.refusing = false;
    const answer = await userManager.post('/background-jobs/retry', { task: 'password-reset-mail' });
    expect([answer.status, await answer.json()]).toEqual([202, { jobs: 2 }]);
    for (const user of [first, second]) await mails.mailsTo(`${user.username}@example.org`);
    expect((await jobs(userManager)).map(({ _id }) => _id)).toEqual([other]);
    expect((await userManager.post(`/background-jobs/${other}/discard`)).status).toBe(204);
  });

  test('a normalization whose payload does not open shows as what it is, and is done once the payload is whole', async () => {
    const [patientId, pool] = [newPatient(), vitalgate.database.pool];
    const app = service(vitalgate, patientId);
    await answered(app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' }));
    await pool.query(`create function broken() returns trigger language plpgsql as $$ begin new.body = set_byte(new.body, 40, get_byte(new.body, 40) # 1); return new; end $$`);
    await pool.query('create trigger broken before insert on device_manager.payload for each row execute function broken()');
    await answered(app.post('/health-data/healthkit', [{ id: newPatient().replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), type: 'HeartRate', unit: 'bpm', value: 71, startDate: '2024-07-01T00:00:00Z', endDate: '2024-07-01T00:00:00Z', sourceId: 'x' }]));
    expect(await fails(deviceManager, 'normalize')).toMatchObject({ reason: 'SealBrokenError', about: { patientId } });
    await giveUp('normalize');
    await pool.query('drop trigger broken on device_manager.payload');
    await pool.query('update device_manager.payload set body = set_byte(body, 40, get_byte(body, 40) # 1) where patient_id = $1', [patientId]);
    const [job] = await jobs(deviceManager, '?task=normalize');
    expect((await deviceManager.post(`/background-jobs/${job?._id ?? ''}/retry`)).status).toBe(204);
    const states = () => answered<{ state: string }[]>(app.get('/health-data'));
    expect((await eventually(states, ([sample]) => sample?.state === 'normalized')).map(({ state }) => state)).toEqual(['normalized']);
  });

  test('each service has its own: those of the other are not there', async () => {
    const id = await planted({ task: 'export-patient', payload: { patientId: newPatient(), exportId: newPatient() } });
    expect((await jobs(deviceManager, '?task=export-patient')).map(({ _id, reason }) => [_id, reason])).toEqual([[id, 'Error ENOSPC']]);
    expect(await jobs(userManager, '?task=export-patient')).toEqual([]);
    for (const act of ['retry', 'discard']) expect((await userManager.post(`/background-jobs/${id}/${act}`)).status).toBe(404);
    expect((await deviceManager.post(`/background-jobs/${id}/discard`)).status).toBe(204);
    expect((await deviceManager.post(`/background-jobs/${id}/discard`)).status).toBe(404);
    expect((await audited(vitalgate, 'device_manager', 'job-discarded')).map((row) => (row as { resource: string }).resource)).toEqual([`job/export-patient/${id}`]);
  });

  test.each<[string, Job, 'deviceManager' | 'userManager']>([
    ['the erasure of health data', { task: 'erase-patient', payload: { erasureId: newPatient() } }, 'deviceManager'],
    ['the wish for it', { task: 'erase-health-data', payload: { patientId: newPatient(), auditPseudonym: 'x', account: '{}' } }, 'userManager'],
  ])('%s is owed, and cannot be thrown away', async (_situation, job, at) => {
    const [id, client] = [await planted(job), { deviceManager, userManager }[at]];
    expect((await client.post(`/background-jobs/${id}/discard`)).status).toBe(409);
    expect((await jobs(client)).map(({ _id, about }) => [_id, Object.keys(about)])).toEqual([[id, [at === 'deviceManager' ? 'erasureId' : 'patientId']]]);
    await vitalgate.database.pool.query('delete from graphile_worker._private_jobs where id = $1', [id]);
  });

  test.each<[string, Job, 'deviceManager' | 'userManager']>([
    ['renormalization', { task: 'renormalize', payload: { renormalizationId: newPatient() } }, 'deviceManager'],
    ['change of passwords', { task: 'bulk-change-password', payload: { jobId: newPatient() } }, 'userManager'],
  ])('a %s under way is neither tried again nor thrown away', async (_situation, job, at) => {
    const [id, client] = [await planted(job), { deviceManager, userManager }[at]];
    await vitalgate.database.pool.query(`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'somebody' where id = $1`, [id]);
    expect((await jobs(client, '?state=running')).some(({ _id }) => _id === id)).toBe(true);
    for (const act of ['retry', 'discard']) expect((await client.post(`/background-jobs/${id}/${act}`)).status).toBe(409);
    await vitalgate.database.pool.query('delete from graphile_worker._private_jobs where id = $1', [id]);
  });

  test('on the command line: listed over all services, tried again, thrown away, and in the audit', async () => {
    const [mail, archive] = [await planted({ task: 'password-changed-mail', payload: { userId: newPatient() } }), await planted({ task: 'export-patient', payload: { patientId: newPatient(), exportId: newPatient() } })];
    const waiting = await planted({ task: 'release-quarantine', payload: { device: newPatient() } }, false);
    const { code, out } = await run(['jobs', 'list']);
    expect([code, out.split('\n').length]).toEqual([0, 4]);
    expect(out).toMatch(new RegExp(`^${mail} +user-manager +password-changed-mail +Error ENOSPC +25/25 .* userId `, 'm'));
    const listed = async (...words: string[]) => (JSON.parse((await run(['--json', 'jobs', 'list', ...words])).out) as Listed[]).map(({ _id }) => _id);
    expect([await listed('--state', 'later'), await listed('--task', 'export-patient'), await listed('--reason', 'Error'), await listed('--limit', '1')]).toEqual([[waiting], [archive], [], [mail]]);
    expect((await run(['jobs', 'discard', archive])).code).toBe(0);
    expect((await run(['--json', 'jobs', 'retry', mail])).out).toBe('{"jobs":1}\n');
    expect(await eventually(() => listed(), (left) => left.length === 0)).toEqual([]);
    expect((await run(['--json', 'jobs', 'retry', '--task', 'export-patient'])).out).toBe('{"jobs":0}\n');
    expect((await run(['jobs', 'discard', waiting])).code).toBe(0);
    expect((await audited(vitalgate, 'device_manager', 'job-discarded')).filter((row) => (row as { actor_kind: string }).actor_kind === 'command-line')).toHaveLength(2);
  });

  test.each<[string, 'waiting' | 'running', (id: string) => Promise<unknown>]>([
    ['that waits', 'waiting', (id) => deviceManager.post(`/background-jobs/${id}/discard`)],
    ['that was cut off', 'running', (id) => deviceManager.post(`/background-jobs/${id}/discard`)],
    ['that waits, on the command line', 'waiting', (id) => run(['jobs', 'discard', id])],
  ])('an export %s and is thrown away has failed until it expires, and the next one is another', async (_situation, state, discard) => {
    const [patientId, exportId, { pool }] = [newPatient(), newPatient(), vitalgate.database];
    await insertExport(pool, { _id: exportId, patientId, creator: 'test' });
    await pool.query('update device_manager.patient_export set state = $2 where _id = $1::uuid', [exportId, state]);
    await discard(await planted({ task: 'export-patient', payload: { patientId, exportId } }));
    const exports = service(vitalgate, patientId);
    expect(await answered(exports.get(`/patients/${patientId}/exports/${exportId}`))).toMatchObject({ state: 'failed', expiresAt: expect.any(String) });
    const next = await exports.post(`/patients/${patientId}/exports`);
    expect([next.status, ((await next.json()) as { _id: string })._id === exportId]).toEqual([202, false]);
  });

  test('an export whose job is gone is made after all once it is asked for again', async () => {
    const [patientId, exportId] = [newPatient(), newPatient()];
    await insertExport(vitalgate.database.pool, { _id: exportId, patientId, creator: 'test' });
    const exports = service(vitalgate, patientId);
    for (let times = 0; times < 2; times += 1) expect(await (await exports.post(`/patients/${patientId}/exports`)).json()).toMatchObject({ _id: exportId });
    expect(await eventually(() => answered<{ state: string }>(exports.get(`/patients/${patientId}/exports/${exportId}`)), ({ state }) => state === 'ready')).toMatchObject({ state: 'ready' });
  });

  test('a run over samples that is thrown away is over, and names nobody', async () => {
    const [patientId, _id, { pool }] = [newPatient(), newPatient(), vitalgate.database];
    await insertRenormalization(pool, { _id, filter: {}, dryRun: true, creator: 'test' });
    await pool.query('update device_manager.renormalization set after_patient = $2 where _id = $1::uuid', [_id, patientId]);
    expect((await deviceManager.post(`/background-jobs/${await planted({ task: 'renormalize', payload: { renormalizationId: _id } })}/discard`)).status).toBe(204);
    expect(await readRenormalization(pool, _id)).toMatchObject({ state: 'done', after_patient: '', finished_at: expect.any(Date) });
  });

  test.each<[string, number, string[]]>([
    ['a job nobody has', 3, ['retry', '999999999']], ['what is no number', 3, ['discard', 'nobody']], ['a state nobody knows', 2, ['list', '--state', 'lost']], ['no job', 2, ['discard']],
  ])('%s ends with exit code %d', async (_situation, code, words) => {
    expect((await run(['jobs', ...words])).code).toBe(code);
  });
});

describe('the reason of a failure', () => {
  class KeyMissingError extends Error {
    override readonly name = 'KeyMissingError';
  }
  test.each<[string, unknown, string]>([
    ['an error of the system', Object.assign(new Error('connect 10.1.2.3:25'), { code: 'ECONNREFUSED' }), 'Error ECONNREFUSED'],
    ['a class of ours', new KeyMissingError('anna'), 'KeyMissingError'],
    ['a mail server that refuses', Object.assign(new Error('anna@example.org'), { code: 'EENVELOPE', responseCode: 550 }), 'Error EENVELOPE 550'],
    ['the cause behind it', new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET' }) }), 'TypeError UND_ERR_SOCKET'],
    ['a code that is a value', Object.assign(new Error('x'), { code: 'systolic 184' }), 'Error'],
    ['a name that is a value', Object.assign(new Error('x'), { name: 'anna@example.org' }), 'Error'],
    ['what is no error', 'anna', 'unknown'],
  ])('%s', (_situation, error, reason) => {
    expect(reasonOf(error)).toBe(reason);
  });
});
