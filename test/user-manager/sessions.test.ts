import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashOfToken, newSessionToken } from '../../src/user-manager/session-token.ts';
import { issueReset } from '../../src/user-manager/storage/password-reset-table.ts';
import { password, startUserManager, type RunningUserManager } from './running-user-manager.ts';

describe('sessions', () => {
  let um: RunningUserManager;
  beforeAll(async () => {
    um = await startUserManager();
  });
  afterAll(() => um.stop());

  const json = async <Body>(answer: Promise<Response> | Response): Promise<Body> => (await (await answer).json()) as Body;
  const find = (query: string) => json<Record<string, unknown>[]>(um.send('GET', `/users?${query}`));
  const read = async (id: string) => (await find(`_id=${id}`))[0];
  const patch = (id: string, commands: object) => um.send('PATCH', `/users/${id}`, commands);

  describe('POST /refreshtoken', () => {
    test('exchanges a refresh token for new tokens, under both of its names, and ends the old access token', async () => {
      await um.create('refresh');
      const first = await um.tokens('refresh');
      const second = await json<typeof first>(um.send('POST', '/refreshtoken', { refreshToken: first.refreshToken }, {}));
      expect(Date.parse(second.expireAt)).toBeGreaterThan(Date.now());
      expect([await um.statusOf(first.accessToken), await um.statusOf(second.accessToken)]).toEqual([401, 200]);
      const third = await json<typeof first>(um.send('POST', '/refreshtoken', { refresh_token: second.refreshToken }, { authorization: `Bearer ${second.accessToken}` }));
      expect(await um.statusOf(third.accessToken)).toBe(200);
    });

    test('a refresh token that comes twice ends its whole family, and no other', async () => {
      await um.create('replay');
      const [family, other] = [await um.tokens('replay'), await um.tokens('replay')];
      const renewed = await json<typeof family>(um.send('POST', '/refreshtoken', { refreshToken: family.refreshToken }, {}));
      expect((await um.send('POST', '/refreshtoken', { refreshToken: family.refreshToken }, {})).status).toBe(401);
      expect(await um.statusOf(renewed.accessToken)).toBe(401);
      expect((await um.send('POST', '/refreshtoken', { refreshToken: renewed.refreshToken }, {})).status).toBe(401);
      expect(await um.statusOf(other.accessToken)).toBe(200);
    });

    test('of several at the same time one succeeds, and then all descend from a copied token', async () => {
      await um.create('race');
      const { refreshToken } = await um.tokens('race');
      const answers = await Promise.all([1, 2, 3].map(() => um.send('POST', '/refreshtoken', { refreshToken }, {})));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401, 401]);
      const winner = await json<{ accessToken: string }>(answers.find(({ status }) => status === 200) ?? new Response('{}'));
      expect(await um.statusOf(winner.accessToken)).toBe(401);
    });

    test.each<[string, () => object | Promise<object>]>([
      ['that nobody issued', () => ({ refreshToken: 'x'.repeat(43) })],
      ['of another shape', () => ({ refreshToken: 'not a token' })],
      ['that is an access token', async () => ({ refreshToken: (await um.tokens('race')).accessToken })],
      ['after signing out', async () => {
        const { accessToken, refreshToken } = await um.tokens('race');
        await um.call('/logout', { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } });
        return { refreshToken };
      }],
      ['of a user blocked meanwhile', async () => {
        const id = await um.create('blocked-meanwhile');
        const { refreshToken } = await um.tokens('blocked-meanwhile');
        await patch(id, { $set: { blocked: true } });
        return { refreshToken };
      }],
    ])('a refresh token %s is answered 401', async (_situation, body) => {
      const answer = await um.send('POST', '/refreshtoken', await body(), {});
      expect([answer.status, await json(answer)]).toEqual([401, expect.objectContaining({ code: 'sign-in-failed' })]);
    });

    test.each([['no token', {}, ''], ['two that differ', { refreshToken: 'a', refresh_token: 'b' }, '/refresh_token'], ['a number', { refreshToken: 1 }, '/refreshToken']])(
      'a body with %s is answered 400', async (_situation, body, pointer) => {
        const answer = await um.send('POST', '/refreshtoken', body, {});
        expect([answer.status, await json(answer)]).toEqual([400, expect.objectContaining({ errors: [expect.objectContaining({ pointer })] })]);
      });

    test('neither access nor refresh tokens are stored in clear', async () => {
      const { accessToken, refreshToken } = await um.tokens('race');
      const { rows } = await um.database.pool.query<{ row: string }>('select s::text as row from user_manager.session s union all select r::text from user_manager.refresh_token r');
      const stored = rows.map(({ row }) => row).join();
      expect(stored).toContain('\\x');
      for (const token of [accessToken, refreshToken]) expect([stored.includes(token), stored.includes(Buffer.from(token).toString('hex'))]).toEqual([false, false]);
    });
  });

  describe('sessions end everywhere', () => {
    test.each<[string, (id: string) => Promise<Response>]>([
      ['when the user is blocked', (id) => patch(id, { $set: { blocked: true } })],
      ['when the expiration is set to the past', (id) => patch(id, { $set: { expirationDate: '2020-01-01T00:00:00Z' } })],
      ['when the user is deleted', (id) => um.send('DELETE', `/users/${id}`)],
      ['when the user is softly deleted', (id) => um.send('POST', `/users/${id}/soft-delete`)],
      ['when the user is moved to the trash', (id) => um.send('POST', '/users/state', [{ filter: { _id: id }, stateTo: 'TRASH' }])],
    ])('%s', async (situation, end) => {
      const username = `ends-${situation.replaceAll(' ', '-')}`;
      const id = await um.create(username);
      const { accessToken, refreshToken } = await um.tokens(username);
      const cookie = (await um.signIn(username, { 'client-type': 'website' })).headers.getSetCookie()[0]?.split(';')[0] ?? '';
      expect((await end(id)).ok).toBe(true);
      expect([await um.statusOf(accessToken), (await um.call('/userinfo', { headers: { cookie } })).status]).toEqual([401, 401]);
      expect((await um.send('POST', '/refreshtoken', { refreshToken }, {})).status).toBe(401);
      expect((await um.signIn(username)).status).toBe(401);
      const left = await um.database.pool.query('select from user_manager.session where user_id = $1 union all select from user_manager.refresh_token where user_id = $1', [id]);
      expect(left.rowCount).toBe(0);
    });

    test.each<[string, object]>([
      ['is lifted', { $unset: { expirationDate: '' } }],
      ['is put off', { $set: { expirationDate: '2090-01-01T00:00:00Z' } }],
    ])('for good when the expiration came by itself, also when it %s later', async (situation, change) => {
      const username = `lifted-${situation.replaceAll(' ', '-')}`;
      const id = await um.create(username);
      const { accessToken, refreshToken } = await um.tokens(username);
      const resetToken = newSessionToken();
      await issueReset(um.database.pool, { tokenHash: hashOfToken(resetToken), userId: id, minutes: 30 });
      // As time does it: no change of the service's own.
      await um.database.pool.query(`update user_manager.user_account set expiration_date = now() - interval '1 second' where _id = $1`, [id]);
      expect(await um.statusOf(accessToken)).toBe(401);
      expect((await patch(id, change)).status).toBe(200);
      expect([await um.statusOf(accessToken), (await um.send('POST', '/refreshtoken', { refreshToken }, {})).status]).toEqual([401, 401]);
      expect((await um.send('POST', '/users/reset-password', { token: resetToken, password: 'five oars and a paper boat' })).status).toBe(400);
      expect((await um.signIn(username)).status).toBe(200);
    });

    test('when the expiration comes, by itself, and the user shows as blocked', async () => {
      const id = await um.create('expires', { expirationDate: new Date(Date.now() + 1500).toISOString() });
      const { accessToken } = await um.tokens('expires');
      expect(await um.statusOf(accessToken)).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 1600));
      expect(await um.statusOf(accessToken)).toBe(401);
      expect((await um.signIn('expires')).status).toBe(401);
      expect(await read(id)).toMatchObject({ blocked: true });
    });
  });

  describe('a token that is renewed at the same time gets nobody past an end', () => {
    interface Signed { readonly first: Tokens; readonly current: Tokens }
    type Tokens = Awaited<ReturnType<RunningUserManager['tokens']>>;
    const bearer = ({ accessToken }: Tokens) => ({ authorization: `Bearer ${accessToken}` });
    const renew = (refreshToken: string) => um.send('POST', '/refreshtoken', { refreshToken }, {});
    const waiters = async () => (await um.database.pool.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).rowCount ?? 0;
    const untilWaiting = async (wanted: number) => {
      for (let attempt = 0; attempt < 100 && (await waiters()) < wanted; attempt += 1) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await waiters()).toBe(wanted);
    };

    test.each<[string, (signed: Signed) => Promise<Response>, number]>([
      ['signing out', ({ current }) => um.send('POST', '/logout', undefined, bearer(current)), 204],
      ['ending the sign-in', async ({ current }) => {
        const [own] = await json<{ _id: string }[]>(um.send('GET', '/sessions', undefined, bearer(current)));
        return um.send('DELETE', `/sessions/${own?._id ?? ''}`, undefined, bearer(current));
      }, 204],
      ['the copy of a token that was used before', ({ first }) => renew(first.refreshToken), 401],
    ])('%s', async (situation, end, status) => {
      const username = `overtaken-${situation.replaceAll(' ', '-')}`;
      await um.create(username);
      const first = await um.tokens(username);
      const current = await json<Tokens>(renew(first.refreshToken));
      // The renewal stops before its audit row, with the old session deleted and nothing committed.
      const holder = await um.database.pool.connect();
      try {
        await holder.query('begin; lock table user_manager.audit_event in exclusive mode');
        const renewing = renew(current.refreshToken);
        await untilWaiting(1);
        const ending = end({ first, current });
        await untilWaiting(2);
        await holder.query('rollback');
        const [renewed, ended] = await Promise.all([renewing, ending]);
        expect([renewed.status, ended.status]).toEqual([200, status]);
        const { accessToken, refreshToken } = await json<Tokens>(renewed);
        expect([await um.statusOf(accessToken), (await renew(refreshToken)).status]).toEqual([401, 401]);
      } finally {
        await holder.query('rollback');
        holder.release();
      }
    });

    /** Runs two requests one after the other behind locks on sessions of a user, and lets both go on together. */
    const behind = async (sessions: string, values: readonly unknown[], first: () => Promise<Response>, second: () => Promise<Response>): Promise<number[]> => {
      const holder = await um.database.pool.connect();
      try {
        await holder.query('begin');
        await holder.query(`select from user_manager.session where ${sessions} for update`, [...values]);
        const one = first();
        await untilWaiting(1);
        const other = second();
        await untilWaiting(2);
        await holder.query('rollback');
        return (await Promise.all([one, other])).map(({ status }) => status);
      } finally {
        await holder.query('rollback');
        holder.release();
      }
    };

    test.each<[string, (id: string, tokens: Tokens) => Promise<Response>, number]>([
      ['an operator ends all sessions', (id) => um.send('DELETE', `/users/${id}/sessions`), 204],
      ['an operator blocks the user', (id) => patch(id, { $set: { blocked: true } }), 200],
      ['the user is deleted', (id) => um.send('DELETE', `/users/${id}`), 204],
      ['the person changes the password', (_id, tokens) => um.send('POST', '/change-password', { currentPassword: password, password: 'five oars and a paper boat' }, bearer(tokens)), 204],
    ])('while %s, neither waits for the other', async (situation, end, status) => {
      const username = `meets-${situation.replaceAll(' ', '-')}`;
      const id = await um.create(username);
      const tokens = await um.tokens(username);
      expect(await behind('user_id = $1', [id], () => end(id, tokens), () => renew(tokens.refreshToken))).toEqual([status, 401]);
    });

    test('two devices of one person renew their ended sessions at the same time', async () => {
      const id = await um.create('two-devices');
      const [phone, tablet] = [await um.tokens('two-devices'), await um.tokens('two-devices')];
      await um.database.pool.query('update user_manager.session set expires_at = now() where user_id = $1', [id]);
      const answers = await behind('token_hash = $1', [hashOfToken(tablet.accessToken)], () => renew(tablet.refreshToken), () => renew(phone.refreshToken));
      expect(answers).toEqual([200, 200]);
    });
  });
});
