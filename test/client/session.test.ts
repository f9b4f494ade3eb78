import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryStore, VitalgateError, type FlushOutcome, type OutboxStore, type VitalgateClient } from '../../src/client/client.ts';
import { credentialsOf, keptBy, samples, startPhones, type Phone, type Phones } from './phones.ts';

let phones: Phones;
beforeAll(async () => {
  phones = await startPhones();
});
afterAll(() => phones.stop());
beforeEach(() => phones.mend());

type SignIn = VitalgateClient['signIn'];

/** What a phone does when its session has ended: counts, and signs its person in again. */
const signingInAgain = () => {
  const asked = { times: 0 };
  const onSignInNeeded = (one: () => Phone) => async (signIn: SignIn) => {
    asked.times += 1;
    await signIn(credentialsOf(one()));
    return true;
  };
  return { asked, onSignInNeeded };
};

const endSessionOf = async ({ user }: Phone): Promise<void> => {
  await phones.vitalgate.database.pool.query('delete from user_manager.session where user_id = $1', [user.id]);
  // The BFF may remember a session for a second.
  await sleep(1100);
};

/** A network on which answers to be held arrive after `held` has been called, as late as it says. */
const slowNetwork = () => {
  const network: { held: (request: Request, response: Response) => Promise<unknown>; readonly fetch: typeof fetch } = {
    held: () => Promise.resolve(),
    fetch: async (input) => {
      const request = input as Request;
      const response = await fetch(request);
      await network.held(request, response);
      return response;
    },
  };
  return network;
};

describe('the app is asked to sign in', () => {
  test('once for all outboxes, however late the end of the session reaches each of them', async () => {
    const network = slowNetwork();
    const { asked, onSignInNeeded } = signingInAgain();
    const one: Phone = await phones.phone({ fetch: network.fetch, onSignInNeeded: onSignInNeeded(() => one) });
    const outboxes = ['steps', 'heart', 'sleep'].map((name) => one.client.openOutbox({ owner: one.user.id, name }));
    for (const [index, outbox] of outboxes.entries()) await outbox.addSamples(samples(2, index * 100));
    await endSessionOf(one);
    const delaysMs = [0, 700, 1400];
    network.held = async (_request, { status }) => sleep(status === 401 ? (delaysMs.shift() ?? 0) : 0);
    expect(await Promise.all(outboxes.map((outbox) => outbox.flush()))).toEqual([{ state: 'empty' }, { state: 'empty' }, { state: 'empty' }]);
    expect([asked.times, await keptBy(one)]).toEqual([1, 6]);
  });

  test('never for a session that a change of the password is just replacing', async () => {
    const network = slowNetwork();
    const { asked, onSignInNeeded } = signingInAgain();
    const one: Phone = await phones.phone({ fetch: network.fetch, onSignInNeeded: onSignInNeeded(() => one) });
    await one.outbox.addSamples(samples(2));
    const answered = new Promise<void>((resolve) => {
      network.held = async ({ url }) => {
        if (!url.endsWith('/change-password')) return;
        resolve();
        await sleep(700);
      };
    });
    const changed = one.client.api.POST('/change-password', { body: { currentPassword: one.user.password, password: 'another password, quite long' } });
    await answered;
    expect(await one.outbox.flush()).toEqual({ state: 'empty' });
    expect([(await changed).response.status, asked.times]).toEqual([204, 0]);
  });

  test('never after the person has signed out', async () => {
    const { asked, onSignInNeeded } = signingInAgain();
    const one: Phone = await phones.phone({ onSignInNeeded: onSignInNeeded(() => one) });
    const outbox = one.client.openOutbox({ owner: one.user.id, chunk: { items: 1, bytes: 1000 }, onEvent: ({ kind }) => void (kind === 'verdicts' && one.client.signOut()) });
    await outbox.addSamples(samples(3));
    expect(await outbox.flush()).toEqual({ state: 'signed-out' });
    expect(asked.times).toBe(0);
    await expect(one.client.whoIsSignedIn()).rejects.toMatchObject({ status: 401 });
  });

  test('and cannot sign in a person who signs out while it is asked', async () => {
    const one: Phone = await phones.phone({
      onSignInNeeded: async (signIn) => {
        await one.client.signOut();
        await signIn(credentialsOf(one));
        return true;
      },
    });
    await one.outbox.addSamples(samples(1));
    await endSessionOf(one);
    expect(await one.outbox.flush()).toMatchObject({ state: 'signed-out', reason: { message: expect.stringContaining('signed out') } });
    await expect(one.client.whoIsSignedIn()).rejects.toMatchObject({ status: 401 });
  });
});

