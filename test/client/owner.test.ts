import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { memoryStore, type Gzip, type OutboxEvent, type OutboxStore } from '../../src/client/client.ts';
import { anchorsOf, credentialsOf, isUpload, keptBy, samples, startPhones, type Phone, type Phones } from './phones.ts';

let phones: Phones;
beforeAll(async () => {
  phones = await startPhones();
});
afterAll(() => phones.stop());
beforeEach(() => phones.mend());
const phone: Phones['phone'] = (options) => phones.phone(options);

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

  test.each<[string, (one: Phone) => Promise<void>]>([
    ['samples', ({ outbox }) => outbox.addSamples(samples(2))],
    ['deletions', ({ outbox }) => outbox.addDeletions([randomUUID()])],
  ])('are told apart for %s by the server, when the other one signs in on another tab right before', async (_situation, add) => {
    const ben = await phone();
    const cookie = await phones.vitalgate.signIn(ben.user);
    let isOtherTab = true;
    const anna = await phone({
      fetch: (input) => {
        const request = input as Request;
        // The tabs of a browser share its cookie, whichever of them it was made for.
        if (isOtherTab && request.method === 'POST' && isUpload(new URL(request.url).pathname)) request.headers.set('cookie', cookie);
        return fetch(request);
      },
    });
    await add(anna);
    expect(await anna.outbox.flush()).toEqual({ state: 'somebody-else' });
    expect([await keptBy(ben), anna.statuses(), (await anna.store.keys()).length]).toEqual([0, {}, 1]);
    isOtherTab = false;
    expect(await anna.outbox.flush()).toEqual({ state: 'empty' });
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
    phones.faultsInTurn(situation === 'erased' ? { status: 410, body: JSON.stringify({ code: 'patient-erased', status: 410, retryable: false }) } : { status: 503, headers: { 'retry-after': '100' } });
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
    phones.proxy.fault = ({ url, headers }) => {
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
