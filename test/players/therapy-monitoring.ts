import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arrived } from '../../src/therapy-monitoring/contract.ts';
import { createTherapyMonitoring, type TherapyMonitoringPlay, type TherapyWays } from '../../src/therapy-monitoring/service.ts';

/** Refusals as the original service words them. */
const refusals = {
  refusal: [400, 'Invalid CRUD Resource'], 'value-refusal': [400, 'Detection Not Valid'], 'no-prototype': [404, 'Prototype Not Found'], 'too-large': [413, 'Payload Too Large'],
  unauthorized: [401, 'Unauthorized'], busy: [429, 'Too Many Requests'], 'no-such-path': [404, 'Not Found'],
} as const;

/** What goes wrong with one request: before anything is written, after, or at once while it is written as late as `lateMs` says (`-first`). */
export type Fault = 'error' | 'html' | 'silence' | 'cut' | 'error-after' | 'cut-after' | 'gateway-first' | 'cut-first' | keyof typeof refusals;

/** A Therapy and Monitoring Manager over HTTP whose data outlives its process. */
export interface TherapyMonitoringPlayer extends TherapyMonitoringPlay {
  readonly url: string;
  /** Chooses what goes wrong; undefined is nothing. */
  fault: (arrived: Arrived) => Fault | undefined;
  /** How long a request waits before anything is written and answered. */
  lateMs: (arrived: Arrived) => number;
  /** Holds back what is done about a request until it is resolved; undefined is at once. */
  hold: (arrived: Arrived) => Promise<unknown> | undefined;
  /** Requests so far, with what was wrong. */
  readonly arrived: (Arrived & { readonly fault: Fault | undefined })[];
  /** Ends like a process that is killed: connections break, requests under way are lost. */
  readonly kill: () => Promise<void>;
  readonly restart: () => Promise<void>;
}

const html = '<!doctype html><title>502</title>';
const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(body));
};

/** What a fault does; false when it leaves the request alone. */
const fail = (fault: Fault | undefined, response: ServerResponse, act: () => void): boolean => {
  if (fault === undefined) return false;
  if (fault.endsWith('-after')) act();
  if (fault.startsWith('error')) send(response, 500, { statusCode: 500, error: 'Internal Server Error', message: 'Something went wrong' });
  else if (fault.startsWith('cut')) response.destroy();
  else if (fault === 'html') response.writeHead(200, { 'content-type': 'text/html' }).end(html);
  else if (fault !== 'silence') {
    const [status, error] = refusals[fault as keyof typeof refusals];
    send(response, status, { statusCode: status, error, message: 'as it was told' }, { 'retry-after': '1' });
  }
  return true;
};

/** Starts one on a free port, which it keeps when it is killed and restarted. */
export const startTherapyMonitoring = async (ways: Partial<TherapyWays> = {}): Promise<TherapyMonitoringPlayer> => {
  const play = createTherapyMonitoring({ honoursKeys: true, writesBeforeRefusal: true, ...ways });
  const arrived: TherapyMonitoringPlayer['arrived'] = [];
  let [server, port]: [Server | undefined, number] = [undefined, 0];
  const start = async (): Promise<void> => {
    const started = createServer((request, response) => {
      void request.toArray().then(async (chunks) => {
        const one: Arrived = { method: request.method ?? '', url: new URL(request.url ?? '/', 'http://localhost'), headers: request.headers, bytes: Buffer.concat(chunks as Buffer[]) };
        await player.hold(one);
        const fault = player.fault(one);
        arrived.push({ ...one, fault });
        if (fault === 'gateway-first') response.writeHead(504, { 'content-type': 'text/html' }).end(html);
        if (fault === 'cut-first') response.destroy();
        if (player.lateMs(one) > 0) await sleep(player.lateMs(one));
        if (fault?.endsWith('-first')) return void play.answer(one);
        if (fail(fault, response, () => void play.answer(one))) return;
        const { status, body } = play.answer(one);
        send(response, status, body);
      }).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => started.listen(port, '127.0.0.1', resolve));
    ({ port } = started.address() as AddressInfo);
    server = started;
  };
  const kill = () => new Promise<void>((resolve) => {
    server?.close(() => resolve());
    server?.closeAllConnections();
    server = undefined;
  });
  await start();
  const player: TherapyMonitoringPlayer = { ...play, url: `http://127.0.0.1:${String(port)}`, fault: () => undefined, lateMs: () => 0, hold: () => undefined, arrived, kill, restart: start };
  return player;
};
