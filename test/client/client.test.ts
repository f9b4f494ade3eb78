import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, memoryStore, VitalgateError, type FlushOutcome, type Gzip, type OutboxStore, type VitalgateClient } from '../../src/client/client.ts';
import { heartRate } from '../bff/app.ts';
import type { FaultProxy } from '../players/fault-proxy.ts';
import type { TestUser } from '../setup/vitalgate.ts';
import { anchorsOf, credentialsOf, enrol, isUpload, keptBy, samples, startPhones, textOf, type Phone, type Phones } from './phones.ts';

let phones: Phones;
beforeAll(async () => {
  phones = await startPhones();
});
afterAll(() => phones.stop());
beforeEach(() => phones.mend());
const phone: Phones['phone'] = (options) => phones.phone(options);

describe('a session', () => {
  test('is kept by the client where the platform keeps no cookies, and ends', async () => {
    const { client } = await phone();
    expect((await client.api.GET('/profile')).response.status).toBe(200);
    await client.signOut();
    expect((await client.api.GET('/profile')).response.status).toBe(401);
    await client.signOut();
  });

  test('with a wrong password is refused by code', async () => {
    const { username } = await phones.vitalgate.addUser();
    const refused = createClient({ baseUrl: phones.proxy.url }).signIn({ username, password: 'wrong password, quite long' });
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
    await phones.vitalgate.database.pool.query('delete from user_manager.session where user_id = $1', [one.user.id]);
    // The BFF may remember a session for a second.
    await sleep(1100);
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

describe('an outbox', () => {
  test('sends in chunks of items and bytes, compressed, and is empty then; anchors go on', async () => {
    const one = await phone();
    const sent: number[] = [];
    phones.proxy.fault = (request, body) => {
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
    phones.faultsInTurn(...faults);
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
    phones.proxy.narrow = { bytes: 7000, ends };
    await one.outbox.addSamples(samples(300), { anchor: { name: 'x', value: 'a' } });
    const outcomes: FlushOutcome['state'][] = [];
    while (outcomes.length < states.length) outcomes.push((await one.outbox.flush({ attempts: 1 })).state);
    expect([outcomes, one.statuses(), anchorsOf(one)]).toEqual([states, { created: 300 }, ['a']]);
    expect(one.events.filter(({ kind }) => kind === 'verdicts')).toHaveLength(2);
  });

  test('tries one sample again that alone was too slow, and keeps it', async () => {
    const one = await phone();
    phones.faultsInTurn({ status: 408 }, { status: 408 });
    await one.outbox.addSamples(samples(1));
    expect(await one.outbox.flush({ attempts: 2 })).toEqual({ state: 'unreachable' });
    expect([await one.outbox.flush(), one.statuses()]).toEqual([{ state: 'empty' }, { created: 1 }]);
  });

  test('waits as long as Retry-After says, and no longer after cancelling', async () => {
    const one = await phone();
    phones.faultsInTurn({ status: 503, headers: { 'retry-after': '100' } });
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
    phones.proxy.fault = () => 'reset';
    expect(await one.outbox.flush({ attempts: 2 })).toEqual({ state: 'unreachable' });
    expect(anchorsOf(one)).toEqual([]);
    phones.proxy.fault = () => undefined;
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
  });

  test('halves what is too large for somebody on the way, down to the one item that is', async () => {
    const one = await phone();
    const items = samples(8);
    const tooLarge = items[5]?.id ?? '';
    phones.proxy.fault = (request, body) => (isUpload(request.url) && textOf(request, body).includes(tooLarge) ? { status: 413 } : undefined);
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

  test('a text that nobody can keep in what is said of all samples costs none of them', async () => {
    const one = await phone();
    await one.outbox.addSamples(samples(8), { deviceId: 'wat\0ch', anchor: { name: 'x', value: 'a' } });
    expect(await one.outbox.flush()).toMatchObject({ state: 'parked', error: { code: 'invalid-text' } });
    expect([one.statuses(), anchorsOf(one), await one.outbox.pendingAnchor('x')]).toEqual([{}, [], 'a']);
    const waiting = await Promise.all((await one.store.keys()).map((key) => one.store.get(key)));
    expect(waiting.map((text) => (JSON.parse(text ?? '') as { items?: unknown[] }).items?.length)).toEqual([8, undefined]);
  });

  test.each<[string, Gzip]>([
    ['rejects', () => Promise.reject(new Error('no native module'))],
    ['throws at once', () => {
      throw new TypeError('undefined is not a function');
    }],
    ['answers nothing', () => Promise.resolve(undefined as never)],
  ])('sends uncompressed what a compressor that %s should have compressed', async (_situation, gzip) => {
    const one = await phone();
    const encodings: (string | undefined)[] = [];
    phones.proxy.fault = ({ url, headers }) => {
      if (isUpload(url)) encodings.push(headers['content-encoding']);
      return undefined;
    };
    const outbox = one.client.openOutbox({ owner: one.user.id, gzip });
    await outbox.addSamples(samples(20));
    expect(await outbox.flush({ attempts: 1 })).toEqual({ state: 'empty' });
    expect([one.statuses(), encodings]).toEqual([{ created: 20 }, [undefined]]);
  });

  test('ends when it is cancelled while a compressor does not answer', async () => {
    const one = await phone();
    const asked = Promise.withResolvers<undefined>();
    const outbox = one.client.openOutbox({
      owner: one.user.id,
      gzip: () => {
        asked.resolve(undefined);
        return new Promise<never>(() => undefined);
      },
    });
    await outbox.addSamples(samples(20));
    const cancelling = new AbortController();
    const flushed = outbox.flush({ signal: cancelling.signal });
    await asked.promise;
    cancelling.abort();
    expect(await flushed).toEqual({ state: 'cancelled' });
    expect([await one.outbox.flush(), one.statuses()]).toEqual([{ state: 'empty' }, { created: 20 }]);
  });

  test('keeps nothing under a parameter that no address can have, and says so', async () => {
    const one = await phone();
    for (const broken of [{ deviceId: '\ud800' }, { unit: 'kg\udc00' }]) await expect(one.outbox.addSamples(samples(2), { ...broken, anchor: { name: 'x', value: 'a' } })).rejects.toThrow(TypeError);
    await one.outbox.addSamples(samples(1), { deviceId: 'watch \u{1f60a}' });
    expect([(await one.store.keys()).length, await one.outbox.pendingAnchor('x')]).toEqual([1, undefined]);
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
    phones.faultsInTurn({ status, body: JSON.stringify(code === '' ? {} : { code, status, retryable: false }) });
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
