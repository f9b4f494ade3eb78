import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import PostalMime from 'postal-mime';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { contentOf, jobsDone, linkIn, post, tokenIn, tryingUntil, until } from './reset-client.ts';

const newPassword = 'a new horse in the old stable';

const ask = (vitalgate: TestVitalgate, email: string) => post(`${vitalgate.urls.bff}/reset-password`, { email });
const request = (vitalgate: TestVitalgate, authUserId: string) => post(`${vitalgate.urls.userManager}/users/change-password`, { authUserId }, { authorization: `Bearer ${vitalgate.serviceToken}` });
const failures = (vitalgate: TestVitalgate): number => vitalgate.logged().split('"msg":"job failed"').length - 1;

describe('mails about passwords', () => {
  let mails: MailServer;
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    mails = await startMailServer();
    vitalgate = await startTestVitalgate({ SMTP_URL: mails.url, PUBLIC_URL: 'https://health.example.org/app/', MAIL_FROM: 'Clinic <no-reply@example.org>' });
  });
  afterAll(async () => {
    await vitalgate.stop();
    await mails.stop();
  });

  test('no secret is in the database in clear, and no secret and no address in jobs and log', async () => {
    const user = await vitalgate.addUser();
    const email = `${user.username}@example.org`;
    await vitalgate.database.pool.query(`create table public.seen_job (payload text, key text);
      create function public.see_job() returns trigger language plpgsql as $$ begin insert into public.seen_job values (new.payload::text, new.key); return new; end $$;
      create trigger see_job after insert or update on graphile_worker._private_jobs for each row execute function public.see_job()`);
    await ask(vitalgate, email);
    const token = tokenIn((await mails.mailsTo(email))[0]);
    mails.refusing = true;
    await ask(vitalgate, email);
    await until(() => mails.refused() > 0);
    mails.refusing = false;
    await tryingUntil(vitalgate.database, () => mails.delivered.filter(({ recipients }) => recipients.includes(email)).length === 2);
    const newest = tokenIn((await mails.mailsTo(email, 2))[1]);
    await jobsDone(vitalgate.database, user.id);
    const stored = await contentOf(vitalgate.database, 'user_manager');
    expect(stored).toContain(user.id);
    for (const secret of [token, newest]) {
      for (const form of [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret, 'base64url').toString('hex')]) expect(stored).not.toContain(form);
    }
    await post(`${vitalgate.urls.bff}/reset-password/confirm`, { token: newest, password: newPassword });
    await mails.mailsTo(email, 3);
    await jobsDone(vitalgate.database, user.id);
    const jobs = await contentOf(vitalgate.database, 'public');
    expect(jobs).toContain(user.id);
    expect(vitalgate.logged()).toContain('password-reset-mail');
    for (const secret of [token, newest, newPassword, email, user.username]) {
      expect(jobs).not.toContain(secret);
      expect(await contentOf(vitalgate.database, 'graphile_worker')).not.toContain(secret);
      expect(vitalgate.logged()).not.toContain(secret);
    }
  });

  test('the link begins with PUBLIC_URL, whatever host the request names', async () => {
    const user = await vitalgate.addUser();
    const headers = { 'content-type': 'application/json', host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' };
    const status = await new Promise((resolve, reject) => {
      // The platform's fetch would send the true Host.
      const sent = httpRequest(`${vitalgate.urls.bff}/reset-password`, { method: 'POST', headers }, (answer) => resolve(answer.resume().statusCode));
      sent.on('error', reject).end(JSON.stringify({ email: `${user.username}@example.org` }));
    });
    expect(status).toBe(204);
    const [mail] = await mails.mailsTo(`${user.username}@example.org`);
    expect(linkIn(mail).href).toMatch(/^https:\/\/health\.example\.org\/app\/reset-password#token=/);
    expect(mail?.raw).not.toContain('evil.example');
    expect(mail?.email.from).toMatchObject({ name: 'Clinic', address: 'no-reply@example.org' });
  });

  test.each([
    ['a comma', 'anna,evil@example.org', 1],
    ['quotes', '"anna"@example.org', 1],
    ['two addresses', 'anna@example.org, evil@example.org', 0],
    ['a header after a line end', 'anna@example.org\r\nBcc: evil@example.org', 0],
    ['a recipient after a line end', 'anna@example.org>\r\nRCPT TO:<evil@example.org', 0],
    ['another address in brackets', '<evil@example.org> anna@example.org', 0],
    ['a group', 'friends: evil@example.org, anna@example.org;', 0],
  ])('an address with %s makes no second recipient: taken as one, or refused by the server', async (_situation, address, taken) => {
    const user = await vitalgate.addUser();
    await vitalgate.database.pool.query('update user_manager.user_account set email = $2 where _id = $1', [user.id, address]);
    const before = mails.delivered.length;
    await request(vitalgate, user.id);
    const refused = async () => (await vitalgate.database.pool.query('delete from graphile_worker._private_jobs where payload::text like $1 and last_error is not null and locked_at is null', [`%${user.id}%`])).rowCount === 1;
    await until(async () => mails.delivered.length > before || (await refused()));
    const delivered = mails.delivered.slice(before);
    expect(delivered).toHaveLength(taken);
    expect(delivered.flatMap(({ recipients }) => recipients)).toHaveLength(taken);
    expect(delivered.flatMap(({ email }) => [email.to?.length, email.cc, email.bcc])).toEqual(taken === 0 ? [] : [1, undefined, undefined]);
  });

  test('a server that refuses again and again does not use up the mails of the hour, and the last link works', async () => {
    const user = await vitalgate.addUser();
    const email = `${user.username}@example.org`;
    mails.refusing = true;
    await request(vitalgate, user.id);
    const before = mails.refused();
    await tryingUntil(vitalgate.database, () => mails.refused() >= before + 5);
    mails.refusing = false;
    await tryingUntil(vitalgate.database, () => mails.delivered.some(({ recipients }) => recipients.includes(email)));
    const token = tokenIn((await mails.mailsTo(email))[0]);
    expect((await post(`${vitalgate.urls.bff}/reset-password/confirm`, { token, password: newPassword })).status).toBe(204);
    await mails.mailsTo(email, 2);
  });
});

