import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { createClient } from '../../src/user-manager/client-tokens.ts';
import { revokeClient } from '../../src/user-manager/storage/client-table.ts';
import { startUserManager, type RunningUserManager } from './running-user-manager.ts';

describe('clients of the User Manager', () => {
  let um: RunningUserManager;
  let client: { clientId: string; clientSecret: string };
  beforeAll(async () => {
    um = await startUserManager();
    client = await createClient(um.database.pool, { sender: 'medisante' });
  });
  afterAll(() => um.stop());

  const ask = (form: Record<string, string>, headers: Record<string, string> = {}) => um.call('/oauth2/token', { method: 'POST', body: new URLSearchParams(form), headers });
  const inForm = () => ({ grant_type: 'client_credentials', client_id: client.clientId, client_secret: client.clientSecret });
  const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
  const keys = async () => (await (await um.call('/.well-known/jwks.json')).json()) as JSONWebKeySet;

  test.each([
    ['in the form', () => ask(inForm())],
    ['by HTTP Basic', () => ask({ grant_type: 'client_credentials' }, basic(client.clientId, client.clientSecret))],
    ['with the scope it may have', () => ask({ ...inForm(), scope: 'webhook' })],
  ])('credentials %s get a token that the published keys verify', async (_situation, send) => {
    const answer = await send();
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const token = (await answer.json()) as { access_token: string };
    expect(token).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'webhook' });
    const { payload } = await jwtVerify(token.access_token, createLocalJWKSet(await keys()), { issuer: 'http://user-manager.example', audience: 'vitalgate-webhook', algorithms: ['ES256'] });
    expect(payload).toMatchObject({ sub: 'medisante', client_id: client.clientId, scope: 'webhook' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(600);
  });

  test('the published keys have no private half', async () => {
    await ask(inForm());
    expect((await keys()).keys.map((key) => Object.keys(key).toSorted())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']]);
    const { rows } = await um.database.pool.query<{ row: string }>('select k::text as row from user_manager.signing_key k');
    expect(rows.map(({ row }) => row).join()).not.toContain('"d"');
  });

  test('another process signs with another key, and both are published', async () => {
    const { access_token: token } = (await (await ask(inForm())).json()) as { access_token: string };
    await um.database.pool.query(`insert into user_manager.signing_key (kid, public_key, expires_at) select 'other', public_key || '{"kid":"other"}', now() + interval '1 hour' from user_manager.signing_key limit 1`);
    await um.database.pool.query(`insert into user_manager.signing_key (kid, public_key, expires_at) select 'ended', public_key || '{"kid":"ended"}', now() - interval '1 second' from user_manager.signing_key limit 1`);
    expect((await keys()).keys.map(({ kid }) => kid).toSorted()).toEqual([decodeProtectedHeader(token).kid, 'other'].toSorted());
  });

  test.each<[string, () => Promise<Response>, number]>([
    ['a wrong secret in the form', () => ask({ ...inForm(), client_secret: 'wrong' }), 401],
    ['a wrong secret by Basic', () => ask({ grant_type: 'client_credentials' }, basic(client.clientId, 'wrong')), 401],
    ['a wrong secret by Basic and a right one in the form', () => ask(inForm(), basic(client.clientId, 'wrong')), 401],
    ['both ways at once', () => ask(inForm(), basic(client.clientId, client.clientSecret)), 400],
    ['no client', () => ask({ grant_type: 'client_credentials' }), 401],
    ['another grant', () => ask({ ...inForm(), grant_type: 'password' }), 400],
    ['no grant', () => ask({ client_id: client.clientId, client_secret: client.clientSecret }), 400],
    ['another scope', () => ask({ ...inForm(), scope: 'admin' }), 400],
    ['a member nobody knows', () => ask({ ...inForm(), username: 'x' }), 400],
    ['JSON', () => um.send('POST', '/oauth2/token', inForm(), {}), 415],
    ...['a\0b', '\0', 'a\nb', 'a\u007fb', 'a\u0085b'].flatMap((text): [string, () => Promise<Response>, number][] => [
      [`${JSON.stringify(text)} as the client by Basic`, () => ask({ grant_type: 'client_credentials' }, basic(text, 'x')), 401],
      [`${JSON.stringify(text)} as the secret by Basic`, () => ask({ grant_type: 'client_credentials' }, basic(client.clientId, text)), 401],
    ]),
    ['a NUL in the client', () => ask({ ...inForm(), client_id: 'a\0b' }), 400],
  ])('%s is refused', async (_situation, send, status) => {
    expect((await send()).status).toBe(status);
  });

  test('a revoked client gets no more tokens', async () => {
    const revoked = await createClient(um.database.pool, { sender: 'medisante' });
    expect(await revokeClient(um.database.pool, revoked.clientId)).toBe(true);
    expect((await ask({ ...inForm(), client_id: revoked.clientId, client_secret: revoked.clientSecret })).status).toBe(401);
  });

  test('the secret is not stored in clear', async () => {
    const { rows } = await um.database.pool.query<{ row: string }>('select c::text as row from user_manager.oauth_client c');
    expect(rows.map(({ row }) => row).join()).not.toContain(client.clientSecret);
  });

  test('a token of a client opens nothing here', async () => {
    const { access_token: token } = (await (await ask(inForm())).json()) as { access_token: string };
    for (const path of ['/users', '/userinfo']) expect((await um.call(path, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
  });
});
