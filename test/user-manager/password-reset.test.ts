import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { jobsDone, linkIn, post, tokenIn } from './reset-client.ts';

const fresh = (): string => randomBytes(18).toString('base64url');
const addressOf = ({ username }: TestUser): string => `${username}@example.org`;

describe('a password reset', () => {
  let mails: MailServer;
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    mails = await startMailServer();
    vitalgate = await startTestVitalgate({ SMTP_URL: mails.url, PASSWORD_RESETS_PER_HOUR: 1000 });
  });
  afterAll(async () => {
    await vitalgate.stop();
    await mails.stop();
  });

  const asService = () => ({ authorization: `Bearer ${vitalgate.serviceToken}` });
  const ask = (user: TestUser, headers: Record<string, string> = {}) => post(`${vitalgate.urls.bff}/reset-password`, { email: addressOf(user) }, headers);
  const confirm = (token: string, password: string) => post(`${vitalgate.urls.bff}/reset-password/confirm`, { token, password });
  const reset = (token: string, password: string, headers = asService()) => post(`${vitalgate.urls.userManager}/users/reset-password`, { token, password }, headers);
  const request = (authUserId: unknown, headers: Record<string, string> = asService()) => post(`${vitalgate.urls.userManager}/users/change-password`, { authUserId }, headers);
  const signIn = async (user: TestUser, password = user.password) => (await post(`${vitalgate.urls.bff}/oauth/token`, { username: user.username, password })).status;
  const mailsTo = (user: TestUser, count = 1) => mails.mailsTo(addressOf(user), count);
  /** A person with a link at hand. */
  const personWithToken = async () => {
    const user = await vitalgate.addUser();
    await request(user.id);
    return { user, token: tokenIn((await mailsTo(user))[0]) };
  };

  test('leads from asking at the BFF over the mail to signing in with the new password', async () => {
    const user = await vitalgate.addUser();
    const password = fresh();
    expect((await ask(user)).status).toBe(204);
    const [mail] = await mailsTo(user);
    expect(linkIn(mail).href).toMatch(new RegExp(`^${vitalgate.urls.bff}/reset-password#token=[\\w-]{43}$`));
    expect(mail?.email).toMatchObject({ subject: 'Set a new password', from: { address: 'vitalgate@localhost' } });
    expect(mail?.email.html).toBeUndefined();
    expect(mail?.email.text).toMatch(/within 30 minutes[^]*If it was not you/);
    expect([(await confirm(tokenIn(mail), password)).status, await signIn(user), await signIn(user, password)]).toEqual([204, 401, 200]);
    const notice = (await mailsTo(user, 2))[1];
    expect(notice?.email).toMatchObject({ subject: 'Your password was changed', text: expect.stringMatching(/If it was not you/) });
    expect(notice?.email.text).not.toContain('token=');
  });

  test('ends every session of the user, with cookie and with bearer, and signs nobody in', async () => {
    const { user, token } = await personWithToken();
    const other = await vitalgate.addUser();
    const [cookie, bystander] = [await vitalgate.signIn(user), await vitalgate.signIn(other)];
    const { accessToken } = JSON.parse((await post(`${vitalgate.urls.userManager}/oauth/token`, { username: user.username, password: user.password })).text) as { accessToken: string };
    const statusOf = async (url: string, headers: Record<string, string>) => (await fetch(url, { headers })).status;
    const statuses = () => Promise.all([
      statusOf(`${vitalgate.urls.bff}/profile`, { cookie }),
      statusOf(`${vitalgate.urls.bff}/profile`, { cookie: bystander }),
      statusOf(`${vitalgate.urls.userManager}/userinfo`, { authorization: `Bearer ${accessToken}` }),
    ]);
    expect(await statuses()).toEqual([200, 200, 200]);
    const done = await confirm(token, fresh());
    expect([done.status, done.text, done.headers.getSetCookie()]).toEqual([204, '', []]);
    await sleep(1_100); // the BFF believes an answer for one second
    expect(await statuses()).toEqual([401, 200, 401]);
  });

  const block = ({ username }: TestUser) => vitalgate.database.pool.query('update user_manager.user_account set blocked = true where lower(username) = lower($1)', [username]);
  test.each<[string, (token: string, user: TestUser) => Promise<unknown>]>([
    ['used already', (token: string) => reset(token, fresh())],
    ['expired', () => vitalgate.database.pool.query('update user_manager.password_reset set expires_at = now()')],
    ['replaced by a newer one', async (_token: string, user: TestUser) => {
      await request(user.id);
      await mailsTo(user, 2);
    }],
    ['of a user who was blocked meanwhile', (_token: string, user: TestUser) => block(user)],
    ['of a user who is gone', (_token: string, user: TestUser) => vitalgate.database.pool.query('delete from user_manager.user_account where _id = $1', [user.id])],
  ])('a token %s is answered as one that never was', async (_situation, prepare) => {
    const { user, token } = await personWithToken();
    await prepare(token, user);
    const [answer, unknown] = [await confirm(token, fresh()), await confirm(fresh(), fresh())];
    expect([answer.status, answer.problem.code]).toEqual([400, 'reset-token-invalid']);
    expect({ ...answer.problem, instance: '' }).toEqual({ ...unknown.problem, instance: '' });
  });

  test('the newest of two links works, and then none', async () => {
    const { user, token } = await personWithToken();
    await request(user.id);
    const newest = tokenIn((await mailsTo(user, 2))[1]);
    expect([(await reset(token, fresh())).status, (await reset(newest, fresh())).status, (await reset(newest, fresh())).status]).toEqual([400, 204, 400]);
    expect((await vitalgate.database.pool.query('select 1 from user_manager.password_reset where user_id = $1', [user.id])).rowCount).toBe(0);
  });

  test('a token sent twenty times at once works once', async () => {
    const { user, token } = await personWithToken();
    const passwords = Array.from({ length: 20 }, fresh);
    const statuses = await Promise.all(passwords.map(async (password) => (await reset(token, password)).status));
    expect(statuses.toSorted()).toEqual([204, ...Array<number>(19).fill(400)]);
    expect(await signIn(user, passwords[statuses.indexOf(204)])).toBe(200);
  });

  test('a sign-in with the old password that is under way during the reset leaves no session behind', async () => {
    const { user, token } = await personWithToken();
    const signIns = Array.from({ length: 12 }, async () => (await post(`${vitalgate.urls.userManager}/oauth/token`, { username: user.username, password: user.password })).status);
    expect((await reset(token, fresh())).status).toBe(204);
    await Promise.all(signIns);
    expect((await vitalgate.database.pool.query('select 1 from user_manager.session where user_id = $1', [user.id])).rowCount).toBe(0);
  });

  test('opening the link, as mail scanners do, uses nothing up', async () => {
    const { user, token } = await personWithToken();
    const page = linkIn((await mailsTo(user))[0]);
    for (const [method, status] of [['GET', 200], ['HEAD', 405], ['GET', 200]] as const) expect((await fetch(page, { method })).status).toBe(status);
    expect((await confirm(token, fresh())).status).toBe(204);
  });

  test.each([
    ['too short', 'x'.repeat(14), 'password-too-short'],
    ['too long', 'x'.repeat(129), 'password-too-long'],
    ['too short once composed', 'e\u0301'.repeat(10), 'password-too-short'],
    ['known to everybody', 'qwertyuiop12345', 'password-too-common'],
  ])('a password that is %s is refused and leaves the token as it was', async (_situation, password, code) => {
    const { token } = await personWithToken();
    for (const refused of [await reset(token, password), await confirm(token, password)]) {
      expect([refused.status, refused.problem.code, refused.problem.errors?.[0]?.pointer]).toEqual([400, code, '/password']);
    }
    expect((await reset(token, fresh())).status).toBe(204);
  });

  test('fifty wishes for one address bring three mails at most, and all are answered alike; an hour later there is mail again', async () => {
    const user = await vitalgate.addUser();
    const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await ask(user)).status));
    expect(new Set(statuses)).toEqual(new Set([204]));
    await mailsTo(user);
    for (let more = 0; more < 4; more += 1) {
      await request(user.id);
      await jobsDone(vitalgate.database, user.id);
    }
    expect(await mailsTo(user, 3)).toHaveLength(3);
    await vitalgate.database.pool.query(`update user_manager.password_reset set sent_at = sent_at - interval '1 hour' where user_id = $1`, [user.id]);
    await request(user.id);
    expect(await mailsTo(user, 4)).toHaveLength(4);
  });

  test('POST /users/change-password: whoever has the id or nobody, the answer to a wish for a link is the same: no body, no content type', async () => {
    const user = await vitalgate.addUser();
    const blocked = await vitalgate.addUser();
    await block(blocked);
    for (const id of [user.id, blocked.id, '0'.repeat(32), 'auth0|5f7c8ec7c33c6c004bbafe82', 'someone@example.org']) {
      const answer = await request(id);
      expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([204, '', null]);
    }
    await mailsTo(user);
    await jobsDone(vitalgate.database, '0'.repeat(32));
    expect(mails.delivered.filter(({ recipients }) => recipients.includes(addressOf(blocked)))).toEqual([]);
  });

  test.each<[string, unknown]>([['missing', undefined], ['empty', ''], ['no text', 7], ['two words', 'anna rossi'], ['too long', 'a'.repeat(256)]])('an id that is %s is refused with its place', async (_situation, id) => {
    const answer = await request(id);
    expect([answer.status, answer.problem.code, answer.problem.errors?.[0]?.pointer]).toEqual([400, 'invalid-request', '/authUserId']);
  });

  test('only services reset a password; a link may be asked for by operators too', async () => {
    const operator = await vitalgate.addUser({ userGroup: 'operator' });
    const { accessToken } = JSON.parse((await post(`${vitalgate.urls.userManager}/oauth/token`, { username: operator.username, password: operator.password })).text) as { accessToken: string };
    const { user, token } = await personWithToken();
    const cookie = await vitalgate.signIn(user);
    const asOperator = { authorization: `Bearer ${accessToken}` };
    expect([(await request(user.id, asOperator)).status, (await request(user.id, { cookie })).status, (await request(user.id, {})).status]).toEqual([204, 401, 401]);
    expect([(await reset(token, fresh(), asOperator)).status, (await post(`${vitalgate.urls.userManager}/users/reset-password`, { token, password: fresh() }, { cookie })).status]).toEqual([401, 401]);
  });
});
