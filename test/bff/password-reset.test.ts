import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { createBff } from '../../src/bff/service.ts';
import type { Service } from '../../src/http/service.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { startForeignUpstreams, type ForeignUpstreams } from '../players/foreign-upstreams.ts';

const nobody = '0'.repeat(32);
const known = 'anna@example.org';
const reset = { token: 'x'.repeat(43), password: 'a new horse in the old stable' };

const post = async (url: string, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, problem: (text === '' ? {} : JSON.parse(text)) as { code?: string; errors?: { pointer: string; code: string; message: string }[] } };
};

/** Status, headers and bytes of an answer, but for what names the request and the time. */
const looksOf = ({ status, headers, text }: Awaited<ReturnType<typeof post>>) => ({
  status,
  text: text.replace(/urn:vitalgate:request:[\w-]+/, ''),
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
});

describe('asking for a link', () => {
  let vitalgate: TestVitalgate;
  let address: string;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ PASSWORD_RESETS_PER_HOUR: 1000 });
    address = `${(await vitalgate.addUser()).username}@example.org`;
  });
  afterAll(() => vitalgate.stop());
  const ask = (email: unknown) => post(`${vitalgate.urls.bff}/reset-password`, { email });

  test('is answered with the same bytes and headers, whether the address is known or not', async () => {
    const [first, upper, unknown] = [await ask(address), await ask(address.toUpperCase()), await ask('nobody@example.org')];
    expect([first.status, first.text, first.headers.get('content-type'), first.headers.getSetCookie()]).toEqual([204, '', null, []]);
    expect([looksOf(upper), looksOf(unknown)]).toEqual([looksOf(first), looksOf(first)]);
  });

  test('takes about the same time, whether the address is known or not', async () => {
    const times: Record<string, number[]> = { [address]: [], 'nobody@example.org': [] };
    for (let round = 0; round < 25; round += 1) {
      for (const [email, taken] of Object.entries(times)) {
        const start = performance.now();
        await ask(email);
        taken.push(performance.now() - start);
      }
    }
    const [a = 0, b = 0] = Object.values(times).map((taken) => taken.toSorted((x, y) => x - y)[12]);
    expect(Math.max(a, b) / Math.min(a, b)).toBeLessThan(2.5);
  });

  test.each<[string, unknown]>([
    ['missing', undefined], ['empty', ''], ['no text', 7], ['a name', 'anna'], ['two', 'a@example.org, b@example.org'], ['followed by a header', 'a@example.org\r\nBcc: b@example.org'],
    ['in brackets', 'Anna <a@example.org>'], ['too long', `${'a'.repeat(250)}@example.org`], ['with a space', 'a b@example.org'],
  ])('an address that is %s is refused with its place', async (_situation, email) => {
    const { status, problem } = await ask(email);
    expect([status, problem.code, problem.errors?.[0]?.pointer]).toEqual([400, 'invalid-request', '/email']);
  });

  test.each([
    ['a form', '/reset-password', 'application/x-www-form-urlencoded', 'email=anna%40example.org'],
    ['plain text', '/reset-password', 'text/plain', JSON.stringify({ email: known })],
    ['a form with files', '/reset-password', 'multipart/form-data; boundary=x', '--x--'],
    ['a form to confirm', '/reset-password/confirm', 'application/x-www-form-urlencoded', 'token=x&password=y'],
    ['plain text to confirm', '/reset-password/confirm', 'text/plain', JSON.stringify(reset)],
  ])('another site cannot send it: %s is 415', async (_situation, path, contentType, body) => {
    expect((await post(`${vitalgate.urls.bff}${path}`, body, { 'content-type': contentType })).status).toBe(415);
  });

  test.each<[string, object, string]>([
    ['no token', { password: reset.password }, '/token'],
    ['an empty token', { ...reset, token: '' }, '/token'],
    ['a token that is no text', { ...reset, token: ['x'] }, '/token'],
    ['a token that is too long', { ...reset, token: 'x'.repeat(513) }, '/token'],
    ['no password', { token: reset.token }, '/password'],
    ['an empty password', { ...reset, password: '' }, '/password'],
    ['a password beyond all bounds', { ...reset, password: 'x'.repeat(1025) }, '/password'],
    ['a member nobody knows', { ...reset, email: known }, '/email'],
  ])('confirming with %s is refused with its place', async (_situation, body, pointer) => {
    const { status, problem } = await post(`${vitalgate.urls.bff}/reset-password/confirm`, body);
    expect([status, problem.code, problem.errors?.[0]?.pointer]).toEqual([400, 'invalid-request', pointer]);
  });

  test('a token that was never issued is refused whatever it looks like', async () => {
    for (const token of [reset.token, 'x', "' or 1=1 --", 'é'.repeat(100)]) {
      const { status, problem } = await post(`${vitalgate.urls.bff}/reset-password/confirm`, { ...reset, token });
      expect([status, problem.code]).toEqual([400, 'reset-token-invalid']);
    }
  });
});

