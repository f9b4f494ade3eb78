import { once } from 'node:events';
import { connect } from 'node:net';
import { Pool } from 'undici';
import type { Headers } from '../callers.ts';
import type { FuzzedRequest } from './requests.ts';

/** What came back, or why nothing did. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly ms: number;
  /** No answer: `closed` is the right of a server that was sent no HTTP, `timeout` is a hang. */
  readonly failed?: 'closed' | 'timeout';
}

/** Sends to one service over connections that stay open. */
export interface Sender {
  readonly send: (request: Pick<FuzzedRequest, 'method' | 'path' | 'headers' | 'body' | 'raw'>, credential: Headers) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

const PATIENCE_MS = 15_000;
const UNFINISHED_MS = 1000;
const nothing = (failed: 'closed' | 'timeout', ms: number, why = ''): Answer => ({ status: 0, headers: {}, body: why, ms, failed });

const flat = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value ?? '']));

const unchunked = (text: string): string => {
  let [rest, body] = [text, ''];
  for (let size = parseInt(rest, 16); size > 0; size = parseInt(rest, 16)) {
    const start = rest.indexOf('\r\n') + 2;
    body += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
  }
  return body;
};

/** The last answer on the wire: interim ones (100) come before it. */
const parsed = (text: string, ms: number): Answer => {
  const at = text.replace(/^HTTP\/1\.1 100[^]*?\r\n\r\n/, '');
  const [top = '', ...rest] = at.split('\r\n\r\n');
  const [line = '', ...lines] = top.split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1] ?? 0);
  const headers = Object.fromEntries(lines.map((header): [string, string] => [header.slice(0, header.indexOf(':')).toLowerCase(), header.slice(header.indexOf(':') + 1).trim()]));
  const content = rest.join('\r\n\r\n');
  return status === 0 ? nothing('closed', ms) : { status, headers, body: headers['transfer-encoding'] === 'chunked' ? unchunked(content) : content, ms };
};

const sendRaw = async (url: URL, raw: Buffer, credential: Headers): Promise<Answer> => {
  const started = performance.now();
  const socket = connect(Number(url.port), url.hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined).setTimeout(PATIENCE_MS, () => socket.destroy());
  const lines = Object.entries(credential).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(Buffer.from(raw.toString('latin1').replace('{credential}', lines), 'latin1'));
  // What is no whole request waits for more: tell that nothing comes.
  const end = setTimeout(() => socket.end(), UNFINISHED_MS);
  await once(socket, 'close');
  clearTimeout(end);
  const ms = performance.now() - started;
  return ms >= PATIENCE_MS ? nothing('timeout', ms) : parsed(Buffer.concat(chunks).toString('utf8'), ms);
};

/** Opens connections to a service. */
export const openSender = (base: string): Sender => {
  const url = new URL(base);
  const pool = new Pool(url.origin, { connections: 8, keepAliveTimeout: 10_000, headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS });
  return {
    send: async ({ method, path, headers, body, raw }, credential) => {
      if (raw !== undefined) return sendRaw(url, raw, credential);
      const started = performance.now();
      try {
        const answer = await pool.request({ method, path, headers: { ...credential, ...headers }, ...(body !== undefined && { body }) });
        const text = await answer.body.text();
        return { status: answer.statusCode, headers: flat(answer.headers), body: text, ms: performance.now() - started };
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        return nothing(code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' ? 'timeout' : 'closed', performance.now() - started, message);
      }
    },
    close: () => pool.close(),
  };
};
