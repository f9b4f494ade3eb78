import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { openShelf } from './shelf-service.ts';

const state = { ready: true, database: true };
const shelf = openShelf({
  ready: () => state.ready,
  checkUp: { database: () => (state.database ? Promise.resolve() : Promise.reject(new Error('refused'))) },
});
let url: string;
beforeAll(async () => ({ url } = await shelf.service.listen(0, '127.0.0.1')));
afterAll(() => shelf.service.close(0));

const healthy = { status: 'OK', name: 'shelf', version: '1.0.0' };

test('a service that has not started answers for its health but is not ready', async () => {
  const { app } = openShelf().service;
  expect((await request(app).get('/-/healthz')).body).toEqual(healthy);
  const ready = await request(app).get('/-/ready');
  expect([ready.status, ready.headers['retry-after'], (ready.body as { code: string }).code]).toEqual([503, '1', 'starting']);
});

describe('a running service', () => {
  test('is healthy, ready and checked, with or without trailing slash', async () => {
    for (const page of ['/-/healthz', '/-/healthz/', '/-/ready']) expect((await request(url).get(page)).body).toEqual(healthy);
    expect((await request(url).get('/-/check-up')).body).toEqual({ ...healthy, dependencies: { database: 'OK' } });
    expect((await request(url).head('/-/healthz')).status).toBe(200);
  });

  test('names what is down', async () => {
    state.database = false;
    state.ready = false;
    const checkUp = await request(url).get('/-/check-up');
    const ready = await request(url).get('/-/ready');
    Object.assign(state, { database: true, ready: true });
    expect([checkUp.status, (checkUp.body as { detail: string }).detail]).toEqual([503, 'Not reachable: database.']);
    expect([ready.status, ready.headers['retry-after']]).toEqual([503, '5']);
  });

  test('refuses other methods', async () => {
    const { status, headers } = await request(url).post('/-/healthz');
    expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  test('counts requests by operation, never by path', async () => {
    await request(url).get('/books/canary').set('authorization', 'Bearer let-me-in');
    const { text, headers } = await request(url).get('/-/metrics');
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toContain('http_request_duration_seconds_count{service="shelf",operation="getBook",status="200"} 1');
    expect(text).toContain('process_cpu_user_seconds_total');
    expect(text).not.toContain('canary');
  });

  test('shows its specification as page and as JSON', async () => {
    const json = await request(url).get('/documentation/json');
    expect(json.body).toMatchObject({ info: { title: 'Shelves' } });
    const page = await request(url).get('/documentation');
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  });
});

test.each<[string, () => Promise<boolean | string> | boolean, number]>([
  ['takes requests', () => true, 1],
  ['lacks something', () => Promise.resolve('no master key'), 0],
  ['cannot look', () => Promise.reject(new Error('refused')), 0],
  ['waits for a database that hangs', () => new Promise(() => undefined), 0],
])('readiness is a figure of a service that %s', async (_situation, ready, figure) => {
  const asked = openShelf({ ready });
  const address = await asked.service.listen(0, '127.0.0.1');
  const scrapes = await Promise.all([request(address.url).get('/-/metrics'), request(address.url).get('/-/metrics')]);
  for (const { text } of scrapes) expect(text.split('\n').filter((line) => line.startsWith('vitalgate_ready'))).toEqual([`vitalgate_ready{service="shelf"} ${figure}`]);
  await asked.service.close(0);
});
