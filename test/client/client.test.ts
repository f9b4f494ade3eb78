import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createClient, memoryStore, VitalgateError, type FlushOutcome, type Gzip, type Outbox, type OutboxEvent, type OutboxStore, type VitalgateClient } from '../../src/client/client.ts';
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
  proxy.narrow = undefined;
});

interface Phone {
  readonly client: VitalgateClient;
  readonly outbox: Outbox;
  readonly user: TestUser;
  readonly store: OutboxStore;
  readonly events: OutboxEvent[];
  readonly statuses: () => Record<string, number>;
}

const credentialsOf = ({ user: { username, password } }: Pick<Phone, 'user'>) => ({ username, password });
const phone = async ({ store = memoryStore(), enrolled = true, user, onSignInNeeded }: { store?: OutboxStore; enrolled?: boolean; user?: TestUser; onSignInNeeded?: Parameters<typeof createClient>[0]['onSignInNeeded'] } = {}): Promise<Phone> => {
  const person = user ?? (await vitalgate.addUser());
  const events: OutboxEvent[] = [];
  const client = createClient({ baseUrl: proxy.url, store, onEvent: (event) => events.push(event), onSignInNeeded });
  await client.signIn(credentialsOf({ user: person }));
  if (enrolled && !user) await enrol(client);
  const outbox = client.openOutbox({ owner: await client.whoIsSignedIn() });
  const statuses = () => Object.fromEntries([...Map.groupBy(events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : [])), ({ status }) => status)].map(([status, all]) => [status, all.length]));
  return { client, outbox, user: person, store, events, statuses };
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
const endSessionsOf = async ({ user }: Phone) => {
  await vitalgate.database.pool.query('delete from user_manager.session where user_id = $1', [user.id]);
  // The BFF may remember a session for a second.
  await sleep(1100);
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
        await signIn(credentialsOf(one));
        return true;
      },
    });
    await endSessionsOf(one);
    await one.outbox.addSamples(samples(3));
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([asked, one.statuses()]).toEqual([1, { created: 3 }]);
  });

  test('that nobody renews leaves the outbox as it is', async () => {
    const one = await phone();
    await one.client.signOut();
    await one.outbox.addSamples(samples(3));
    expect(await one.outbox.flush()).toEqual({ state: 'signed-out' });
    expect(await one.store.keys()).toHaveLength(1);
  });

  test.each<[string, (signIn: VitalgateClient['signIn'], user: TestUser) => Promise<boolean>, object]>([
    ['a wrong password', (signIn, { username }) => signIn({ username, password: 'wrong password, quite long' }).then(() => true), { code: 'sign-in-failed' }],
    ['a dialog that fails', () => Promise.reject(new Error('no window')), { message: 'no window' }],
  ])('that the app fails to renew, by %s, is told with the reason', async (_situation, onSignInNeeded, reason) => {
    const one: Phone = await phone({ onSignInNeeded: (signIn) => onSignInNeeded(signIn, one.user) });
    await one.client.signOut();
    await one.outbox.addSamples(samples(3));
    expect(await one.outbox.flush()).toMatchObject({ state: 'signed-out', reason });
    expect(await one.store.keys()).toHaveLength(1);
  });
});

