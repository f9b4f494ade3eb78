import { describe, expect, test } from '@jest/globals';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import request from 'supertest';
import { openShelf, shelfSpec } from './shelf-service.ts';

const spec = shelfSpec(({ paths }) => {
  Object.assign(paths, { '/books/{id}/renew': { post: { ...paths['/books/{id}/return'].post, operationId: 'renewBook', responses: { ...paths['/books/{id}/return'].post.responses, 413: { description: 'Problem.' } } } } });
});
const shelf = openShelf({ spec, limits: { maxBytes: 2000 }, handlers: { renewBook: () => ({ status: 204 }) } });
const { app } = shelf.service;
const CREDENTIAL = 'Bearer let-me-in';

interface Situation {
  readonly named: string;
  readonly method?: 'get' | 'post' | 'put' | 'delete' | 'options' | 'head' | 'trace';
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly status: number;
  readonly code?: string;
  readonly errors?: readonly object[];
}

const json = { authorization: CREDENTIAL, 'content-type': 'application/json' };
const samples = (count: number): string => JSON.stringify(Array.from({ length: count }, () => ({})));

const refused: Situation[] = [
  { named: 'an unknown path', path: '/nothing', status: 404, code: 'not-found' },
  { named: 'a path in capitals', path: '/BOOKS', status: 404, code: 'not-found' },
  { named: 'a path with an empty segment', path: '/books//return', method: 'post', status: 404, code: 'not-found' },
  { named: 'an undeclared method', method: 'delete', path: '/books', status: 405, code: 'method-not-allowed' },
  { named: 'OPTIONS', method: 'options', path: '/books', status: 405, code: 'method-not-allowed' },
  { named: 'TRACE', method: 'trace', path: '/books', status: 405, code: 'method-not-allowed' },
  { named: 'no credential', path: '/books', status: 401, code: 'unauthenticated' },
  { named: 'a wrong credential and a broken body', method: 'post', path: '/books', headers: { ...json, authorization: 'Bearer x' }, body: '{', status: 401, code: 'unauthenticated' },
  { named: 'no credential and a body over the limit', method: 'post', path: '/books', headers: { 'content-type': 'application/json' }, body: `"${'x'.repeat(3000)}"`, status: 413, code: 'payload-too-large' },
  { named: 'a body over the limit', method: 'post', path: '/books', headers: json, body: `"${'x'.repeat(3000)}"`, status: 413, code: 'payload-too-large' },
  { named: 'a body that inflates over the limit', method: 'post', path: '/books', headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(1_000_000)), status: 413, code: 'payload-too-large' },
  { named: 'a body that is not the gzip it claims to be', method: 'post', path: '/books', headers: { ...json, 'content-encoding': 'gzip' }, body: '{}', status: 400, code: 'invalid-request' },
  { named: 'a truncated gzip body', method: 'post', path: '/books', headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('{"title":"a"}').subarray(0, 20), status: 400, code: 'invalid-request' },
  { named: 'an unknown encoding', method: 'post', path: '/books', headers: { ...json, 'content-encoding': 'compress' }, body: '{}', status: 415, code: 'unsupported-encoding' },
  { named: 'another media type', method: 'post', path: '/books', headers: { ...json, 'content-type': 'text/plain' }, body: '{}', status: 415, code: 'unsupported-media-type' },
  { named: 'multipart', method: 'post', path: '/books', headers: { ...json, 'content-type': 'multipart/form-data; boundary=x' }, body: '--x--', status: 415, code: 'unsupported-media-type' },
  { named: 'another charset', method: 'post', path: '/books', headers: { ...json, 'content-type': 'application/json; charset=utf-16' }, body: '{}', status: 415, code: 'unsupported-media-type' },
  { named: 'an empty body where one is required', method: 'post', path: '/books', headers: json, status: 400, code: 'malformed-json' },
  { named: 'a truncated body', method: 'post', path: '/books', headers: json, body: '{"title":', status: 400, code: 'malformed-json' },
  { named: 'a repeated key', method: 'post', path: '/books', headers: json, body: '{"title":"a","title":"b"}', status: 400, code: 'duplicate-key' },
  { named: 'a missing member', method: 'post', path: '/books', headers: json, body: '{}', status: 400, code: 'invalid-request', errors: [{ pointer: '/title', code: 'required' }] },
  { named: 'a member of the wrong type', method: 'post', path: '/books', headers: json, body: '{"title":"a","pages":"7"}', status: 400, code: 'invalid-request', errors: [{ pointer: '/pages', code: 'type' }] },
  { named: 'an unknown member', method: 'post', path: '/books', headers: json, body: '{"title":"a","colour":"red"}', status: 400, code: 'invalid-request', errors: [{ pointer: '/colour', code: 'additionalProperties' }] },
  { named: 'an array where an object belongs', method: 'post', path: '/books', headers: json, body: '[]', status: 400, code: 'invalid-request', errors: [{ pointer: '', code: 'type' }] },
  { named: 'an unknown query parameter', path: '/books?colour=red', headers: json, status: 400, code: 'unknown-parameter', errors: [{ pointer: '/query/colour', code: 'unknown-parameter' }] },
  { named: 'a query parameter out of range', path: '/books?limit=11', headers: json, status: 400, code: 'invalid-request', errors: [{ pointer: '/query/limit', code: 'maximum' }] },
  { named: 'a query parameter given twice', path: '/books?limit=1&limit=2', headers: json, status: 400, code: 'invalid-request', errors: [{ pointer: '/query/limit', code: 'type' }] },
  { named: 'an empty query parameter', path: '/books?limit=', headers: json, status: 400, code: 'invalid-request', errors: [{ pointer: '/query/limit', code: 'empty' }] },
  { named: 'a path parameter of the wrong form', path: '/books/UPPER', headers: json, status: 400, code: 'invalid-request', errors: [{ pointer: '/path/id', code: 'pattern' }] },
  { named: 'a path that is wrongly encoded', path: '/books/%zz', headers: json, status: 400, code: 'invalid-request' },
  { named: 'an unknown format', method: 'post', path: '/samples/xml', headers: json, body: '[]', status: 400, code: 'unknown-format', errors: [{ pointer: '/path/format', code: 'enum' }] },
  { named: 'a format that climbs out of its segment', method: 'post', path: '/samples/..%2fjson', headers: json, body: '[]', status: 400, code: 'unknown-format' },
  { named: 'a format named like a member of every object', method: 'post', path: '/samples/__proto__', headers: json, body: '[]', status: 400, code: 'unknown-format' },
  { named: 'too many items', method: 'post', path: '/samples', headers: json, body: samples(4), status: 413, code: 'too-many-items' },
  { named: 'text on an operation without body', method: 'post', path: '/books/a/return', headers: { authorization: CREDENTIAL, 'content-type': 'text/plain' }, body: 'hello', status: 400, code: 'invalid-request' },
  { named: 'an object on an operation without body', method: 'post', path: '/books/a/return', headers: json, body: '{"a":1}', status: 400, code: 'invalid-request' },
  { named: 'a huge body on an operation without body', method: 'post', path: '/books/a/return', headers: json, body: ' '.repeat(5000), status: 400, code: 'invalid-request' },
  { named: 'a huge body on an operation without body that declares 413', method: 'post', path: '/books/a/renew', headers: json, body: ' '.repeat(5000), status: 413, code: 'payload-too-large' },
  { named: 'a body that inflates on an operation without body', method: 'post', path: '/books/a/return', headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(1_000_000, ' ')), status: 400, code: 'invalid-request' },
  { named: 'a huge body of a GET', path: '/books', headers: json, body: ' '.repeat(5000), status: 400, code: 'invalid-request' },
  { named: 'text where a JSON body is optional', method: 'post', path: '/books/a/lend', headers: { authorization: CREDENTIAL, 'content-type': 'text/plain' }, body: 'hello', status: 415, code: 'unsupported-media-type' },
  { named: 'a form with a repeated key', method: 'post', path: '/token', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'username=a&username=b', status: 400, code: 'duplicate-key' },
  { named: 'a form with a reserved key', method: 'post', path: '/token', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: '__proto__=a', status: 400, code: 'forbidden-key' },
];

