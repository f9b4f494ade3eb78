import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createClient, memoryStore, VitalgateError, type FlushOutcome, type Gzip, type OutboxEvent, type OutboxStore, type VitalgateClient } from '../../src/client/client.ts';
import { heartRate } from '../bff/app.ts';
import { startFaultProxy, type FaultProxy } from '../players/fault-proxy.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

let vitalgate: TestVitalgate;
let proxy: FaultProxy;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  proxy = await startFaultProxy(vitalgate.urls.bff);
});
afterAll(async () => {
  await proxy.stop();
  await vitalgate.stop();
});
beforeEach(() => {
  proxy.fault = () => undefined;
});

interface Phone {
  readonly client: VitalgateClient;
  readonly user: TestUser;
  readonly store: OutboxStore;
  readonly events: OutboxEvent[];
  readonly statuses: () => Record<string, number>;
}

const phone = async ({ store = memoryStore(), enrolled = true, user, onSignInNeeded }: { store?: OutboxStore; enrolled?: boolean; user?: TestUser; onSignInNeeded?: Parameters<typeof createClient>[0]['onSignInNeeded'] } = {}): Promise<Phone> => {
  const person = user ?? (await vitalgate.addUser());
  const events: OutboxEvent[] = [];
  const client = createClient({ baseUrl: proxy.url, store, onEvent: (event) => events.push(event), onSignInNeeded });
  await client.signIn({ username: person.username, password: person.password });
  if (enrolled && !user) await enrol(client);
  const statuses = () => Object.fromEntries([...Map.groupBy(events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : [])), ({ status }) => status)].map(([status, all]) => [status, all.length]));
  return { client, user: person, store, events, statuses };
};
const enrol = async (client: VitalgateClient) => {
  const { response } = await client.api.POST('/devices/assign', { body: { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' } });
  expect(response.status).toBe(200);
};
const samples = (count: number, from = 0) => Array.from({ length: count }, (_, second) => heartRate(randomUUID(), from + second));
const keptBy = async ({ client }: Phone): Promise<number> => {
  let kept = 0;
  for (let skip = 0; ; skip += 200) {
    const { data = [] } = await client.api.GET('/health-data', { params: { query: { _l: 200, _sk: skip } } });
    kept += data.length;
    if (data.length < 200) return kept;
  }
};
const anchorsOf = ({ events }: Phone) => events.flatMap((event) => (event.kind === 'anchor' ? [event.anchor.value] : []));
const isUpload = (url: string | undefined) => url?.startsWith('/health-data') === true;
const textOf = ({ headers }: IncomingMessage, body: Buffer): string => (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
/** Faults for the first uploads, one after the other. */
const faultsInTurn = (...faults: (ReturnType<FaultProxy['fault']>)[]) => {
  proxy.fault = ({ url, method }) => (method === 'POST' && isUpload(url) ? faults.shift() : undefined);
};

describe('a session', () => {
  test('is kept by the client where the platform keeps no cookies, and ends', async () => {
    const { client } = await phone();
    expect((await client.api.GET('/profile')).response.status).toBe(200);
    await client.signOut();
    expect((await client.api.GET('/profile')).response.status).toBe(401);
    await client.signOut();
  });

  test('with a wrong password is refused by code', async () => {
    const { username } = await vitalgate.addUser();
    const refused = createClient({ baseUrl: proxy.url }).signIn({ username, password: 'wrong password, quite long' });
    await expect(refused).rejects.toBeInstanceOf(VitalgateError);
    await expect(refused).rejects.toMatchObject({ status: 401, code: 'sign-in-failed', retryable: false });
  });

  test('that ended while samples wait is renewed once for all, and nothing is lost', async () => {
    let asked = 0;
    const one: Phone = await phone({
      onSignInNeeded: async (signIn) => {
        asked += 1;
        await signIn({ username: one.user.username, password: one.user.password });
        return true;
      },
    });
    await vitalgate.database.pool.query('delete from user_manager.session where user_id = $1', [one.user.id]);
    // The BFF may remember a session for a second.
    await sleep(1100);
    await one.client.outbox.addSamples(samples(3));
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect([asked, one.statuses()]).toEqual([1, { created: 3 }]);
  });

  test('that nobody renews leaves the outbox as it is', async () => {
    const one = await phone();
    await one.client.signOut();
    await one.client.outbox.addSamples(samples(3));
    expect(await one.client.outbox.flush()).toEqual({ state: 'signed-out' });
    expect(await one.store.keys()).toHaveLength(1);
  });
});

describe('outboxes of one client', () => {
  test('send at once under one sign-in, compressed by what the app gives them', async () => {
    const { client } = await phone();
    let [sending, most, signIns, compressed] = [0, 0, 0, 0];
    proxy.fault = ({ url, headers }) => {
      if (url === '/oauth/token') signIns += 1;
      if (isUpload(url)) {
        [sending, compressed] = [sending + 1, compressed + (headers['content-encoding'] === 'gzip' ? 1 : 0)];
        most = Math.max(most, sending);
      }
      return undefined;
    };
    const gzip: Gzip = (text) => Promise.resolve(new Uint8Array(gzipSync(text)));
    const outboxes = [1, 2].map(() => client.openOutbox({ gzip, onEvent: ({ kind }) => (kind === 'verdicts' ? (sending -= 1) : undefined) }));
    for (const [index, outbox] of outboxes.entries()) await outbox.addSamples(samples(20, index * 100));
    expect(await Promise.all(outboxes.map((outbox) => outbox.flush()))).toEqual([{ state: 'empty' }, { state: 'empty' }]);
    expect({ most, signIns, compressed }).toEqual({ most: 2, signIns: 0, compressed: 2 });
  });
});

describe('an outbox', () => {
  test('sends in chunks of items and bytes, compressed, and is empty then; anchors go on', async () => {
    const one = await phone();
    const sent: number[] = [];
    proxy.fault = (request, body) => {
      if (isUpload(request.url)) sent.push(request.headers['content-encoding'] === 'gzip' ? (JSON.parse(textOf(request, body)) as unknown[]).length : -1);
      return undefined;
    };
    const large = heartRate(randomUUID(), 5000, { metadata: Object.fromEntries(Array.from({ length: 199 }, (_, index) => [`k${String(index)}`, 'ü'.repeat(2000)])) });
    await one.client.outbox.addSamples(samples(2500), { type: 'HeartRate', unit: 'bpm', anchor: { name: 'HeartRate', value: 'a1' } });
    await one.client.outbox.addSamples([large, { ...large, id: randomUUID() }, heartRate(randomUUID(), 6000)], { anchor: { name: 'HeartRate', value: 'a2' } });
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect(sent).toEqual([1000, 1000, 500, 1, 2]);
    expect(one.statuses()).toEqual({ created: 2503 });
    expect(anchorsOf(one)).toEqual(['a1', 'a2']);
    expect(await one.store.keys()).toEqual([]);
    expect(await keptBy(one)).toBe(2503);
  });

  test.each<[string, ReturnType<FaultProxy['fault']>[], Record<string, number>]>([
    ['an answer is lost', ['lose-answer'], { duplicate: 20 }],
    ['the connection breaks', ['reset', 'reset'], { created: 20 }],
    ['the server is down', [{ status: 503, headers: { 'retry-after': '0' } }], { created: 20 }],
    ['too much was sent', [{ status: 429, headers: { 'retry-after': '1' } }], { created: 20 }],
    ['a gateway answers something else', [{ status: 502, body: '<html>' }], { created: 20 }],
  ])('loses and doubles nothing when %s', async (_situation, faults, statuses) => {
    const one = await phone();
    faultsInTurn(...faults);
    await one.client.outbox.addSamples(samples(20), { anchor: { name: 'x', value: 'a' } });
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), anchorsOf(one), await keptBy(one)]).toEqual([statuses, ['a'], 20]);
    expect(one.events.filter(({ kind }) => kind === 'waiting')).toHaveLength(faults.length);
  });

  test('waits as long as Retry-After says, and no longer after cancelling', async () => {
    const one = await phone();
    faultsInTurn({ status: 503, headers: { 'retry-after': '100' } });
    await one.client.outbox.addSamples(samples(1));
    const cancelling = new AbortController();
    const flushed = one.client.outbox.flush({ signal: cancelling.signal });
    while (!one.events.some(({ kind }) => kind === 'waiting')) await sleep(10);
    cancelling.abort();
    expect(await flushed).toEqual({ state: 'cancelled' });
    expect(one.events.find((event) => event.kind === 'waiting')?.forMs).toBeGreaterThanOrEqual(100_000);
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
  });

  test('gives up after as many attempts as allowed, and goes on next time', async () => {
    const one = await phone();
    await one.client.outbox.addSamples(samples(2), { anchor: { name: 'x', value: 'a' } });
    proxy.fault = () => 'reset';
    expect(await one.client.outbox.flush({ attempts: 2 })).toEqual({ state: 'unreachable' });
    expect(anchorsOf(one)).toEqual([]);
    proxy.fault = () => undefined;
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
  });

  test('halves what is too large for somebody on the way, down to the one item that is', async () => {
    const one = await phone();
    const items = samples(8);
    const tooLarge = items[5]?.id ?? '';
    proxy.fault = (request, body) => (isUpload(request.url) && textOf(request, body).includes(tooLarge) ? { status: 413 } : undefined);
    await one.client.outbox.addSamples(items, { anchor: { name: 'x', value: 'a' } });
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), anchorsOf(one), await keptBy(one)]).toEqual([{ created: 7, rejected: 1 }, ['a'], 7]);
  });

  test('one sample that makes a body unreadable costs no other', async () => {
    const one = await phone();
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    await one.client.outbox.addSamples([...samples(3), heartRate(randomUUID(), 9, { metadata: deep(100) }), ...samples(3, 20)]);
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect(one.statuses()).toEqual({ created: 6, rejected: 1 });
  });

  test('drops what can never be kept and tells why; numbers that are none are refused, not sent as something else', async () => {
    const one = await phone();
    await one.client.outbox.addSamples([heartRate(randomUUID(), 1), { ...heartRate(randomUUID(), 2), value: Number.NaN }, undefined]);
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    const verdicts = one.events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []));
    expect(verdicts.map(({ status, code }) => code ?? status)).toEqual(['created', 'missing-value', 'invalid-item']);
  });

  test('holds what may be accepted later with the anchors after it, and sends the rest', async () => {
    const one = await phone({ enrolled: false });
    await one.client.outbox.addSamples(samples(2), { anchor: { name: 'x', value: 'a1' } });
    await one.client.outbox.addDeletions([randomUUID()], { anchor: { name: 'x', value: 'a2' } });
    expect(await one.client.outbox.flush()).toEqual({ state: 'held' });
    expect([one.statuses(), anchorsOf(one)]).toEqual([{ rejected: 2, unknown: 1 }, []]);
    await enrol(one.client);
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), anchorsOf(one)]).toEqual([{ rejected: 2, unknown: 1, created: 2 }, ['a1', 'a2']]);
  });

  test.each([403, 404, 415])('is parked by a %s that no repetition mends, with all it holds', async (status) => {
    const one = await phone();
    faultsInTurn({ status });
    await one.client.outbox.addSamples(samples(2));
    const outcome: FlushOutcome = await one.client.outbox.flush();
    expect(outcome).toMatchObject({ state: 'parked', error: { status } });
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
  });

  test('deletes in order with the samples', async () => {
    const one = await phone();
    const [item] = samples(1);
    await one.client.outbox.addSamples([item]);
    await one.client.outbox.addDeletions([item?.id ?? '', 'no-uuid']);
    await one.client.outbox.addSamples([item]);
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), await keptBy(one)]).toEqual([{ created: 1, deleted: 2, rejected: 1 }, 0]);
  });

  test('survives the process: another client on the same store sends what is left, after a death between answer and removal, too', async () => {
    const store = memoryStore();
    let dies = true;
    const dying: OutboxStore = { ...store, remove: (key) => (dies ? Promise.reject(new Error('killed')) : store.remove(key)) };
    const first = await phone({ store: dying });
    await first.client.outbox.addSamples(samples(5));
    await expect(first.client.outbox.flush()).rejects.toThrow('killed');
    dies = false;
    const second = await phone({ store, user: first.user });
    await second.client.outbox.addSamples(samples(5, 50), { anchor: { name: 'x', value: 'a' } });
    expect(await second.client.outbox.flush()).toEqual({ state: 'empty' });
    expect([second.statuses(), anchorsOf(second), await keptBy(second)]).toEqual([{ duplicate: 5, created: 5 }, ['a'], 10]);
  });

  test('loses nothing that two clients enqueue in one store at the same time', async () => {
    const one = await phone();
    const other = await phone({ store: one.store, user: one.user });
    await Promise.all([one.client.outbox.addSamples(samples(3)), other.client.outbox.addSamples(samples(3, 10)), one.client.outbox.addSamples(samples(3, 20)), other.client.outbox.addSamples(samples(3, 30))]);
    expect(await one.client.outbox.flush()).toEqual({ state: 'empty' });
    expect(one.statuses()).toEqual({ created: 12 });
  });

  test('sends each entry once when two flush at a time, and what is added meanwhile', async () => {
    const one = await phone();
    await one.client.outbox.addSamples(samples(1500));
    const flushed = [one.client.outbox.flush(), one.client.outbox.flush()];
    await one.client.outbox.addSamples(samples(10, 3000));
    expect(await Promise.all(flushed)).toEqual([{ state: 'empty' }, { state: 'empty' }]);
    expect(one.statuses()).toEqual({ created: 1510 });
  });
});