test('while the mail server is down wishes are taken, and the mail comes when it is back', async () => {
  const gone = await startMailServer();
  await gone.stop();
  const vitalgate = await startTestVitalgate({ SMTP_URL: gone.url });
  const user = await vitalgate.addUser();
  expect((await ask(vitalgate, `${user.username}@example.org`)).status).toBe(204);
  await until(() => failures(vitalgate) > 0);
  const back = await startMailServer({ port: Number(new URL(gone.url).port) });
  await tryingUntil(vitalgate.database, () => back.delivered.length > 0);
  expect(linkIn((await back.mailsTo(`${user.username}@example.org`))[0]).origin).toBe(vitalgate.urls.bff);
  await vitalgate.stop();
  await back.stop();
});

describe('without a mail server', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-mail-'));
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ DATA_DIR: dataDir });
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const folder = join(dataDir, 'mail');

  test('each mail is a whole file for the owner of the process alone, and its link works', async () => {
    const user = await vitalgate.addUser();
    await ask(vitalgate, `${user.username}@example.org`);
    await jobsDone(vitalgate.database, user.id);
    const [name = ''] = readdirSync(folder);
    expect(name).toMatch(/^\d{4}-\d\d-\d\dT[\d.-]+Z-[0-9a-f]{16}\.eml$/);
    expect([statSync(folder).mode & 0o777, statSync(join(folder, name)).mode & 0o777]).toEqual([0o700, 0o600]);
    const raw = readFileSync(join(folder, name), 'utf8');
    expect((await PostalMime.parse(raw)).to?.[0]?.address).toBe(`${user.username}@example.org`);
    const link = new URL(/^http.*$/m.exec(raw)?.[0] ?? 'none:'); // as it stands in the file: to be copied by hand
    const token = new URLSearchParams(link.hash.slice(1)).get('token');
    expect((await post(`${vitalgate.urls.bff}/reset-password/confirm`, { token, password: newPassword })).status).toBe(204);
    await jobsDone(vitalgate.database, user.id);
    expect(readdirSync(folder)).toHaveLength(2);
  });
});

describe('where nobody says how browsers reach the BFF', () => {
  test('the operator is told, the job fails and waits, and the password stays', async () => {
    const mails = await startMailServer();
    const vitalgate = await startTestVitalgate({ SMTP_URL: mails.url, SERVICES: ['user-manager'] });
    const user = await vitalgate.addUser();
    await request(vitalgate, user.id);
    await until(() => failures(vitalgate) > 0);
    expect(vitalgate.notices).toEqual([expect.stringContaining('PUBLIC_URL is needed')]);
    expect(vitalgate.logged()).toMatch(/"level":50[^\n]*PUBLIC_URL is needed for the links in mails/);
    expect(mails.delivered).toEqual([]);
    // The log is written before the outcome of the job is.
    await until(async () => (await vitalgate.database.pool.query(`select 1 from graphile_worker.jobs where last_error like '%NoPublicAddressError%'`)).rowCount === 1);
    await vitalgate.stop();
    await mails.stop();
  });

  test('a process that does not run the jobs is not told, and leaves them to others', async () => {
    const vitalgate = await startTestVitalgate({ SERVICES: ['user-manager'], JOBS: ['normalize'] });
    const user = await vitalgate.addUser();
    await request(vitalgate, user.id);
    await sleep(300);
    expect(vitalgate.notices).toEqual([]);
    const { rows } = await vitalgate.database.pool.query<{ task_identifier: string; attempts: number }>('select task_identifier, attempts from graphile_worker.jobs');
    expect(rows).toEqual([{ task_identifier: 'password-reset-mail', attempts: 0 }]);
    await vitalgate.stop();
  });
});
