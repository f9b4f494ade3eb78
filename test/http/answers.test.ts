import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { noBody, type AnyReply } from '../../src/http/operation.ts';
import { problem } from '../../src/http/problem.ts';
import { openShelf } from './shelf-service.ts';

const noDatabase = new Error('connection refused');
const credential = { authorization: 'Bearer let-me-in' };

const answering = async (operation: string, path: string, reply: () => AnyReply | Promise<AnyReply>, validateResponses = true) => {
  const shelf = openShelf({ handlers: { [operation]: reply }, validateResponses, isDatabaseUnavailable: (error) => error === noDatabase });
  const sent = operation === 'listBooks' ? request(shelf.service.app).get(path) : request(shelf.service.app).post(path).send({ username: 'canary' });
  return { shelf, response: await sent.set(credential) };
};

describe('an answer that breaks the contract is an internal error', () => {
  const broken: { named: string; operation: string; path: string; reply: AnyReply }[] = [
    { named: 'a body of the wrong type', operation: 'listBooks', path: '/books', reply: { status: 200, body: 'secret' } },
    { named: 'an undeclared status', operation: 'listBooks', path: '/books', reply: { status: 201, body: [] } },
    { named: 'no body where one is declared', operation: 'listBooks', path: '/books', reply: { status: 200, body: noBody } },
    { named: 'a body where none is declared', operation: 'returnBook', path: '/books/a/return', reply: { status: 204, body: {} } },
    { named: 'a missing member', operation: 'issueToken', path: '/token', reply: { status: 200, body: {} } },
  ];
  test.each(broken)('$named', async ({ operation, path, reply }) => {
    const shelf = openShelf({ handlers: { [operation]: () => reply } });
    const sent = operation === 'listBooks' ? request(shelf.service.app).get(path) : request(shelf.service.app).post(path);
    if (operation === 'issueToken') sent.send({ username: 'a' });
    const response = await sent.set(credential);
    expect(response.status).toBe(500);
    expect(response.body).toMatchObject({ code: 'internal-error' });
    expect(response.text).not.toContain('secret');
    expect(shelf.errors).toHaveLength(1);
  });

  test('but in production it is sent and reported', async () => {
    const { shelf, response } = await answering('listBooks', '/books', () => ({ status: 200, body: ['x'] }), false);
    expect([response.status, response.body]).toEqual([200, ['x']]);
    expect(shelf.errors).toHaveLength(1);
  });
});

describe('a thrown error becomes a problem', () => {
  test.each([
    { named: 'a problem keeps its headers and retry time', error: problem('too-many-requests', { retryAfterSeconds: 1.2, headers: { 'X-Limit': '5' } }), status: 429, headers: { 'retry-after': '2', 'x-limit': '5' } },
    { named: 'an unreachable upstream says when to come back', error: problem('upstream-unavailable'), status: 503, headers: { 'retry-after': '5' } },
    { named: 'an unreachable database', error: noDatabase, status: 503, headers: { 'retry-after': '2' } },
    { named: 'a wrong password still names a challenge', error: problem('sign-in-failed'), status: 401, headers: { 'www-authenticate': 'Bearer realm="vitalgate"' } },
    { named: 'anything else', error: new TypeError('Cannot read canary of undefined'), status: 500, headers: {} },
  ])('$named', async ({ error, status, headers }) => {
    const { response } = await answering('issueToken', '/token', () => Promise.reject(error));
    expect(response.status).toBe(status);
    expect(response.headers).toMatchObject(headers);
    expect(response.text).not.toMatch(/canary|at .*\.ts/);
  });
});

test('a reply sets headers, repeats cookies and may be empty where the spec allows it', async () => {
  const { response } = await answering('issueToken', '/token', () => ({ status: 200, headers: { 'Set-Cookie': ['a=1', 'b=2'], 'X-Kept': 'yes' }, body: noBody }));
  expect([response.status, response.text, response.headers['x-kept']]).toEqual([200, '', 'yes']);
  expect(response.headers['set-cookie']).toEqual(['a=1', 'b=2']);
});

test('every answer carries the security headers and none names its maker', async () => {
  const { response } = await answering('listBooks', '/books', () => ({ status: 200, body: [] }));
  expect(response.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'cache-control': 'no-store',
  });
  expect(response.headers).not.toHaveProperty('x-powered-by');
  expect(response.headers).not.toHaveProperty('etag');
});

test('the log holds one line per request without path, query or body', async () => {
  const shelf = openShelf();
  await request(shelf.service.app).get('/books/canary?limit=1').set(credential);
  await request(shelf.service.app).post('/token').send({ username: 'canary' });
  expect(shelf.lines).toHaveLength(2);
  expect(JSON.stringify(shelf.lines)).not.toContain('canary');
  expect(shelf.lines[1]).toMatchObject({ operationId: 'issueToken', status: 200, bytes: 21, aborted: false });
});
