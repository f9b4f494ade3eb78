import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { createBff } from '../../src/bff/service.ts';
import { readConfig } from '../../src/config.ts';
import type { Service } from '../../src/http/service.ts';
import { hashOfToken, newSessionToken } from '../../src/user-manager/session-token.ts';
import { issueReset } from '../../src/user-manager/storage/password-reset-table.ts';
import { cookieOf } from '../bff/app.ts';
import { startFront, stopFronts } from '../bff/front.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { contentOf } from '../user-manager/reset-client.ts';

/** How long an answer of the User Manager may be believed elsewhere, and something for a busy machine. */
const staleMs = 1_000;
const newPassword = 'five oars and a paper boat';

describe('sessions', () => {
  let vitalgate: TestVitalgate;
  let second: Service;
  let bffs: readonly string[];
  let operator: string;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ SESSION_IDLE_SECONDS: 600 });
    const { urls: { deviceManager: deviceManagerUrl, userManager: userManagerUrl }, serviceToken } = vitalgate;
    second = createBff({ deviceManagerUrl, userManagerUrl, serviceToken, userIdHeader: 'miauserid', secureCookies: false, log: pino({ level: 'silent' }), version: '0.0.0', validateResponses: true });
    bffs = [vitalgate.urls.bff, (await second.listen(0, '127.0.0.1')).url];
    const { username, password } = await vitalgate.addUser({ userGroup: 'operator' });
    operator = ((await (await post(`${vitalgate.urls.userManager}/oauth/token`, { username, password })).json()) as { accessToken: string }).accessToken;
  }, 90_000);
  afterAll(async () => {
    await second.stop();
    await vitalgate.stop();
  });

  const post = (url: string, body: unknown, headers: Record<string, string> = {}) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const signIn = ({ username, password }: TestUser, headers: Record<string, string> = {}) => post(`${vitalgate.urls.bff}/oauth/token`, { username, password }, headers);
  const statusOf = async (cookie: string, bff = vitalgate.urls.bff) => (await fetch(`${bff}/profile`, { headers: { cookie } })).status;
  const everywhere = (cookie: string) => Promise.all(bffs.map((bff) => statusOf(cookie, bff)));
  const userInfo = async (cookie: string) => (await fetch(`${vitalgate.urls.userManager}/userinfo`, { headers: { cookie } })).status;
  const query = (text: string, values: unknown[] = []) => vitalgate.database.pool.query(text, values);
  const list = async (cookie: string) => (await (await fetch(`${vitalgate.urls.bff}/sessions`, { headers: { cookie } })).json()) as { _id: string; kind: string; current: boolean; signedInAt: string; endsAt: string }[];
  const end = (cookie: string, id: string) => fetch(`${vitalgate.urls.bff}/sessions/${id}`, { method: 'DELETE', headers: { cookie } });

  test('A1 a sid is 256 random bits: ten thousand differ, and each character is as likely as any other', () => {
    const tokens = Array.from({ length: 10_000 }, newSessionToken);
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(tokens.filter((token) => !/^[\w-]{43}$/.test(token))).toEqual([]);
    /** Chi-squared with 63 degrees of freedom exceeds 130 once in a million; the last character holds four bits alone. */
    const chiSquared = (texts: readonly string[], position: number): number => {
      const counts = Map.groupBy(texts, (text) => text[position]);
      return [...counts.values()].reduce((sum, { length }) => sum + (length - texts.length / 64) ** 2 / (texts.length / 64), (64 - counts.size) * (texts.length / 64));
    };
    const worst = (texts: readonly string[]) => Math.max(...Array.from({ length: 42 }, (_, position) => chiSquared(texts, position)));
    expect(worst(tokens)).toBeLessThan(130);
    // Control: a version digit, as in a UUID, would show.
    expect(worst(tokens.map((token) => `${token.slice(0, 14)}4${token.slice(15)}`))).toBeGreaterThan(130);
    const folder = join(import.meta.dirname, '../../src/user-manager');
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(sources.filter((text) => text.includes('randomUUID'))).toEqual([]);
  });

  test('A2, A9 a sid is in the cookie alone: not in the database, the log, a body or an error', async () => {
    const answer = await signIn(await vitalgate.addUser());
    const sid = cookieOf(answer).slice('sid='.length);
    const [stored, sent] = [await contentOf(vitalgate.database, 'user_manager'), [await answer.text(), await (await fetch(`${vitalgate.urls.bff}/profile`, { headers: { cookie: `sid=${sid}` } })).text()].join()];
    expect([stored, vitalgate.logged(), sent].filter((text) => text.includes(sid) || text.includes(Buffer.from(sid).toString('hex')))).toEqual([]);
    // Control: what is stored of it is found that way.
    expect(stored).toContain(hashOfToken(sid).toString('hex'));
  });

  test('A3 the cookie has the attributes that keep it', async () => {
    expect((await signIn(await vitalgate.addUser())).headers.getSetCookie()).toEqual([expect.stringMatching(/^sid=[\w-]{43}; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax$/)]);
    const { url } = await startFront({}, { secureCookies: true });
    const answer = await post(`${url}/oauth/token`, { username: 'anna', password: 'right' });
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^sid=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/)]);
    await stopFronts();
  });

  test('A4 the cookie may be named __Host-sid, and only where browsers take it', async () => {
    expect(() => readConfig({ SESSION_COOKIE: '__Host-sid' })).toThrow(/SESSION_COOKIE=__Host-sid needs https/);
    expect(() => readConfig({ SESSION_COOKIE: 'session' })).toThrow(/SESSION_COOKIE is neither/);
    expect(readConfig({ SESSION_COOKIE: '__Host-sid', PUBLIC_URL: 'https://health.example.org' }).SESSION_COOKIE).toBe('__Host-sid');
    const { url } = await startFront({}, { secureCookies: true, cookieName: '__Host-sid' });
    const answer = await post(`${url}/oauth/token`, { username: 'anna', password: 'right' });
    const cookie = cookieOf(answer);
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^__Host-sid=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/)]);
    expect([await statusOf(cookie, url), await statusOf(cookie.replace('__Host-', ''), url)]).toEqual([200, 401]);
    const out = await fetch(`${url}/logout`, { method: 'POST', headers: { cookie } });
    expect(out.headers.getSetCookie()).toEqual([expect.stringMatching(/^__Host-sid=; Path=\/; Expires=Thu, 01 Jan 1970/)]);
    await stopFronts();
  });

  test('A5, A6 every sign-in has a new sid, a chosen one is never adopted, and the one presented ends', async () => {
    const user = await vitalgate.addUser();
    const other = cookieOf(await signIn(user));
    const first = cookieOf(await signIn(user));
    const again = cookieOf(await signIn(user, { cookie: first }));
    const chosen = cookieOf(await signIn(user, { cookie: `sid=${'c'.repeat(43)}` }));
    expect(new Set([other, first, again, chosen, `sid=${'c'.repeat(43)}`]).size).toBe(5);
    expect([await userInfo(first), await userInfo(`sid=${'c'.repeat(43)}`)]).toEqual([401, 401]);
    expect([await userInfo(other), await userInfo(again), await userInfo(chosen)]).toEqual([200, 200, 200]);
  });

  test.each<[string, string, number]>([
    ['used nine minutes ago, with ten allowed', `last_used_at = now() - interval '9 minutes'`, 200],
    ['not used for ten minutes', `last_used_at = now() - interval '10 minutes'`, 401],
    ['used just now, and about to end', `expires_at = now() + interval '1 minute'`, 200],
    ['used just now, a day after the sign-in', `expires_at = now()`, 401],
  ])('A7 a session that was %s', async (_situation, change, status) => {
    const user = await vitalgate.addUser();
    const cookie = cookieOf(await signIn(user));
    await query(`update user_manager.session set ${change} where user_id = $1`, [user.id]);
    expect(await userInfo(cookie)).toBe(status);
    // A use is noted: the clock of the idle limit begins anew.
    const { rows } = await query(`select last_used_at > now() - interval '1 minute' as fresh from user_manager.session where user_id = $1`, [user.id]);
    if (status === 200) expect(rows).toEqual([{ fresh: true }]);
  });

  test('A7 tokens idle out as cookies do, and renewing them never prolongs the sign-in', async () => {
    const user = await vitalgate.addUser();
    const { accessToken, refreshToken } = (await (await post(`${vitalgate.urls.userManager}/oauth/token`, { username: user.username, password: user.password })).json()) as { accessToken: string; refreshToken: string };
    const ends = `update user_manager.refresh_token set expires_at = now() + interval '5 minutes' where user_id = $1`;
    await query(ends, [user.id]);
    const renewed = (await (await post(`${vitalgate.urls.userManager}/refreshtoken`, { refreshToken })).json()) as { accessToken: string; expireAt: string };
    expect(Date.parse(renewed.expireAt) - Date.now()).toBeLessThan(301_000);
    const asBearer = (token: string) => fetch(`${vitalgate.urls.userManager}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    expect([(await asBearer(accessToken)).status, (await asBearer(renewed.accessToken)).status]).toEqual([401, 200]);
    await query(`update user_manager.session set last_used_at = now() - interval '10 minutes' where user_id = $1`, [user.id]);
    expect((await asBearer(renewed.accessToken)).status).toBe(401);
  });

  const asOperator = () => ({ authorization: `Bearer ${operator}` });
  test.each<[string, (user: TestUser, own: string) => Promise<Response | undefined>, boolean]>([
    ['signs out', (_user, own) => fetch(`${vitalgate.urls.bff}/logout`, { method: 'POST', headers: { cookie: own } }), false],
    ['ends the other one from the list', async (_user, own) => end(own, (await list(own)).find(({ current }) => !current)?._id ?? ''), true],
    ['changes the password', ({ password }, own) => post(`${vitalgate.urls.bff}/change-password`, { currentPassword: password, password: newPassword }, { cookie: own }), true],
    ['sets a password with a link', async ({ id }) => {
      const token = newSessionToken();
      await issueReset(vitalgate.database.pool, { tokenHash: hashOfToken(token), userId: id, minutes: 30 });
      return post(`${vitalgate.urls.bff}/reset-password/confirm`, { token, password: newPassword });
    }, true],
    ['is signed out by an operator', ({ id }) => fetch(`${vitalgate.urls.userManager}/users/${id}/sessions`, { method: 'DELETE', headers: asOperator() }), true],
    ['is blocked', ({ id }) => fetch(`${vitalgate.urls.userManager}/users/${id}`, { method: 'PATCH', headers: { ...asOperator(), 'content-type': 'application/json' }, body: '{"$set":{"blocked":true}}' }), true],
    ['is deleted', ({ id }) => fetch(`${vitalgate.urls.userManager}/users/${id}`, { method: 'DELETE', headers: asOperator() }), true],
  ])('A8 who %s has no session left of those that end, at any BFF, within a second', async (_situation, act, endsOther) => {
    const [user, stranger] = [await vitalgate.addUser(), await vitalgate.addUser()];
    const [own, other, bystander] = [cookieOf(await signIn(user)), cookieOf(await signIn(user)), cookieOf(await signIn(stranger))];
    expect([await everywhere(own), await everywhere(other), await everywhere(bystander)]).toEqual([[200, 200], [200, 200], [200, 200]]);
    const done = await act(user, own);
    expect(done?.ok).toBe(true);
    const ended = endsOther ? other : own;
    expect(await userInfo(ended)).toBe(401);
    await sleep(staleMs);
    expect([await everywhere(ended), await everywhere(bystander)]).toEqual([[401, 401], [200, 200]]);
    if (!endsOther) expect(await everywhere(other)).toEqual([200, 200]);
  });

  test('A8 the BFF at which it happened sees it at once', async () => {
    const user = await vitalgate.addUser();
    const [own, other] = [cookieOf(await signIn(user)), cookieOf(await signIn(user))];
    expect([await statusOf(own), await statusOf(other)]).toEqual([200, 200]);
    const changed = await post(`${vitalgate.urls.bff}/change-password`, { currentPassword: user.password, password: newPassword }, { cookie: own });
    expect([changed.status, await statusOf(own), await statusOf(other), await statusOf(cookieOf(changed))]).toEqual([204, 401, 401, 200]);
    await fetch(`${vitalgate.urls.bff}/logout`, { method: 'POST', headers: { cookie: cookieOf(changed) } });
    expect(await statusOf(cookieOf(changed))).toBe(401);
  });

  test.each<[string, string]>([
    ['two of a name', 'sid=a; sid=b'], ['empty', 'sid='], ['8 KB long', `sid=${'x'.repeat(8_000)}`], ['an escaped NUL', 'sid=%00'], ['quoted', 'sid="x"'], ['another name', 'SID=x'], ['not ASCII', `sid=${Buffer.from('é').toString('latin1')}`],
  ])('A10 a cookie that is %s is answered 401', async (_kind, cookie) => {
    expect(await statusOf(cookie)).toBe(401);
  });

  test('A10 of two cookies of the name none counts, wherever the real one stands', async () => {
    const real = cookieOf(await signIn(await vitalgate.addUser()));
    expect([await statusOf(real), await statusOf(`sid=planted; ${real}`), await statusOf(`${real}; sid=planted`), await statusOf(`theme=dark; ${real}; lang=it`)]).toEqual([200, 401, 401, 200]);
  });

  test('A11 answers about people are kept by no cache', async () => {
    const cookie = cookieOf(await signIn(await vitalgate.addUser()));
    for (const path of ['/profile', '/sessions', '/devices', '/health-data', '/health-data?_l=0']) {
      const answer = await fetch(`${vitalgate.urls.bff}${path}`, { headers: { cookie } });
      expect([path, answer.headers.get('cache-control')]).toEqual([path, 'no-store']);
    }
  });

  test('A12 people see and end their own sign-ins, and nobody else the same', async () => {
    const [user, stranger] = [await vitalgate.addUser(), await vitalgate.addUser()];
    const [own, phone, foreign] = [cookieOf(await signIn(user)), cookieOf(await signIn(user)), cookieOf(await signIn(stranger))];
    const { refreshToken } = (await (await post(`${vitalgate.urls.userManager}/oauth/token`, { username: user.username, password: user.password })).json()) as { refreshToken: string };
    const sessions = await list(own);
    expect(sessions.map(({ kind, current }) => [kind, current]).toSorted()).toEqual([['bearer', false], ['cookie', false], ['cookie', true]]);
    const sids = [own, phone].map((cookie) => cookie.slice('sid='.length));
    expect(sessions.filter(({ _id }) => sids.includes(_id) || !/^[0-9a-f]{32}$/.test(_id))).toEqual([]);
    // An identifier opens nothing, and is no use to anybody else.
    expect([await userInfo(`sid=${sessions[0]?._id ?? ''}`), (await end(foreign, sessions[0]?._id ?? '')).status, (await end(own, '0'.repeat(32))).status]).toEqual([401, 404, 404]);
    for (const { _id } of sessions.filter(({ current }) => !current)) expect((await end(own, _id)).status).toBe(204);
    expect([await userInfo(phone), (await post(`${vitalgate.urls.userManager}/refreshtoken`, { refreshToken })).status, await userInfo(own), await userInfo(foreign)]).toEqual([401, 401, 200, 200]);
    expect((await list(own)).map(({ current }) => current)).toEqual([true]);
  });

  test('A12 a User Manager of others that lists no sign-ins is said to list none', async () => {
    const { url } = await startFront();
    const cookie = cookieOf(await post(`${url}/oauth/token`, { username: 'anna', password: 'right' }));
    const statuses = [await fetch(`${url}/sessions`, { headers: { cookie } }), await fetch(`${url}/sessions/x`, { method: 'DELETE', headers: { cookie } }), await post(`${url}/change-password`, { currentPassword: 'right', password: newPassword }, { cookie })];
    expect(statuses.map(({ status }) => status)).toEqual([501, 501, 501]);
    await stopFronts();
  });
});