describe('two people on one phone', () => {
  /** Anna left samples on a phone on which Ben signs in, too. */
  const phoneOfAnna = async () => {
    const ben = await phone();
    const anna = await phone({ onSignInNeeded: (signIn) => signIn(credentialsOf(ben)).then(() => true) });
    await anna.outbox.addSamples(samples(3), { anchor: { name: 'x', value: 'of Anna' } });
    return { anna, ben };
  };
  const arriveAtAnna = async ({ anna, ben }: Awaited<ReturnType<typeof phoneOfAnna>>) => {
    expect([await keptBy(ben), anchorsOf(anna)]).toEqual([0, []]);
    await anna.client.signIn(credentialsOf(anna));
    expect(await anna.outbox.flush()).toEqual({ state: 'empty' });
    expect([await keptBy(anna), await keptBy(ben), anchorsOf(anna)]).toEqual([3, 0, ['of Anna']]);
  };

  test('never send what is not theirs, and each finds the own later', async () => {
    const both = await phoneOfAnna();
    const { anna, ben } = both;
    await anna.client.signOut();
    await anna.client.signIn(credentialsOf(ben));
    const outboxOfBen = anna.client.openOutbox({ owner: await anna.client.whoIsSignedIn() });
    expect(await outboxOfBen.flush()).toEqual({ state: 'empty' });
    expect(await anna.outbox.flush()).toEqual({ state: 'somebody-else' });
    await arriveAtAnna(both);
  });

  test('are told apart when the other one signs in because the session has ended', async () => {
    const both = await phoneOfAnna();
    await both.anna.client.signOut();
    expect(await both.anna.outbox.flush()).toEqual({ state: 'somebody-else' });
    await arriveAtAnna(both);
  });

  test('are told apart between two chunks, when the other one signs in meanwhile', async () => {
    const [anna, ben] = [await phone(), await phone()];
    const onEvent = ({ kind }: OutboxEvent) => void (kind === 'verdicts' && anna.client.signIn(credentialsOf(ben)));
    const outbox = anna.client.openOutbox({ owner: anna.user.id, chunk: { items: 1, bytes: 1000 }, onEvent });
    await outbox.addSamples(samples(3));
    expect(await outbox.flush()).toEqual({ state: 'somebody-else' });
    expect([await keptBy(ben), (await anna.store.keys()).length]).toEqual([0, 2]);
  });

  test('are told apart by a sign-in that ends while a chunk is compressed', async () => {
    const [anna, ben] = [await phone(), await phone()];
    const gzip: Gzip = async (text) => {
      await anna.client.signIn(credentialsOf(ben));
      return new Uint8Array(gzipSync(text));
    };
    const outbox = anna.client.openOutbox({ owner: anna.user.id, gzip });
    await outbox.addSamples(samples(20));
    expect(await outbox.flush()).toEqual({ state: 'somebody-else' });
    expect(await keptBy(ben)).toBe(0);
  });

  test('have no outbox without an owner, and what has none in the store is left alone', async () => {
    const one = await phone();
    expect(() => one.client.openOutbox({ owner: '' })).toThrow(TypeError);
    await one.store.set('vitalgate/outbox/000000000000001-abc', JSON.stringify({ kind: 'samples', query: {}, items: samples(1) }));
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([await keptBy(one), await one.store.keys()]).toEqual([0, ['vitalgate/outbox/000000000000001-abc']]);
  });

  test.each<[string, (one: Phone) => Promise<unknown>, string]>([
    ['erased', (one) => one.outbox.flush(), 'erased'],
    ['cleared while it waits', async (one) => {
      const flushed = one.outbox.flush();
      while (!one.events.some(({ kind }) => kind === 'waiting')) await sleep(10);
      await one.outbox.clear();
      return flushed;
    }, 'cancelled'],
  ])('keep theirs when the outbox of the other is %s', async (situation, act, state) => {
    const one = await phone();
    const other = one.client.openOutbox({ owner: 'somebody else' });
    await other.addSamples(samples(2));
    await one.outbox.addSamples(samples(1500), { anchor: { name: 'x', value: 'a' } });
    faultsInTurn(situation === 'erased' ? { status: 410, body: JSON.stringify({ code: 'patient-erased', status: 410, retryable: false }) } : { status: 503, headers: { 'retry-after': '100' } });
    expect(await act(one)).toEqual({ state });
    expect([anchorsOf(one), (await one.store.keys()).length]).toEqual([[], 1]);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    await one.outbox.addSamples(samples(1));
    expect([await one.outbox.flush(), await keptBy(one)]).toEqual([{ state: 'empty' }, 1]);
  });
});