describe.each<[string, () => OutboxStore]>([
  ['in a store of its own', memoryStore],
  ['in a store that other tabs open', () => ({ ...memoryStore(), isPrivate: false })],
])('while the app asks for a sign-in, an outbox %s', (_situation, storeOf) => {
  /** A phone whose dialog stays open, with a flush that waits for it. */
  const dialog = async (duringIt: (one: Phone) => Promise<unknown> = () => Promise.resolve()) => {
    const open = Promise.withResolvers<undefined>();
    const one: Phone = await phones.phone({
      store: storeOf(),
      onSignInNeeded: async () => {
        await duringIt(one);
        open.resolve(undefined);
        return new Promise<boolean>(() => undefined);
      },
    });
    await one.outbox.addSamples(samples(2));
    await endSessionOf(one);
    const cancelling = new AbortController();
    const flushed = one.outbox.flush({ signal: cancelling.signal });
    return { one, flushed, cancelling, opened: open.promise };
  };

  test('ends a run that is cancelled, and one that waits for its turn', async () => {
    const { one, flushed, cancelling, opened } = await dialog();
    await opened;
    const behind = new AbortController();
    const flushedBehind = one.outbox.flush({ signal: behind.signal });
    behind.abort();
    expect(await flushedBehind).toEqual({ state: 'cancelled' });
    cancelling.abort();
    expect(await flushed).toEqual({ state: 'cancelled' });
    expect(await one.outbox.flush({ signal: AbortSignal.abort() })).toEqual({ state: 'cancelled' });
    expect(await one.store.keys()).toHaveLength(1);
  });

  test('is cleared from the dialog itself, also as it is opened there', async () => {
    const { one, flushed, opened } = await dialog((asked) => asked.client.openOutbox({ owner: asked.user.id }).clear());
    expect(await flushed).toEqual({ state: 'cancelled' });
    await opened;
    expect(await one.store.keys()).toEqual([]);
  });
});

test.each<[string, 'reset' | { readonly status: number }]>([
  ['is refused', { status: 503 }],
  ['has no answer', 'reset'],
])('a sign-out that %s did not happen, and ends the session when it is repeated', async (_situation, fault) => {
  const one = await phones.phone();
  phones.proxy.fault = ({ url }) => (url === '/logout' ? fault : undefined);
  await expect(one.client.signOut()).rejects.toThrow();
  phones.mend();
  const sessions = async () => (await phones.vitalgate.database.pool.query('select 1 from user_manager.session where user_id = $1', [one.user.id])).rowCount;
  expect([await one.client.whoIsSignedIn(), await sessions()]).toEqual([one.user.id, 1]);
  await one.client.signOut();
  await expect(one.client.whoIsSignedIn()).rejects.toBeInstanceOf(VitalgateError);
  expect(await sessions()).toBe(0);
});

test('a session that ends again at once is asked for once a run', async () => {
  const { asked, onSignInNeeded } = signingInAgain();
  const one: Phone = await phones.phone({ onSignInNeeded: onSignInNeeded(() => one) });
  phones.proxy.fault = ({ url }) => (url === '/profile' ? { status: 401 } : undefined);
  const outboxes = ['steps', 'heart'].map((name) => one.client.openOutbox({ owner: one.user.id, name }));
  for (const outbox of outboxes) await outbox.addSamples(samples(1));
  const outcomes: FlushOutcome[] = await Promise.all(outboxes.map((outbox) => outbox.flush()));
  expect(outcomes).toEqual([{ state: 'signed-out' }, { state: 'signed-out' }]);
  expect(asked.times).toBeLessThanOrEqual(2);
});
