import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import pino from 'pino';
import { migrateUserManager } from '../../src/schemas.ts';
import { createUserManager } from '../../src/user-manager/service.ts';
import { loadUserGroups } from '../../src/user-manager/user-groups.ts';
import type { Service } from '../../src/http/service.ts';
import { noMail } from './running-user-manager.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

const serviceToken = 's'.repeat(40);
const password = 'correct horse battery staple';

describe('the User Manager', () => {
  let database: TestDatabase;
  let service: Service;
  let url: string;

  const call = (path: string, init: RequestInit = {}) => fetch(`${url}${path}`, init);
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const asService = { authorization: `Bearer ${serviceToken}` };
  const create = (username: string, more: object = {}) => post('/users', { username, email: `${username}@example.org`, password, ...more }, asService);
  const block = (username: string) => database.pool.query('update user_manager.user_account set blocked = true where lower(username) = lower($1)', [username]);
  const cookieOf = (response: Response) => response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const signIn = (username: string, headers: Record<string, string> = {}) => post('/oauth/token', { username, password }, { 'client-type': 'website', ...headers });

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrateUserManager(database.pool);
    service = await createUserManager({
      pool: database.pool, jobPool: database.pool, jobs: [], log: pino({ level: 'silent' }), version: '0.0.0', serviceTokens: [serviceToken],
      groups: loadUserGroups(), userInfoMembers: undefined, ...noMail, sessionDurationSeconds: 3600, sessionIdleSeconds: 1800, refreshTokenDurationSeconds: 7200, secureCookies: true, validateResponses: true,
    });
    ({ url } = await service.listen(0, '127.0.0.1'));
    await create('anna', { name: 'Anna Rossi' });
    await create('blocked');
    await block('blocked');
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  test('POST /oauth/token: signing in as a website sets a cookie and answers no body', async () => {
    const answer = await signIn('anna');
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^sid=[\w-]{43}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure$/)]);
    expect(await answer.text()).toBe('');
  });

  test('the cookie tells who it is, with the claims of OpenID Connect', async () => {
    const answer = await call('/userinfo', { headers: { cookie: cookieOf(await signIn('Anna')) } });
    expect(await answer.json()).toMatchObject({ sub: expect.stringMatching(/^[0-9a-f]{32}$/), preferred_username: 'anna', name: 'Anna Rossi', email: 'anna@example.org' });
  });

  test('POST /oauth/token: other clients get an access token, also by form', async () => {
    const form = new URLSearchParams({ grant_type: 'password', username: 'anna', password });
    const answer = await call('/oauth/token', { method: 'POST', body: form });
    const { accessToken } = (await answer.json()) as { accessToken: string };
    expect((await call('/userinfo', { headers: { authorization: `Bearer ${accessToken}` } })).status).toBe(200);
  });

  test('wrong password, unknown user and blocked user are answered with the same bytes', async () => {
    const answers = await Promise.all([
      post('/oauth/token', { username: 'anna', password: 'not the password' }),
      post('/oauth/token', { username: 'nobody', password }),
      post('/oauth/token', { username: 'blocked', password }),
    ]);
    const bodies = await Promise.all(answers.map(async (answer) => ({ ...((await answer.json()) as object), instance: '' })));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(bodies[0]).toMatchObject({ code: 'sign-in-failed' });
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[2]).toEqual(bodies[0]);
  });

  test('signing in again ends the session that was presented, and never adopts a chosen one', async () => {
    const first = cookieOf(await signIn('anna'));
    const second = cookieOf(await signIn('anna', { cookie: first }));
    expect((await call('/userinfo', { headers: { cookie: first } })).status).toBe(401);
    expect((await call('/userinfo', { headers: { cookie: second } })).status).toBe(200);
    expect(cookieOf(await signIn('anna', { cookie: 'sid=chosen' }))).not.toBe('sid=chosen');
  });

  test('signing out ends the session', async () => {
    const cookie = cookieOf(await signIn('anna'));
    const out = await call('/logout', { method: 'POST', headers: { cookie } });
    expect([out.status, await out.text()]).toEqual([204, '']);
    expect((await call('/userinfo', { headers: { cookie } })).status).toBe(401);
  });

  test.each([
    ['none', ''],
    ['a forged one', 'sid=forged'],
    ['an empty one', 'sid='],
    ['two at once', 'sid=a; sid=b'],
    ['one of 8 KB', `sid=${'x'.repeat(8000)}`],
    ['escaped bytes', 'sid=%00'],
  ])('a session cookie that is %s is answered 401', async (_situation, cookie) => {
    const answer = await call('/userinfo', { headers: cookie === '' ? {} : { cookie } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).not.toBeNull();
  });

  test('an expired session is answered 401', async () => {
    const cookie = cookieOf(await signIn('anna'));
    await database.pool.query("update user_manager.session set expires_at = now() - interval '1 second'");
    expect((await call('/userinfo', { headers: { cookie } })).status).toBe(401);
  });

  test.each<[string, object, number, string, string | undefined]>([
    ['a short password', { username: 'ben', email: 'ben@example.org', password: 'short' }, 400, 'password-too-short', '/password'],
    ['no address', { username: 'ben', password }, 400, 'invalid-request', '/email'],
    ['a group nobody knows', { email: 'ben@example.org', userGroup: 'astronaut' }, 400, 'invalid-request', '/userGroup'],
    ['an expirationId', { email: 'ben@example.org', expirationId: '1' }, 400, 'invalid-request', '/expirationId'],
    ['an authUserId', { email: 'ben@example.org', authUserId: '1' }, 400, 'invalid-request', '/authUserId'],
    ['a state', { email: 'ben@example.org', __STATE__: 'PUBLIC' }, 400, 'invalid-request', '/__STATE__'],
    ['an address that cannot be a user name, and none', { email: "o'neil@example.org" }, 400, 'invalid-request', '/username'],
    ['an address that is none', { username: 'ben', email: 'ben', password }, 400, 'invalid-request', '/email'],
    ['a member nobody knows', { username: 'ben', email: 'ben@example.org', password, role: 'operator' }, 400, 'invalid-request', '/role'],
    ['a user name that is taken', { username: 'ANNA', email: 'new@example.org', password }, 409, 'already-exists', '/username'],
    ['an address that is taken', { username: 'new', email: 'Anna@example.org', password }, 409, 'already-exists', '/email'],
  ])('creating a user with %s is refused', async (_situation, user, status, code, pointer) => {
    const answer = await post('/users', user, asService);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code, errors: [{ pointer }] });
  });

  test.each([
    ['nobody', {}],
    ['a session', { cookie: 'session' }],
    ['a wrong service token', { authorization: 'Bearer wrong' }],
  ])('people are not listed for %s', async (_situation, headers: Record<string, string>) => {
    const cookie = headers['cookie'] === 'session' ? { cookie: cookieOf(await signIn('anna')) } : headers;
    expect((await call('/users', { headers: cookie })).status).toBe(401);
  });

  test('a NUL in a query is refused with its place', async () => {
    const answer = await call('/users?username=%00', { headers: asService });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid-text', errors: [{ pointer: '/query/username' }] });
  });

  test('a user is found by address, without the password hash', async () => {
    const answer = await call('/users?email=ANNA@example.org', { headers: asService });
    const [user] = (await answer.json()) as object[];
    expect(user).toMatchObject({ username: 'anna' });
    expect(Object.keys(user ?? {}).join()).not.toMatch(/hash|password/);
  });

  test('neither passwords nor session tokens are stored in clear', async () => {
    const sid = cookieOf(await signIn('anna')).slice(4);
    const { rows } = await database.pool.query<{ row: string }>(
      'select u::text as row from user_manager.user_account u union all select s::text from user_manager.session s',
    );
    const stored = rows.map(({ row }) => row).join('\n');
    expect(stored).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
    expect(stored).not.toContain(password);
    expect(stored).not.toContain(sid);
  });

  test('an operator creates and finds people by bearer token; a patient does not', async () => {
    await create('olga', { userGroup: 'operator' });
    const tokenOf = async (username: string) => ((await (await post('/oauth/token', { username, password })).json()) as { accessToken: string }).accessToken;
    const asOperator = { authorization: `Bearer ${await tokenOf('olga')}` };
    const asPatient = { authorization: `Bearer ${await tokenOf('anna')}` };
    const created = await post('/users', { username: 'carl', email: 'carl@example.org', password }, asOperator);
    expect(await created.json()).toEqual({ _id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    const [carl] = (await (await call('/users?username=carl', { headers: asOperator })).json()) as { creatorId: string }[];
    expect(carl?.creatorId).toMatch(/^[0-9a-f]{32}$/);
    expect((await call('/users', { headers: asPatient })).status).toBe(401);
  });

  test('a cookie is no bearer token, and a bearer token no cookie', async () => {
    const sid = cookieOf(await signIn('anna')).slice(4);
    const { accessToken } = (await (await post('/oauth/token', { username: 'anna', password })).json()) as { accessToken: string };
    expect((await call('/userinfo', { headers: { authorization: `Bearer ${sid}` } })).status).toBe(401);
    expect((await call('/userinfo', { headers: { cookie: `sid=${accessToken}` } })).status).toBe(401);
  });

  test('blocking a user ends what their sessions may do, at once', async () => {
    await create('dora');
    const cookie = cookieOf(await signIn('dora'));
    await block('dora');
    expect((await call('/userinfo', { headers: { cookie } })).status).toBe(401);
  });

  test('signing out clears the cookie, and a second time there is no session', async () => {
    const cookie = cookieOf(await signIn('anna'));
    const out = await call('/logout', { method: 'POST', headers: { cookie } });
    expect(out.headers.getSetCookie()).toEqual(['sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax; Secure']);
    expect((await call('/logout', { method: 'POST', headers: { cookie } })).status).toBe(401);
  });

  test.each([
    ['128 characters beyond the basic plane', String.fromCodePoint(...Array.from({ length: 128 }, (_, index) => 0x1f300 + ((index * 37) % 331)))],
    ['accents composed on one device and decomposed on another', 'pa\u0300ssw\u00f6rd pa\u0300ssw\u00f6rd'],
  ])('a password of %s can be set and used', async (_situation, special) => {
    const username = `user-${String(special.length)}`;
    expect((await create(username, { password: special })).status).toBe(200);
    expect((await post('/oauth/token', { username, password: special.normalize('NFD') })).status).toBe(200);
    expect((await post('/oauth/token', { username, password: special.slice(0, -2) })).status).toBe(401);
  });

  test('a hash with older parameters is renewed at sign-in', async () => {
    await create('emil');
    await database.pool.query("update user_manager.user_account set password_hash = $1 where username = 'emil'", [await hash(password, { memoryCost: 8192, timeCost: 1 })]);
    expect((await signIn('emil')).status).toBe(200);
    const { rows } = await database.pool.query<{ password_hash: string }>("select password_hash from user_manager.user_account where username = 'emil'");
    expect(rows[0]?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await signIn('emil')).status).toBe(200);
  });

  test('more sign-ins than can be hashed soon are told when to come back, and nothing else fails', async () => {
    const answers = await Promise.all(Array.from({ length: 120 }, (_, index) => post('/oauth/token', { username: `nobody-${String(index)}`, password })));
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([401, 503]));
    expect(answers.filter(({ status }) => status === 503).map(({ headers }) => headers.get('retry-after'))).toContain('2');
  });

  test('two people who take one name at the same time: one has it', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map((number) => create('same', { email: `same${String(number)}@example.org` })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409]);
  });
});
