import { Pool } from 'undici';
import { caller, fine, valueOf, type Call } from './json-call.ts';
import { patient } from './patience.ts';
import { phoneStory, type PhoneFault, type PhoneStep } from './phone.ts';
import { reconcile, recordsOf, type PhoneReconciliation } from './phone-reconciliation.ts';
import { createRandom } from './random.ts';

/** A run of simulated phones against a BFF, and the User Manager that has its users. */
export interface PhoneSimulation {
  readonly url: string;
  readonly userManagerUrl: string;
  /** Bearer that may create users: an operator's access token, or the service token. */
  readonly bearer: string;
  readonly phones: number;
  /** Days of each phone. */
  readonly days: number;
  readonly faults: readonly PhoneFault[];
  readonly seed: number;
  /** Told of each request when it was answered. */
  readonly onSent: (line: PhoneLedgerLine) => void;
}

/** One line of the ledger, without values. */
export interface PhoneLedgerLine {
  readonly user: string;
  readonly samples: number;
  readonly deletions: number;
  readonly answerLost: boolean;
  readonly statuses: Readonly<Record<string, number>>;
}

interface Receipt {
  readonly items: readonly { readonly index: number; readonly status: string; readonly _id?: string }[];
}
const AT_ONCE = 4;

/** A new person with an enrolled watch, signed in: calls carry the session. */
const newPerson = async (userManager: Call, bff: Call, bearer: string, username: string): Promise<Call> => {
  const password = `${crypto.randomUUID()}${crypto.randomUUID()}`;
  await fine('The user cannot be created', userManager('POST', '/users', { username, email: `${username}@simulated.invalid`, password }, { authorization: `Bearer ${bearer}` }));
  const { cookie } = await fine('The user cannot sign in', bff('POST', '/oauth/token', { username, password }));
  const headers = { cookie: cookie ?? '' };
  const signedIn: Call = (method, path, body, _headers, signal) => bff(method, path, body, headers, signal);
  await fine('The watch cannot be enrolled', signedIn('POST', '/devices/assign', { deviceId: `watch-${username}`, deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Simulated Watch' }));
  return signedIn;
};

const countsOf = (statuses: readonly string[]): Record<string, number> => Object.fromEntries([...Map.groupBy(statuses, (one) => one)].map(([status, all]) => [status, all.length]));

/** A request whose connection is gone before the answer: whether it was acted upon, nobody knows. */
const sendUnanswered = async (person: Call, path: string, body: unknown, afterMs: number): Promise<void> => {
  await person('POST', path, body, {}, AbortSignal.timeout(afterMs)).then(() => undefined, (error: unknown) => {
    if (typeof error !== 'object' || error === null || !('name' in error) || (error.name !== 'TimeoutError' && error.name !== 'AbortError')) throw error;
  });
};

/** Sends one step, deletions first as an anchored query tells them; `ids` learns the `_id` of each UUID. */
const take = async (person: Call, user: string, { samples, deletions, answerLostAfterMs }: PhoneStep, ids: Map<string, string>): Promise<PhoneLedgerLine> => {
  const statuses: string[] = [];
  const post = async (path: string, body: unknown): Promise<Receipt> => {
    if (answerLostAfterMs !== undefined) await sendUnanswered(person, path, body, answerLostAfterMs);
    const receipt = (await valueOf('A phone was refused', person('POST', path, body))) as Receipt;
    statuses.push(...receipt.items.map(({ status }) => status));
    return receipt;
  };
  if (deletions.length > 0) await post('/health-data/deletions', { deletions: deletions.map((uuid) => ({ uuid })) });
  if (samples.length > 0) {
    for (const { index, _id } of (await post('/health-data', samples)).items) {
      const sample = samples[index];
      if (sample && _id !== undefined) ids.set(sample.id, _id);
    }
  }
  return { user, samples: samples.length, deletions: deletions.length, answerLost: answerLostAfterMs !== undefined, statuses: countsOf(statuses) };
};

const unexpectedStatuses = new Set(['rejected', 'conflict', 'unsupported', 'invalid']);
const sumOf = (counts: Readonly<Record<string, number>>, isCounted: (status: string) => boolean): number =>
  Object.entries(counts).reduce((sum, [status, count]) => sum + (isCounted(status) ? count : 0), 0);

/** Plays phones with all that happens to them and checks afterwards that each Health app and the BFF agree, sample by sample. */
export const simulatePhones = async ({ url, userManagerUrl, bearer, phones, days, faults, seed, onSent }: PhoneSimulation): Promise<PhoneReconciliation> => {
  const [bffUrl, managerUrl] = [new URL(url), new URL(userManagerUrl)];
  const [bffPool, managerPool] = [new Pool(bffUrl.origin, { connections: AT_ONCE }), new Pool(managerUrl.origin, { connections: 1 })];
  const bff = patient(caller(bffPool, 'the BFF', bffUrl));
  const userManager = patient(caller(managerPool, 'the User Manager', managerUrl));
  const untilMs = Date.now() - 60_000;
  const run = `${String(seed)}-${untilMs.toString(36)}`;
  const total = { phoneDays: phones * days, sent: 0, alive: 0, lost: 0, doubled: 0, undeleted: 0, wrong: 0, unexpected: 0 };
  const play = async (number: number): Promise<void> => {
    const user = `sim-${run}-${String(number)}`;
    const { steps, truth } = phoneStory(createRandom(seed + number), { days, faults, untilMs });
    const person = await newPerson(userManager, bff, bearer, user);
    const ids = new Map<string, string>();
    for (const step of steps) {
      const line = await take(person, user, step, ids);
      onSent(line);
      total.sent += line.samples;
      total.unexpected += sumOf(line.statuses, (status) => unexpectedStatuses.has(status));
    }
    const found = reconcile(await recordsOf(person), truth, ids);
    total.alive += truth.alive.size;
    for (const name of ['lost', 'doubled', 'undeleted', 'wrong'] as const) total[name] += found[name];
  };
  try {
    const rest = Array.from({ length: phones }, (_, index) => index + 1);
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let next = rest.pop(); next !== undefined; next = rest.pop()) await play(next);
    }));
    return total;
  } finally {
    await Promise.all([bffPool.close(), managerPool.close()]);
  }
};
