import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';

/** One answer: status (0 where there was none) and how long it took. */
export interface Answered {
  readonly status: number;
  readonly ms: number;
  readonly retryAfter: string | undefined;
}

/** Sends requests to one service over kept connections, as a phone or a proxy does. */
export interface Sender {
  readonly send: (method: string, path: string, headers: Readonly<Record<string, string>>, body?: string) => Promise<Answered>;
  readonly close: () => void;
}

/** A sender with at most so many connections. */
export const openSender = (baseUrl: string, mostSockets: number): Sender => {
  const agent = new Agent({ keepAlive: true, maxSockets: mostSockets });
  return {
    send: (method, path, headers, body) =>
      new Promise((resolve) => {
        const started = performance.now();
        const end = (status: number, retryAfter?: string) => resolve({ status, ms: performance.now() - started, retryAfter });
        const asked = request(`${baseUrl}${path}`, { method, agent, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }) } }, (response) => {
          response.resume().once('end', () => end(response.statusCode ?? 0, response.headers['retry-after'])).once('error', () => end(0));
        });
        asked.once('error', () => end(0)).end(body);
      }),
    close: () => agent.destroy(),
  };
};

/** A body of so many new heart rates, one a second. */
export const uploadBody = (samples: number, firstSecond: number): string => {
  const items = Array.from({ length: samples }, (_, index) => {
    const at = new Date(Date.UTC(2024, 0, 1) + (firstSecond + index) * 1000).toISOString();
    return `{"id":"${randomUUID()}","value":${String(60 + (index % 40))},"startDate":"${at}","endDate":"${at}"}`;
  });
  return `[${items.join(',')}]`;
};

/** The value below which a share of numbers lies. */
export const percentile = (numbers: readonly number[], share: number): number => numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? Number.NaN;