const send = ({ method = 'get', path, headers = {}, body }: Situation): request.Test => {
  const test = request(app)[method](path).set(headers);
  return body === undefined ? test : test.serialize((value: unknown) => value as string).send(body);
};

describe('a request is refused before its handler', () => {
  test.each(refused)('$named', async (situation) => {
    const before = shelf.calls.length;
    const response = await send(situation);
    expect(response.body).toMatchObject({ status: situation.status, code: situation.code, ...(situation.errors && { errors: situation.errors }) });
    expect(response.status).toBe(situation.status);
    expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(shelf.calls).toHaveLength(before);
  });

  test('and says so in one closed shape, with the request id and without values', async () => {
    const response = await request(app).post('/books').set(json).set('X-Request-Id', 'my-request-1').send({ title: 'canary'.repeat(5) });
    expect(response.headers['x-request-id']).toBe('my-request-1');
    expect(response.body).toEqual({
      type: 'urn:vitalgate:problem:invalid-request', title: 'Invalid request', status: 400, statusCode: 400, error: 'Bad Request',
      code: 'invalid-request', retryable: false, instance: 'urn:vitalgate:request:my-request-1',
      detail: expect.any(String), message: expect.any(String),
      errors: [{ pointer: '/title', code: 'maxLength', message: 'must NOT have more than 20 characters' }],
    });
  });

  test('HEAD is answered like an undeclared method, without a body', async () => {
    const { status, headers, text } = await request(app).head('/books');
    expect([status, headers['allow'], text]).toEqual([405, 'GET, POST', undefined]);
  });

  test('405 lists the methods of the path, 413 the limits, 401 the challenges', async () => {
    const wrongMethod = await request(app).put('/books');
    expect(wrongMethod.headers['allow']).toBe('GET, POST');
    const tooMany = await request(app).post('/samples').set(json).send(samples(4));
    expect(tooMany.body).toMatchObject({ limits: { maxItems: 3, maxBytes: 2000 } });
    const nobody = await request(app).get('/books');
    expect(nobody.headers['www-authenticate']).toBe('Session realm="vitalgate", Bearer realm="vitalgate"');
  });

  test('an insane request id is replaced', async () => {
    const { headers } = await request(app).get('/books').set('X-Request-Id', 'a b<script>');
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

const empties = ['', '  \n', 'null', '{}'];
const contentTypes = [undefined, 'application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense'];

describe('an operation that needs no body takes an empty one', () => {
  for (const operation of ['return', 'lend']) {
    for (const contentType of contentTypes) {
      test(`${operation} with content type ${contentType ?? 'absent'}`, async () => {
        for (const body of empties) {
          const headers = { authorization: CREDENTIAL, ...(contentType !== undefined && { 'content-type': contentType }) };
          const { status } = await send({ named: '', method: 'post', path: `/books/a/${operation}`, headers, ...(body !== '' && { body: Buffer.from(body) }), status: 204 });
          expect(status).toBe(204);
          expect(shelf.calls.at(-1)?.call['body']).toBeUndefined();
        }
      });
    }
  }
});

describe('a request reaches its handler', () => {
  const accepted: (Situation & { operation: string; call: object })[] = [
    { named: 'query values are coerced and defaults filled in', path: '/books?limit=3', headers: { ...json, prefer: 'few' }, status: 200, operation: 'listBooks', call: { query: { limit: 3 }, headers: { prefer: 'few' }, caller: 'reader', body: undefined } },
    { named: 'a default stands for an absent parameter', path: '/books/', headers: json, status: 200, operation: 'listBooks', call: { query: { limit: 5 }, headers: {} } },
    { named: 'a static segment wins over a parameter', path: '/books/lost', headers: json, status: 200, operation: 'listLost', call: { path: {} } },
    { named: 'a path parameter', path: '/books/abc/', headers: json, status: 200, operation: 'getBook', call: { path: { id: 'abc' } } },
    { named: 'a JSON body with charset', method: 'post', path: '/books', headers: { ...json, 'content-type': 'Application/JSON; Charset=UTF-8' }, body: '{"title":"a"}', status: 200, operation: 'addBook', call: { body: { title: 'a' }, bytes: Buffer.from('{"title":"a"}') } },
    { named: 'a JSON dialect', method: 'post', path: '/books', headers: { ...json, 'content-type': 'application/vnd.book+json' }, body: '{"title":"a"}', status: 200, operation: 'addBook', call: { body: { title: 'a' } } },
    { named: 'a gzip body', method: 'post', path: '/books', headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('{"title":"a"}'), status: 200, operation: 'addBook', call: { bytes: Buffer.from('{"title":"a"}') } },
    { named: 'a br body', method: 'post', path: '/books', headers: { ...json, 'content-encoding': 'br' }, body: brotliCompressSync('{"title":"a"}'), status: 200, operation: 'addBook', call: { bytes: Buffer.from('{"title":"a"}') } },
    { named: 'a format in capitals', method: 'post', path: '/samples/JSON/', headers: json, body: '[]', status: 200, operation: 'addSamplesInFormat', call: { path: { format: 'json' } } },
    { named: 'items that break their schema, for a verdict per item', method: 'post', path: '/samples', headers: json, body: '[{"value":"x"},7]', status: 200, operation: 'addSamples', call: { body: [{ value: 'x' }, 7], items: [{ start: 1, end: 14 }, { start: 15, end: 16 }] } },
    { named: 'a form', method: 'post', path: '/token', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'username=a+b&password=%C3%A9', status: 200, operation: 'issueToken', call: { body: { username: 'a b', password: 'é' }, caller: undefined } },
  ];
  test.each(accepted)('$named', async (situation) => {
    const { status } = await send(situation);
    expect(status).toBe(situation.status);
    expect(shelf.calls.at(-1)).toMatchObject({ operation: situation.operation, call: situation.call });
  });
});
