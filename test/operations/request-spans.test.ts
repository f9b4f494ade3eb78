import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSenderTokens } from '../../src/device-manager/sender-tokens.ts';
import type { AnyReply } from '../../src/http/operation.ts';
import { createTrust, type SourceOptions } from '../../src/http/request-source.ts';
import { createUpstream } from '../../src/http/upstream.ts';
import { startOpenTelemetry } from '../../src/tracing/open-telemetry.ts';
import { traceHeaders, useTracing } from '../../src/tracing/tracing.ts';
import { openShelf } from '../http/shelf-service.ts';
import { startTraceReceiver, type ReceivedSpan, type TraceReceiver } from '../players/trace-receiver.ts';

const callersTrace = '4bf92f3577b34da6a3ce929d0e0e4736';
const callersSpan = '00f067aa0ba902b7';
const credential = { authorization: 'Bearer let-me-in' };
const listening = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
};

let receiver: TraceReceiver;
beforeAll(async () => {
  receiver = await startTraceReceiver();
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url;
});
afterAll(async () => {
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  await receiver.stop();
});

interface Asked {
  /** Share of new traces that is kept. */
  readonly ratio?: number;
  readonly trusted?: SourceOptions;
  readonly handler?: (call: { readonly signal: AbortSignal }) => AnyReply | Promise<AnyReply>;
  readonly ask: (url: string) => Promise<unknown>;
}

/** The spans of what is asked of a service. */
const spansOf = async ({ ratio = 1, trusted = { trustedProxies: [] }, handler = () => ({ status: 200, body: [] }), ask }: Asked): Promise<ReceivedSpan[]> => {
  const before = receiver.spans.length;
  const { tracing, stop } = startOpenTelemetry({ serviceName: undefined, resource: {}, sampler: 'parentbased_traceidratio', ratio, everyMs: 5_000 }, '1', () => undefined);
  useTracing(tracing);
  const shelf = openShelf({ handlers: { listBooks: handler }, isOurs: createTrust(trusted) });
  try {
    const { url } = await shelf.service.listen(0, '127.0.0.1');
    await ask(url);
    await shelf.service.close(1);
  } finally {
    useTracing(undefined);
    await stop();
  }
  return receiver.spans.slice(before);
};

describe('the trace of a caller', () => {
  const ours: SourceOptions = { trustedProxies: ['192.0.2.1'], serviceTokens: ['a-token-of-ours', 'let-me-in'] };
  test.each<[string, SourceOptions, Record<string, string>, 'kept' | 'dropped', number, 'continued' | 'new' | 'none']>([
    ['a proxy of ours that keeps it', { trustedProxies: ['127.0.0.1'] }, credential, 'kept', 0, 'continued'],
    ['a proxy of ours that drops it', { trustedProxies: ['127.0.0.1'] }, credential, 'dropped', 1, 'none'],
    ['a service of ours, by its credential', ours, credential, 'kept', 0, 'continued'],
    ['a service of ours, by its proof', { ...ours, serviceTokens: ['a-token-of-ours'] }, { ...credential, 'x-service-token': 'a-token-of-ours' }, 'kept', 0, 'continued'],
    ['a stranger who wants it kept', { trustedProxies: ['192.0.2.1'] }, credential, 'kept', 0, 'none'],
    ['a stranger who wants it dropped', { trustedProxies: ['192.0.2.1'] }, credential, 'dropped', 1, 'new'],
    ['a stranger who makes up a proof', { ...ours, serviceTokens: ['a-token-of-ours'] }, { ...credential, 'x-service-token': 'a-token-of-theirs' }, 'kept', 1, 'new'],
    ['a stranger who says to be a proxy', { trustedProxies: ['192.0.2.1'] }, { ...credential, 'x-forwarded-for': '192.0.2.1' }, 'kept', 1, 'new'],
    ['a stranger, where no credential is judged', { trustedProxies: [] }, {}, 'kept', 1, 'new'],
  ])('of %s', async (_situation, trusted, headers, flag, ratio, wanted) => {
    const passedOn: object[] = [];
    const handler = (): AnyReply => {
      passedOn.push(traceHeaders());
      return { status: 200, body: [] };
    };
    const traced = { ...headers, traceparent: `00-${callersTrace}-${callersSpan}-${flag === 'kept' ? '01' : '00'}`, tracestate: 'canary=whatever-they-like' };
    const spans = await spansOf({ trusted, ratio, handler, ask: (url) => fetch(`${url}/books`, { headers: traced }) });
    expect(spans.map(({ traceId, parentId }) => ({ isTheirs: traceId === callersTrace, parentId }))).toEqual(wanted === 'none' ? [] : [wanted === 'new' ? { isTheirs: false, parentId: '' } : { isTheirs: true, parentId: callersSpan }]);
    expect(passedOn.flatMap((one) => Object.keys(one))).toEqual('authorization' in headers ? ['traceparent'] : []);
    expect(receiver.bytes().includes('whatever-they-like')).toBe(false);
  });
});

