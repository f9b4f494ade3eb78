import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { channel } from 'node:diagnostics_channel';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import request from 'supertest';
import type { ServiceAnswer } from '../../src/http/service-app.ts';
import { openShelf, type Shelf } from './shelf-service.ts';

const HOST = '127.0.0.1';
const head = (line: string, ...more: string[]): string => [line, 'Host: a', 'Authorization: Bearer let-me-in', 'Content-Type: application/json', ...more, '', ''].join('\r\n');
const books = head('GET /books HTTP/1.1');

interface Situation {
  readonly named: string;
  readonly operation: string;
  /** How long the handler takes. */
  readonly afterMs: number;
  readonly act: (socket: Socket, shelf: Shelf) => void;
  readonly status: number;
  readonly aborted: boolean;
}

const situations: readonly Situation[] = [
  { named: 'answered', operation: 'listBooks', afterMs: 0, act: (socket) => socket.write(books), status: 200, aborted: false },
  { named: 'left before its body had come', operation: 'addBook', afterMs: 0, act: (socket) => socket.write(head('POST /books HTTP/1.1', 'Content-Length: 900') + '{', () => setTimeout(() => socket.destroy(), 50)), status: 499, aborted: true },
  { named: 'left before its answer was made', operation: 'listBooks', afterMs: 400, act: (socket) => socket.write(books, () => setTimeout(() => socket.destroy(), 50)), status: 499, aborted: true },
  { named: 'left in the middle of its answer', operation: 'listBooks', afterMs: 0, act: (socket) => socket.once('data', () => socket.destroy()).write(books), status: 200, aborted: true },
  { named: 'cut off by the end of the service', operation: 'listBooks', afterMs: 900, act: (socket, shelf) => socket.write(books, () => setTimeout(() => void shelf.service.close(0), 50)), status: 499, aborted: true },
  { named: 'answered past the service, for what came was no HTTP', operation: 'addBook', afterMs: 0, act: (socket) => socket.write(`${head('POST /books HTTP/1.1', 'Transfer-Encoding: chunked')}zz\r\n`), status: 400, aborted: true },
];

const answers = channel('vitalgate:answer');
const published: number[] = [];
const publish = (message: unknown): void => void published.push((message as ServiceAnswer).status);
beforeEach(() => answers.subscribe(publish));
afterEach(() => {
  answers.unsubscribe(publish);
  published.length = 0;
});

test.each(situations)('a request that is $named counts as $status', async ({ operation, afterMs, act, status, aborted }) => {
  // More than sockets hold, so that whoever leaves leaves in the middle.
  const body = [{ title: 'x'.repeat(30_000_000) }];
  const shelf = openShelf({ handlers: { listBooks: async () => { await sleep(afterMs); return { status: 200, body }; } } });
  const { port } = await shelf.service.listen(0, HOST);
  const socket = connect(port, HOST, () => act(socket, shelf));
  socket.on('error', () => undefined).resume();
  for (let tries = 0; tries < 200 && shelf.lines.length === 0; tries += 1) await sleep(50);
  expect(shelf.lines).toEqual([expect.objectContaining({ operationId: operation, status, aborted })]);
  expect(published).toEqual(aborted ? [] : [status]);
  const { text } = await request(shelf.service.app).get('/-/metrics');
  expect(text.split('\n').filter((line) => line.startsWith('http_request_duration_seconds_count'))).toEqual([`http_request_duration_seconds_count{service="shelf",operation="${operation}",status="${status}"} 1`]);
  socket.destroy();
  await shelf.service.close(0);
});