describe('the password reset in front of a User Manager of another vendor', () => {
  const lines: string[] = [];
  let upstreams: ForeignUpstreams;
  let bff: Service;
  let url: string;
  beforeAll(async () => {
    upstreams = await startForeignUpstreams();
    bff = createBff({
      userIdHeader: 'miauserid', deviceManagerUrl: upstreams.url, userManagerUrl: upstreams.url, serviceToken: 's'.repeat(40), secureCookies: true, resetsPerHour: 1000,
      log: pino({ level: 'info' }, { write: (line) => lines.push(line) }), version: '0.0.0', validateResponses: true,
    });
    ({ url } = await bff.listen(0, '127.0.0.1'));
  });
  afterEach(() => {
    upstreams.arrived.splice(0);
    upstreams.restore();
  });
  afterAll(async () => {
    await bff.stop();
    await upstreams.stop();
  });

  const json = (value: unknown, status = 200) => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
  const ask = (email = known) => post(`${url}/reset-password`, { email });
  const confirm = () => post(`${url}/reset-password/confirm`, reset);
  const calls = () => upstreams.arrived.map(({ method, url: { pathname }, bytes }) => `${method} ${pathname} ${bytes.toString()}`.trim());
  const anna = { _id: 'crud-1', authUserId: 'auth0|5f7c8ec7c33c6c004bbafe82', email: 'Anna@example.org', userGroup: 'patient', customMember: { a: 1 } };

  test.each<[string, object[], string]>([
    ['who has the id of another system', [anna], anna.authUserId],
    ['who has an id of the User Manager alone', [{ ...anna, authUserId: undefined }], 'crud-1'],
    ['whom nobody knows', [], nobody],
    ['whom an upstream lists among all others', [{ _id: 'crud-0', authUserId: 'other', email: 'other@example.org' }, anna], anna.authUserId],
    ['whom nobody knows, where an upstream lists all others', [{ _id: 'crud-0', authUserId: 'other', email: 'other@example.org' }], nobody],
    ['whose record has no id', [{ email: known }], nobody],
  ])('somebody %s costs the same two calls, with the service credential', async (_situation, users, id) => {
    upstreams.replace('GET /users/', json(users));
    upstreams.replace('POST /users/change-password', { status: 204 });
    expect((await ask()).status).toBe(204);
    expect(calls()).toEqual(['GET /users/', `POST /users/change-password {"authUserId":"${id}"}`]);
    expect(upstreams.arrived[0]?.url.searchParams.get('email')).toBe(known);
    expect(upstreams.arrived.map(({ headers }) => headers.authorization)).toEqual(Array(2).fill(`Bearer ${'s'.repeat(40)}`));
  });

  test.each([400, 401, 403, 404, 405, 409, 422, 429])('a link that the vendor refuses with %d looks like any other, and the log says so without the address', async (status) => {
    upstreams.replace('GET /users/', json([anna]));
    upstreams.replace('POST /users/change-password', json({ message: known }, status));
    const before = lines.length;
    const refused = await ask();
    upstreams.replace('POST /users/change-password', { status: 204 });
    expect(looksOf(refused)).toEqual(looksOf(await ask()));
    expect(lines.slice(before).join('')).toContain(`"status":${status}`);
    expect(lines.join('')).not.toMatch(/anna@example|auth0/i);
  });

  test('an answer outside of the contract to the wish for a link looks like any other', async () => {
    upstreams.replace('GET /users/', json([anna]));
    upstreams.replace('POST /users/change-password', json({ ok: true }));
    expect((await ask()).status).toBe(204);
  });

  test.each<[string, Parameters<ForeignUpstreams['replace']>[1]]>([['answers 500', json({}, 500)], ['answers 503', json({}, 503)], ['breaks off', 'nothing']])('a User Manager that %s is 503, for known and unknown alike', async (_situation, trouble) => {
    for (const operation of ['GET /users/', 'POST /users/change-password']) {
      const answers = [];
      for (const users of [[anna], []]) {
        upstreams.replace('GET /users/', json(users));
        upstreams.replace('POST /users/change-password', { status: 204 });
        upstreams.replace(operation, trouble);
        answers.push(await ask());
      }
      expect(answers.map(({ status, problem, headers }) => [status, problem.code, headers.get('retry-after')])).toEqual([[503, 'upstream-unavailable', '5'], [503, 'upstream-unavailable', '5']]);
      expect(answers.map(looksOf)[1]).toEqual(answers.map(looksOf)[0]);
    }
  });

  test.each([400, 404])('a look-up refused with %d means that nobody has the address', async (status) => {
    upstreams.replace('GET /users/', json({}, status));
    upstreams.replace('POST /users/change-password', { status: 204 });
    expect((await ask()).status).toBe(204);
    expect(calls()[1]).toContain(nobody);
  });

  test('a look-up that the vendor does not let us do is its trouble, not the person’s', async () => {
    upstreams.replace('GET /users/', json({}, 401));
    const { status, problem } = await ask();
    expect([status, problem.code]).toEqual([502, 'upstream-invalid']);
  });

  test.each<[string, Parameters<ForeignUpstreams['replace']>[1], number, string]>([
    ['has no such route', json({}, 404), 501, 'not-supported'],
    ['does not take the method', json({}, 405), 501, 'not-supported'],
    ['refuses the token', json({ code: 'reset-token-invalid' }, 400), 400, 'reset-token-invalid'],
    ['refuses the password', json({ code: 'invalid-request', errors: [{ pointer: '/password', code: 'password', message: 'quotes a secret' }] }, 400), 400, 'invalid-request'],
    ['refuses without saying why', json({ message: 'no' }, 400), 502, 'upstream-invalid'],
    ['does not know our credential', json({}, 401), 502, 'upstream-invalid'],
    ['is in trouble', json({}, 500), 503, 'upstream-unavailable'],
    ['breaks off', 'nothing', 503, 'upstream-unavailable'],
  ])('confirming at a User Manager that %s is answered for what it is', async (_situation, answer, status, code) => {
    upstreams.replace('POST /users/reset-password', answer);
    const { problem, text, ...got } = await confirm();
    expect([got.status, problem.code]).toEqual([status, code]);
    expect(text).not.toContain('quotes a secret');
    expect(calls()).toEqual([`POST /users/reset-password ${JSON.stringify(reset)}`]);
  });

  test('a look-up or a token that comes too soon is told so with the time to wait, the wish for a link never', async () => {
    const busy = { ...json({ message: known }, 429), headers: { 'retry-after': '9' } };
    for (const operation of ['GET /users/', 'POST /users/reset-password']) upstreams.replace(operation, busy);
    const answers = [await ask(), await confirm()];
    expect(answers.map(({ status, problem, headers }) => [status, problem.code, headers.get('retry-after')])).toEqual(Array(2).fill([429, 'too-many-requests', '9']));
  });

  test('a person of the vendor is asked for by the path and the id that it knows', async () => {
    const { authUserId, email } = upstreams.users.add('ada+1', 'right');
    expect([(await ask(email)).status, (await ask('nobody@example.org')).status]).toEqual([204, 204]);
    expect(calls()).toEqual(['GET /users/', `POST /users/change-password {"authUserId":"${authUserId}"}`, 'GET /users/', `POST /users/change-password {"authUserId":"${nobody}"}`]);
    expect((await confirm()).status).toBe(501);
  });

  test('nothing of token, password and address got into the log', () => {
    for (const secret of [reset.token, reset.password, known, encodeURIComponent(known), 'quotes a secret']) expect(lines.join('')).not.toContain(secret);
    expect(lines.length).toBeGreaterThan(20);
  });
});