describe('the span of a request', () => {
  const refused = (): Promise<AnyReply> => Promise.reject(new Error('of ours'));
  const leaving = new AbortController();
  const gone = Promise.withResolvers<undefined>();
  const leftAlone = async ({ signal }: { readonly signal: AbortSignal }): Promise<AnyReply> => {
    leaving.abort();
    await once(signal, 'abort');
    gone.resolve(undefined);
    return { status: 200, body: [] };
  };
  const leave = async (url: string) => {
    await fetch(`${url}/books`, { headers: credential, signal: leaving.signal }).catch(() => undefined);
    await gone.promise;
  };
  test.each<[string, Asked['handler'], Asked['ask'], number, boolean]>([
    ['that was answered', undefined, (url) => fetch(`${url}/books`, { headers: credential }), 200, false],
    ['that was refused', undefined, (url) => fetch(`${url}/books`), 401, false],
    ['that failed', refused, (url) => fetch(`${url}/books`, { headers: credential }), 500, true],
    ['that was not answered before its client left', leftAlone, leave, 499, true],
  ])('%s', async (_situation, handler, ask, status, hasFailed) => {
    const spans = await spansOf({ ...(handler && { handler }), ask });
    expect(spans.map((span) => [span.name, span.attributes['http.response.status_code'], span.hasFailed])).toEqual([['GET /books', status, hasFailed]]);
  });
});

describe('a call in a request belongs to its trace', () => {
  const calls: [string, (url: string) => Promise<unknown>, string, boolean][] = [
    ['an archive that comes piece by piece', async (url) => {
      const upstream = createUpstream<object>({ baseUrl: url, spec: { paths: {} }, timeoutMs: 5_000, maxBytes: 1_000 });
      const streamed = await upstream.stream({ path: '/archives/canary', template: '/archives/{id}', headers: {}, mediaType: 'application/zip' });
      if ('pieces' in streamed) for await (const piece of streamed.pieces) expect(piece.length).toBeGreaterThan(0);
      await upstream.close();
    }, 'GET /archives/{id}', true],
    // An issuer is somebody else, who is told nothing.
    ['the keys of an issuer', (url) => createSenderTokens([{ issuer: 'canary', jwksUrl: `${url}/canary`, audience: 'us' }]).senderOf(['{"alg":"ES256","kid":"a"}', '{"iss":"canary"}', ''].map((part) => Buffer.from(part).toString('base64url')).join('.')), 'GET', false],
  ];
  test.each(calls)('%s', async (_situation, call, name, isToldTo) => {
    const asked: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      asked.push(request);
      if (request.url === '/canary') response.setHeader('content-type', 'application/json').end('{"keys":[]}');
      else response.setHeader('content-type', 'application/zip').end('archive');
    });
    const url = await listening(server);
    const handler = async (): Promise<AnyReply> => {
      await call(url);
      return { status: 200, body: [] };
    };
    const spans = await spansOf({ handler, ask: (shelf) => fetch(`${shelf}/books`, { headers: credential }) }).finally(() => {
      server.closeAllConnections();
      server.close();
    });
    const [request, asking] = ['GET /books', name].map((wanted) => spans.find((span) => span.name === wanted));
    expect(asking).toMatchObject({ traceId: request?.traceId, parentId: request?.spanId, attributes: { 'http.request.method': 'GET', 'http.response.status_code': 200 } });
    expect(asked.map(({ headers }) => headers['traceparent'])).toEqual([isToldTo ? `00-${String(request?.traceId)}-${String(asking?.spanId)}-01` : undefined]);
  });
});
