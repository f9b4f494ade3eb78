import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { contentOf, jobsDone, linkIn, post, tokenIn } from '../user-manager/reset-client.ts';

const newPassword = (index: number | string) => `five oars and paper boat ${String(index)}`;

describe('a password reset', () => {
  let mails: MailServer;
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    mails = await startMailServer();
    vitalgate = await startTestVitalgate({ SMTP_URL: mails.url, PUBLIC_URL: 'https://health.example.org/app', PASSWORD_RESETS_PER_HOUR: 40 });
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    await mails.stop();
  });

  const addressOf = ({ username }: TestUser) => `${username}@example.org`;
  const ask = (email: string, headers: Record<string, string> = {}) => post(`${vitalgate.urls.bff}/reset-password`, { email }, headers);
  const confirm = (token: string, password: string) => post(`${vitalgate.urls.bff}/reset-password/confirm`, { token, password });
  const mailsTo = (user: TestUser, count = 1) => mails.mailsTo(addressOf(user), count);
  const query = (text: string, values: unknown[] = []) => vitalgate.database.pool.query(text, values);
  const signIn = async ({ username }: TestUser, password: string) => (await post(`${vitalgate.urls.bff}/oauth/token`, { username, password })).status;
  const withToken = async () => {
    const user = await vitalgate.addUser();
    await post(`${vitalgate.urls.userManager}/users/change-password`, { authUserId: user.id }, { authorization: `Bearer ${vitalgate.serviceToken}` });
    const [mail] = await mailsTo(user);
    return { user, mail, token: tokenIn(mail) };
  };

  test('B10 known, unknown and blocked addresses are answered alike; a mail is a job, and goes out later', async () => {
    const [known, barred] = [await vitalgate.addUser(), await vitalgate.addUser()];
    await query('update user_manager.user_account set blocked = true where _id = $1', [barred.id]);
    const answers = [await ask(addressOf(known)), await ask(addressOf(barred)), await ask('nobody@example.org')];
    const told = answers.map(({ status, text, headers }) => ({ status, text, headers: [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)) }));
    expect(told).toEqual(told.map(() => told[0]));
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
    expect(await mailsTo(known)).toHaveLength(1);
    await jobsDone(vitalgate.database, barred.id);
    expect(mails.delivered.filter(({ recipients }) => recipients.includes(addressOf(barred)))).toEqual([]);
  });

  test('B11 a token is 256 random bits, stored as a digest, and ends', async () => {
    const { token, user } = await withToken();
    expect(token).toMatch(/^[\w-]{43}$/);
    const { rows } = await query('select extract(epoch from expires_at - created_at)::int as seconds from user_manager.password_reset where user_id = $1', [user.id]);
    expect(rows).toEqual([{ seconds: 1_800 }]);
    expect(await contentOf(vitalgate.database, 'user_manager')).not.toContain(token);
    await query('update user_manager.password_reset set expires_at = now() where user_id = $1', [user.id]);
    expect((await confirm(token, newPassword(1))).problem.code).toBe('reset-token-invalid');
  });

  test('B12 of fifty uses of one token at once exactly one succeeds, and its password is the one that counts', async () => {
    const { token, user } = await withToken();
    const codes = await Promise.all(Array.from({ length: 50 }, async (_, index) => {
      const { status, problem } = await confirm(token, newPassword(index));
      return status === 204 ? 'set' : problem.code;
    }));
    expect(codes.filter((code) => code === 'set')).toHaveLength(1);
    expect(codes.filter((code) => code !== 'set' && code !== 'reset-token-invalid')).toEqual([]);
    expect([await signIn(user, newPassword(codes.indexOf('set'))), await signIn(user, user.password)]).toEqual([200, 401]);
  });

  test('B13 a newer link and a changed password void older links; opening one uses nothing up', async () => {
    const { token, user, mail } = await withToken();
    await post(`${vitalgate.urls.userManager}/users/change-password`, { authUserId: user.id }, { authorization: `Bearer ${vitalgate.serviceToken}` });
    const newer = tokenIn((await mailsTo(user, 2))[1]);
    for (let look = 0; look < 3; look += 1) expect((await fetch(`${vitalgate.urls.bff}/reset-password`)).status).toBe(200);
    expect(linkIn(mail).pathname).toBe('/app/reset-password');
    expect([(await confirm(token, newPassword('a'))).status, (await confirm(newer, newPassword('b'))).status]).toEqual([400, 204]);
    const other = await withToken();
    const cookie = await vitalgate.signIn(other.user);
    expect((await post(`${vitalgate.urls.bff}/change-password`, { currentPassword: other.user.password, password: newPassword('c') }, { cookie })).status).toBe(204);
    expect((await confirm(other.token, newPassword('d'))).problem.code).toBe('reset-token-invalid');
  });

  test('B14, B15 the link is that of the settings, whatever the request says, with the token in its fragment alone', async () => {
    const user = await vitalgate.addUser();
    await ask(addressOf(user), { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'http', forwarded: 'host=evil.test' });
    const link = linkIn((await mailsTo(user))[0]);
    expect(link.href).toMatch(/^https:\/\/health\.example\.org\/app\/reset-password#token=[\w-]{43}$/);
    expect(vitalgate.logged()).not.toContain(link.hash.slice('#token='.length));
    expect((await fetch(`${vitalgate.urls.bff}/reset-password`)).headers.get('referrer-policy')).toBe('no-referrer');
  });

  test('B16 a reset signs nobody in, lifts what guesses had locked, and is told by mail; so is every other change', async () => {
    const { token, user } = await withToken();
    for (let guess = 0; guess < 6; guess += 1) await signIn(user, 'not the password');
    expect(await signIn(user, user.password)).toBe(429);
    const done = await confirm(token, newPassword('e'));
    expect([done.status, done.headers.getSetCookie(), await signIn(user, newPassword('e'))]).toEqual([204, [], 200]);
    expect((await mailsTo(user, 2))[1]?.email.subject).toBe('Your password was changed');
    const cookie = await vitalgate.signIn({ ...user, password: newPassword('e') });
    await post(`${vitalgate.urls.bff}/change-password`, { currentPassword: newPassword('e'), password: newPassword('f') }, { cookie });
    expect((await mailsTo(user, 3))[2]?.email.subject).toBe('Your password was changed');
  });

  test.each(['anna@example.org,evil@example.org', 'anna@example.org\r\nBcc: evil@example.org', 'anna@example.org evil@example.org', '"a\n"@example.org', 'anna@example.org\u0000'])('B18 an address that hides another one is refused: %j', async (email) => {
    const { status, problem } = await post(`${vitalgate.urls.bff}/reset-password`, { email });
    expect([status, ['invalid-request', 'invalid-text'].includes(problem.code ?? '')]).toEqual([400, true]);
    expect(mails.delivered.flatMap(({ recipients }) => recipients)).not.toContain('evil@example.org');
  });

  test('B17 one address gets three mails in an hour, and one source a number of answers: then it waits, known address or not', async () => {
    const user = await vitalgate.addUser();
    const answers = [];
    for (let wish = 0; wish < 60; wish += 1) answers.push(await ask(wish % 2 === 0 ? addressOf(user) : 'nobody@example.org'));
    const waiting = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status !== 204 && status !== 429)).toEqual([]);
    expect(waiting.length).toBeGreaterThanOrEqual(20);
    expect(waiting.every(({ headers }) => Number.isInteger(Number(headers.get('retry-after'))) && Number(headers.get('retry-after')) >= 1)).toBe(true);
    await jobsDone(vitalgate.database, user.id);
    const sent = mails.delivered.filter(({ recipients }) => recipients.includes(addressOf(user))).length;
    expect([sent >= 1, sent <= 3]).toEqual([true, true]);
  });
});