describe('outboxes of one person', () => {
  test.each<[string, OutboxStore, string[], number]>([
    ['in memory, each with a name of its own, send at once', memoryStore(), ['steps', 'heart'], 2],
    ['in a store that other tabs open, each with a name of its own, send at once', { ...memoryStore(), isPrivate: false }, ['steps', 'heart'], 2],
    ['of one name wait for each other', memoryStore(), ['steps', 'steps'], 1],
    ['of one name wait for each other in a store that other tabs open', { ...memoryStore(), isPrivate: false }, ['steps', 'steps'], 1],
  ])('%s, compressed by what the app gives them', async (_situation, store, names, atOnce) => {
    const { client, user } = await phone({ store });
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
    const outboxes = names.map((name) => client.openOutbox({ owner: user.id, name, gzip, onEvent: ({ kind }) => (kind === 'verdicts' ? (sending -= 1) : undefined) }));
    for (const [index, outbox] of outboxes.entries()) await outbox.addSamples(samples(20, index * 100));
    expect(await Promise.all(outboxes.map((outbox) => outbox.flush()))).toEqual([{ state: 'empty' }, { state: 'empty' }]);
    expect({ most, signIns, compressed }).toEqual({ most: atOnce, signIns: 0, compressed: 2 });
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
    await one.outbox.addSamples(samples(2500), { type: 'HeartRate', unit: 'bpm', anchor: { name: 'HeartRate', value: 'a1' } });
    await one.outbox.addSamples([large, { ...large, id: randomUUID() }, heartRate(randomUUID(), 6000)], { anchor: { name: 'HeartRate', value: 'a2' } });
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
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
    ['the server fails', [{ status: 500, body: JSON.stringify({ code: 'internal-error', status: 500, retryable: true }) }], { created: 20 }],
  ])('loses and doubles nothing when %s', async (_situation, faults, statuses) => {
    const one = await phone();
    faultsInTurn(...faults);
    await one.outbox.addSamples(samples(20), { anchor: { name: 'x', value: 'a' } });
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), anchorsOf(one), await keptBy(one)]).toEqual([statuses, ['a'], 20]);
    expect(one.events.filter(({ kind }) => kind === 'waiting')).toHaveLength(faults.length);
    expect(one.events.filter(({ kind }) => kind === 'verdicts')).toHaveLength(1);
  });

  test.each<[string, 408 | 'reset', FlushOutcome['state'][]]>([
    ['answered 408', 408, ['empty', 'empty', 'empty']],
    ['broken off twice', 'reset', ['unreachable', 'unreachable', 'empty']],
  ])('halves what is too much for a slow link, %s, until it goes through, and refuses nothing', async (_situation, ends, states) => {
    const one = await phone();
    proxy.narrow = { bytes: 7000, ends };
    await one.outbox.addSamples(samples(300), { anchor: { name: 'x', value: 'a' } });
    const outcomes = [];
    for (const _state of states) outcomes.push((await one.outbox.flush({ attempts: 1 })).state);
    expect([outcomes, one.statuses(), anchorsOf(one)]).toEqual([states, { created: 300 }, ['a']]);
    expect(one.events.filter(({ kind }) => kind === 'verdicts')).toHaveLength(2);
  });

  test('tries one sample again that alone was too slow, and keeps it', async () => {
    const one = await phone();
    faultsInTurn({ status: 408 }, { status: 408 });
    await one.outbox.addSamples(samples(1));
    expect(await one.outbox.flush({ attempts: 2 })).toEqual({ state: 'unreachable' });
    expect([await one.outbox.flush(), one.statuses()]).toEqual([{ state: 'empty' }, { created: 1 }]);
  });

  test('waits as long as Retry-After says, and no longer after cancelling', async () => {
    const one = await phone();
    faultsInTurn({ status: 503, headers: { 'retry-after': '100' } });
    await one.outbox.addSamples(samples(1));
    const cancelling = new AbortController();
    const flushed = one.outbox.flush({ signal: cancelling.signal });
    while (!one.events.some(({ kind }) => kind === 'waiting')) await sleep(10);
    cancelling.abort();
    expect(await flushed).toEqual({ state: 'cancelled' });
    expect(one.events.find((event) => event.kind === 'waiting')?.forMs).toBeGreaterThanOrEqual(100_000);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
  });

  test('gives up after as many attempts as allowed, and goes on next time', async () => {
    const one = await phone();
    await one.outbox.addSamples(samples(2), { anchor: { name: 'x', value: 'a' } });
    proxy.fault = () => 'reset';
    expect(await one.outbox.flush({ attempts: 2 })).toEqual({ state: 'unreachable' });
    expect(anchorsOf(one)).toEqual([]);
    proxy.fault = () => undefined;
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
  });

  test('halves what is too large for somebody on the way, down to the one item that is', async () => {
    const one = await phone();
    const items = samples(8);
    const tooLarge = items[5]?.id ?? '';
    proxy.fault = (request, body) => (isUpload(request.url) && textOf(request, body).includes(tooLarge) ? { status: 413 } : undefined);
    await one.outbox.addSamples(items, { anchor: { name: 'x', value: 'a' } });
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), anchorsOf(one), await keptBy(one)]).toEqual([{ created: 7, rejected: 1 }, ['a'], 7]);
  });

  test('one sample that makes a body unreadable costs no other', async () => {
    const one = await phone();
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    await one.outbox.addSamples([...samples(3), heartRate(randomUUID(), 9, { metadata: deep(100) }), ...samples(3, 20)]);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect(one.statuses()).toEqual({ created: 6, rejected: 1 });
  });

  test('drops what can never be kept and tells why; numbers that are none are refused, not sent as something else', async () => {
    const one = await phone();
    await one.outbox.addSamples([heartRate(randomUUID(), 1), { ...heartRate(randomUUID(), 2), value: Number.NaN }, undefined]);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    const verdicts = one.events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []));
    expect(verdicts.map(({ status, code }) => code ?? status)).toEqual(['created', 'missing-value', 'invalid-item']);
  });

  test('holds what may be accepted later with the anchors after it, and sends the rest', async () => {
    const one = await phone({ enrolled: false });
    await one.outbox.addSamples(samples(2), { anchor: { name: 'x', value: 'a1' } });
    await one.outbox.addDeletions([randomUUID()], { anchor: { name: 'x', value: 'a2' } });
    expect(await one.outbox.flush()).toEqual({ state: 'held' });
    expect([one.statuses(), anchorsOf(one)]).toEqual([{ rejected: 2, unknown: 1 }, []]);
    await enrol(one.client);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), anchorsOf(one)]).toEqual([{ rejected: 2, unknown: 1, created: 2 }, ['a1', 'a2']]);
  });

  test.each<[number, string]>([[400, 'unknown-parameter'], [403, 'foreign-origin'], [404, ''], [410, ''], [415, 'unsupported-encoding'], [500, 'data-unreadable']])('is parked by a %s %s that no repetition mends, with all it holds', async (status, code) => {
    const one = await phone();
    faultsInTurn({ status, body: JSON.stringify(code === '' ? {} : { code, status, retryable: false }) });
    await one.outbox.addSamples(samples(2));
    const outcome: FlushOutcome = await one.outbox.flush();
    expect(outcome).toMatchObject({ state: 'parked', error: { status } });
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
  });

  test('deletes in order with the samples', async () => {
    const one = await phone();
    const [item] = samples(1);
    await one.outbox.addSamples([item]);
    await one.outbox.addDeletions([item?.id ?? '', 'no-uuid']);
    await one.outbox.addSamples([item]);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), await keptBy(one)]).toEqual([{ created: 1, deleted: 2, rejected: 1 }, 0]);
  });

  test('survives the process: another client on the same store sends what is left, after a death between answer and removal, too', async () => {
    const store = memoryStore();
    let dies = true;
    const dying: OutboxStore = { ...store, remove: (key) => (dies ? Promise.reject(new Error('killed')) : store.remove(key)) };
    const first = await phone({ store: dying });
    await first.outbox.addSamples(samples(5));
    await expect(first.outbox.flush()).rejects.toThrow('killed');
    dies = false;
    const second = await phone({ store, user: first.user });
    await second.outbox.addSamples(samples(5, 50), { anchor: { name: 'x', value: 'a' } });
    expect(await second.outbox.flush()).toEqual({ state: 'empty' });
    expect([second.statuses(), anchorsOf(second), await keptBy(second)]).toEqual([{ duplicate: 5, created: 5 }, ['a'], 10]);
  });

  test('loses nothing that two clients enqueue in one store at the same time', async () => {
    const one = await phone();
    const other = await phone({ store: one.store, user: one.user });
    await Promise.all([one.outbox.addSamples(samples(3)), other.outbox.addSamples(samples(3, 10)), one.outbox.addSamples(samples(3, 20)), other.outbox.addSamples(samples(3, 30))]);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect(one.statuses()).toEqual({ created: 12 });
  });

  test('sends each entry once when two flush at a time, and what is added meanwhile', async () => {
    const one = await phone();
    await one.outbox.addSamples(samples(1500));
    const flushed = [one.outbox.flush(), one.outbox.flush()];
    await one.outbox.addSamples(samples(10, 3000));
    expect(await Promise.all(flushed)).toEqual([{ state: 'empty' }, { state: 'empty' }]);
    expect(one.statuses()).toEqual({ created: 1510 });
  });
});
