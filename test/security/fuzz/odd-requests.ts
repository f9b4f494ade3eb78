import fc from 'fast-check';
import { MARKER } from './hostile.ts';

const contentTypes = [
  'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'multipart/form-data; boundary=fuzz', 'application/json; charset=utf-16', 'application/json;charset=UTF-8', 'APPLICATION/JSON', 'application/xml',
  'application/fhir+json; fhirVersion=3.0', 'application/vnd.x+json', 'text/json', '*/*', ';', 'application/json, text/plain', 'application/json; charset="', 'x'.repeat(500),
];
const many: readonly (readonly [string, readonly string[]])[] = [
  ['content-type', contentTypes],
  ['content-encoding', ['gzip', 'br', 'deflate', 'identity', 'gzip, gzip', 'GZIP', '', 'x']],
  ['accept', ['text/html', '*/*;q=0', 'application/fhir+json', 'text/csv', 'application/json;q=abc', ',', 'x'.repeat(2000)]],
  ['cookie', ['sid=', 'sid=a; sid=b', 'sid="a"', `sid=${'a'.repeat(8192)}`, 'sid=%00', 'SID=a', '; ; sid', `sid=${MARKER}`, '$Version=1; sid=a', 'a=b; sid = c']],
  ['authorization', ['Bearer', 'Bearer ', 'Bearer a b', 'Basic', 'Basic Og==', 'Basic !!!', `Bearer ${MARKER}`, 'bearer x', 'Digest username="x"', 'Bearer eyJhbGciOiJub25lIn0.e30.', `Bearer ${'x'.repeat(8193)}`]],
  ['x-api-key', ['', ' ', 'x', `vg_${MARKER}`, '__proto__', 'a.b.c']],
  ['x-request-id', ['x', `${MARKER}${'a'.repeat(200)}`, '../../x', '{"level":60}', 'sane-request-id-1']],
  ['x-forwarded-proto', ['https', 'http', 'https,http', 'javascript:']],
  ['x-forwarded-for', ['127.0.0.1', '::1', 'x']],
  ['x-http-method-override', ['DELETE']],
  ['host', ['evil.test', '', 'a:b:c', 'x'.repeat(300)]],
  ['miauserid', ['x', '__proto__', 'x'.repeat(500), '../..', "' or 1=1 --"]],
  ['if-none-match', ['*', '"x"', 'W/"x"', 'x', '"'.repeat(100)]],
  ['prefer', ['handling=strict', 'handling=lenient', 'handling', 'x'.repeat(300), 'handling=strict; handling=lenient', 'respond-async']],
  ['origin', ['https://evil.test', 'null', 'file://']],
  ['sec-fetch-site', ['cross-site', 'same-origin', 'none', 'x']],
  ['range', ['bytes=0-1', 'bytes=-1', 'x']],
  ['te', ['trailers', 'chunked']],
  ['client-type', ['website', 'x', '__proto__', MARKER]],
];

/** One to three headers that are wrong, unexpected or of somebody else. */
export const oddHeaders: fc.Arbitrary<Record<string, string>> = fc
  .array(fc.constantFrom(...many).chain(([name, values]) => fc.constantFrom(...values).map((value) => [name, value] as const)), { minLength: 1, maxLength: 3 })
  .map((pairs) => Object.fromEntries(pairs));

type Raw = (method: string, path: string, body: Buffer | undefined) => Buffer;

const head = (line: string, headers: readonly string[]): string => `${[line, ...headers].join('\r\n')}\r\n{credential}Connection: close\r\n`;
const plain = (method: string, path: string, headers: readonly string[], tail = '\r\n'): Buffer => Buffer.from(`${head(`${method} ${path} HTTP/1.1`, ['Host: localhost', ...headers])}${tail}`, 'latin1');

const raws: readonly Raw[] = [
  (method, path) => plain(method, path, ['Host: other.test']),
  (method, path) => plain(method, path, ['Content-Length: 5', 'Transfer-Encoding: chunked'], '\r\n0\r\n\r\n'),
  (method, path) => plain(method, path, ['Content-Length: 5', 'Content-Length: 6'], '\r\nhello'),
  (method, path) => plain(method, path, ['Content-Length: -1']),
  (method, path) => plain(method, path, ['Content-Length: 1e3']),
  (method, path) => plain(method, path, ['Transfer-Encoding: chunked'], '\r\nzz\r\nhello\r\n'),
  (method, path) => plain(method, path, ['Transfer-Encoding: chunked, identity'], '\r\n0\r\n\r\n'),
  (method, path) => plain(method, path, ['Transfer-Encoding: chunked'], '\r\n5;ext="x"\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n'),
  (method, path) => plain(method, path, ['Transfer-Encoding:\tchunked '], '\r\n0\r\n\r\n'),
  (method, path) => plain(method, path, ['X-Folded: a', ' b']),
  (method, path) => plain(method, path, ['X-Nul: a\0b']),
  (method, path) => plain(method, path, ['X-Latin: \xe4\xf6\xfc', 'Cookie: sid=\xe4']),
  (method, path) => plain(method, path, ['Cookie: sid=a', 'Cookie: sid=b']),
  (method, path) => plain(method, path, ['Authorization: Bearer a', 'Authorization: Bearer b']),
  (method, path) => plain(method, path, ['Content-Type: application/json', 'Content-Type: text/plain', 'Content-Length: 2'], '\r\n{}'),
  (method, path) => plain(method, path, ['Expect: 100-continue', 'Content-Length: 0']),
  (method, path) => plain(method, path, ['Expect: something', 'Content-Length: 0']),
  (method, path) => plain(method, path, ['Upgrade: websocket', 'Sec-WebSocket-Version: 13']),
  (method, path) => plain(method, path, [`X-Long: ${'x'.repeat(17_000)}`]),
  (method, path) => plain(method, path, Array.from({ length: 2100 }, (_, index) => `x${String(index)}: 1`)),
  (method, path) => plain(method, `${path}#fragment`, []),
  (method, path) => plain(method, `http://other.test${path}`, []),
  (method, path) => plain(method, `/${path}`, []),
  (method, path) => plain(method, `${path}/%zz`, []),
  (method, path) => plain(method, `${path}%00`, []),
  (method, path) => plain(method, `${path}?${'a=1&'.repeat(300)}`, []),
  (method, path) => plain(method, `${path}?__proto__[x]=1&a[]=2&=3&%ff=%fe`, []),
  (method) => plain(method, '*', []),
  (method, path) => Buffer.from(`${method} ${path} HTTP/1.0\r\n\r\n`, 'latin1'),
  (method, path) => Buffer.from(`${method} ${path} HTTP/9.9\r\nHost: x\r\n\r\n`, 'latin1'),
  (method, path) => Buffer.from(`${method} ${path} HTTP/1.1\r\n\r\n`, 'latin1'),
  (method, path) => Buffer.from(`${method} ${path} HTTP/1.1\nHost: x\nConnection: close\n\n`, 'latin1'),
  (method, path) => Buffer.from(`${method.toLowerCase()} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'),
  () => Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1'),
  () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  (_method, _path, body) => Buffer.concat([body ?? Buffer.from([0, 1, 2]), Buffer.from('\r\n\r\n')]),
];

/** Whole requests with framing that no client library would send. */
export const rawRequests: fc.Arbitrary<Raw> = fc.constantFrom(...raws);
