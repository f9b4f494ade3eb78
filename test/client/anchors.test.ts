import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { memoryStore, type Outbox, type OutboxStore } from '../../src/client/client.ts';
import { anchorsOf, enrol, keptBy, samples, startPhones, type Phone, type Phones } from './phones.ts';

let phones: Phones;
beforeAll(async () => {
  phones = await startPhones();
});
afterAll(() => phones.stop());
beforeEach(() => phones.mend());

/** What HealthKit has since an anchor: here, an anchor is how many samples were measured before it. */
const query = (measured: readonly unknown[], anchor: string | undefined) => ({ news: measured.slice(Number(anchor ?? 0)), next: String(measured.length) });

/** One sync, as the page for apps shows it. */
const sync = async (one: Phone, outbox: Outbox, measured: readonly unknown[], name = 'HeartRate') => {
  const { news, next } = query(measured, (await outbox.pendingAnchor(name)) ?? anchorsOf(one).at(-1));
  await outbox.addSamples(news, { anchor: { name, value: next } });
  return outbox.flush({ attempts: 1 });
};

describe('syncs that do not arrive', () => {
  const everyHour = async (one: Phone, open: () => Outbox) => {
    const measured: unknown[] = [];
    for (let hour = 0; hour < 24; hour += 1) {
      // Nothing is measured in every other hour.
      if (hour % 2 === 0) measured.push(...samples(2, hour * 10));
      await sync(one, open(), measured);
    }
    return measured.length;
  };

  test('offline, enqueue each sample once, and all arrive once', async () => {
    const one = await phones.phone();
    phones.proxy.fault = () => 'reset';
    const count = await everyHour(one, () => one.outbox);
    // For each hour in which something was measured the samples and an anchor.
    expect(await one.store.keys()).toHaveLength(24);
    phones.mend();
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([one.statuses(), anchorsOf(one).at(-1), await keptBy(one)]).toEqual([{ created: count }, String(count), count]);
    expect(await one.outbox.pendingAnchor('HeartRate')).toBeUndefined();
  });

  test('held by the server, enqueue each sample once, also when the app is started anew each time', async () => {
    const one = await phones.phone({ enrolled: false });
    const count = await everyHour(one, () => one.client.openOutbox({ owner: one.user.id }));
    expect(await one.store.keys()).toHaveLength(24);
    await enrol(one.client);
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([anchorsOf(one).at(-1), await keptBy(one)]).toEqual([String(count), count]);
  });
});

describe('the anchor that waits', () => {
  const offline = async () => {
    const one = await phones.phone();
    await one.outbox.addSamples(samples(1), { anchor: { name: 'HeartRate', value: 'h1' } });
    await one.outbox.addDeletions([crypto.randomUUID()], { anchor: { name: 'Steps@home/1.0', value: 's1' } });
    await one.outbox.addSamples(samples(1, 10), { anchor: { name: 'HeartRate', value: 'h2' } });
    return one;
  };
  const waiting = async ({ outbox }: Pick<Phone, 'outbox'>) => [await outbox.pendingAnchor('HeartRate'), await outbox.pendingAnchor('Steps@home/1.0'), await outbox.pendingAnchor('Rate')];

  test('is the last one of its name, also for who opens the outbox later', async () => {
    const one = await offline();
    expect(await waiting(one)).toEqual(['h2', 's1', undefined]);
    expect(await waiting(await phones.phone({ store: one.store, user: one.user }))).toEqual(['h2', 's1', undefined]);
    expect(await waiting({ outbox: one.client.openOutbox({ owner: one.user.id, name: 'other' }) })).toEqual([undefined, undefined, undefined]);
  });

  test.each<[string, (one: Phone) => Promise<unknown>]>([
    ['it went on', (one) => one.outbox.flush()],
    ['all before it was refused for good', (one) => {
      phones.proxy.fault = ({ url }) => (url?.startsWith('/health-data') === true ? { status: 413 } : undefined);
      return one.outbox.flush();
    }],
    ['the outbox was cleared', (one) => one.outbox.clear()],
    ['the person was erased', (one) => {
      phones.faultsInTurn({ status: 410, body: JSON.stringify({ code: 'patient-erased', status: 410, retryable: false }) });
      return one.outbox.flush();
    }],
  ])('is none when %s', async (_situation, act) => {
    const one = await offline();
    await act(one);
    expect([await waiting(one), await one.store.keys()]).toEqual([[undefined, undefined, undefined], []]);
  });

  test('stays behind what is added after it by somebody who opened the outbox before', async () => {
    const one = await phones.phone();
    const [early, late] = [one.outbox, one.client.openOutbox({ owner: one.user.id })];
    await early.addSamples(samples(1), { anchor: { name: 'x', value: '1' } });
    await late.addSamples(samples(20, 10), { anchor: { name: 'x', value: '2' } });
    await early.addSamples(samples(1, 40), { anchor: { name: 'x', value: '3' } });
    expect(await early.pendingAnchor('x')).toBe('3');
    expect(await late.flush()).toEqual({ state: 'empty' });
    expect(anchorsOf(one)).toEqual(['1', '2', '3']);
  });
});

test('a store that fails once to list what it has costs one call, and no other', async () => {
  const store = memoryStore();
  let fails = true;
  const failing: OutboxStore = { ...store, keys: () => (fails ? Promise.reject(new Error('the disk is busy')) : store.keys()) };
  const one = await phones.phone({ store: failing });
  await expect(one.outbox.addSamples(samples(1))).rejects.toThrow('the disk is busy');
  fails = false;
  await one.outbox.addSamples(samples(2), { anchor: { name: 'x', value: 'a' } });
  expect(await one.outbox.flush()).toEqual({ state: 'empty' });
  expect([one.statuses(), anchorsOf(one)]).toEqual([{ created: 2 }, ['a']]);
});
