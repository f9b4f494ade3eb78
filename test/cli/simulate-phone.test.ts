import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { phoneFaults, phoneStory } from '../../src/simulator/phone.ts';
import { reconcile, recordsOf } from '../../src/simulator/phone-reconciliation.ts';
import { simulatePhones } from '../../src/simulator/phone-run.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLineHere } from './command-line.ts';
import { smallServers } from './small-servers.ts';

/** Phone days in CI; the full size is 1000. */
const phoneDays = Number(process.env['SIMULATED_PHONE_DAYS'] ?? 40);
const days = 10;

describe('the simulator of phones', () => {
  let vitalgate: TestVitalgate;
  let folder: string;
  const run = (words: readonly string[], environment: Record<string, string> = { SIMULATE_TOKEN: vitalgate.serviceToken }) =>
    commandLineHere({ DATA_DIR: folder, ...environment }).run(['--json', 'simulate', 'phone', '--url', vitalgate.urls.bff, '--user-manager-url', vitalgate.urls.userManager, ...words]);
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    folder = mkdtempSync(join(tmpdir(), 'vitalgate-simulate-'));
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test(`on ${String(phoneDays)} days with all faults no sample is lost, doubled or wrong, and what was deleted is gone`, async () => {
    const ledger = join(folder, 'ledger.jsonl');
    const { code, out } = await run(['--phones', String(phoneDays / days), '--days', String(days), '--faults', 'all', '--ledger', ledger]);
    const outcome = JSON.parse(out) as { sent: number; alive: number };
    expect(outcome).toEqual({ phoneDays, sent: outcome.sent, alive: outcome.alive, lost: 0, doubled: 0, undeleted: 0, wrong: 0, unexpected: 0 });
    expect(outcome.alive).toBeGreaterThan(30 * phoneDays);
    expect(code).toBe(0);
    const lines = readFileSync(ledger, 'utf8');
    for (const seen of ['"answerLost":true', '"duplicate":', '"deleted":']) expect(lines).toContain(seen);
  }, 60_000 + phoneDays * 2_000);

  test.each<[string, string[], Record<string, string>]>([
    ['no credential', [], {}],
    ['one day', ['--days', '1'], { SIMULATE_TOKEN: 't' }],
    ['a fault nobody knows', ['--faults', 'theft'], { SIMULATE_TOKEN: 't' }],
    ['an address without a scheme', ['--url', 'localhost:3000'], { SIMULATE_TOKEN: 't' }],
    ['a URL that is none', ['--user-manager-url', 'x'], { SIMULATE_TOKEN: 't' }],
  ])('%s is wrong use', async (_situation, words, environment) => {
    expect((await run(words, environment)).code).toBe(2);
  });
});

describe('the reconciliation of phones finds', () => {
  const { truth } = phoneStory(createRandom(1), { days: 4, faults: phoneFaults, untilMs: Date.UTC(2024, 9, 28) });
  const ids = new Map([...truth.alive.keys(), ...truth.gone].map((id) => [id, `_${id}`]));
  const right = [...truth.alive.values()].map(({ id, type, value, atMs }) => ({
    _id: `_${id}`, state: 'normalized', recordedAt: new Date(atMs).toISOString(), normalizedData: { observations: [{ value: type === 'OxygenSaturation' ? value * 100 : value }] },
  }));
  const [first, ...others] = right;
  if (first === undefined) throw new Error('the story is empty');
  const nothing = { lost: 0, doubled: 0, undeleted: 0, wrong: 0 };
  const [gone] = truth.gone;

  test.each([
    ['nothing where all is right', right, nothing],
    ['what is not there', others, { ...nothing, lost: 1 }],
    ['what could not be normalized', [{ ...first, state: 'normalization-failed' }, ...others], { ...nothing, lost: 1 }],
    ['what could not be normalized beside what could', [...right, { ...first, _id: 'failed', state: 'normalization-failed' }], nothing],
    ['what is there twice', [...right, { ...first, _id: 'again' }], { ...nothing, doubled: 1 }],
    ['what has another value', [{ ...first, normalizedData: { observations: [{ value: -1 }] } }, ...others], { ...nothing, wrong: 1 }],
    ['what has another time', [{ ...first, recordedAt: '2020-01-01T00:00:00.000Z' }, ...others], { ...nothing, wrong: 1 }],
    ['what was deleted and is there', [...right, { ...first, _id: `_${String(gone)}` }], { ...nothing, undeleted: 1 }],
  ])('%s', (_situation, records, expected) => {
    expect(gone).toBeDefined();
    expect(reconcile(records, truth, ids)).toEqual(expected);
  });
});

describe('the records of a person', () => {
  const answered = (value: unknown) => Promise.resolve({ service: 'the BFF', status: 200, cookie: undefined, retryAfterSeconds: undefined, value });
  const record = { _id: '1', state: 'normalized', recordedAt: '2024-10-28T00:00:00.000Z' };

  test('are listed once none is received any longer, without those that are deleted or superseded', async () => {
    let waiting = 2;
    const person = (_method: string, path: string) => answered(path.includes('state=received') ? (waiting-- > 0 ? [{}] : []) : [record, { ...record, state: 'deleted' }, { ...record, state: 'superseded' }]);
    expect(await recordsOf(person)).toEqual([record]);
  });

  test('are not judged where normalization does not come to rest', async () => {
    await expect(recordsOf(() => answered([{}]), 600)).rejects.toThrow('Samples wait for their normalization for more than 1 seconds: see whether the job normalize runs.');
  });
});

describe('a phone', () => {
  const servers = smallServers();
  afterAll(servers.stop);
  type Sent = readonly { readonly id: string; readonly type: string; readonly startDate: string; readonly value: number }[];

  /** A BFF with its User Manager that keeps what it is sent; `refuses` tells which uploads it is not ready for. */
  const start = async (retryAfter: string, refuses: (before: number) => boolean): Promise<string> => {
    const kept = new Map<string, object>();
    let uploads = 0;
    const answer = (method: string, path: string, body: string): unknown => {
      if (method === 'GET') return path.includes('state=received') ? [] : [...kept.values()].slice(Number(/_sk=(\d+)/.exec(path)?.[1])).slice(0, 200);
      if (path !== '/health-data') return {};
      const samples = JSON.parse(body) as Sent;
      for (const { id, type, startDate, value } of samples) {
        kept.set(id, { _id: id, state: 'normalized', recordedAt: startDate, normalizedData: { observations: [{ value: type === 'OxygenSaturation' ? value * 100 : value }] } });
      }
      return { items: samples.map(({ id }, index) => ({ index, status: 'stored', _id: id })) };
    };
    return servers.serve((request, response) => {
      void request.toArray().then((chunks) => {
        const isRefused = request.url === '/health-data' && request.method === 'POST' && refuses(uploads++);
        if (isRefused) response.writeHead(503, { 'retry-after': retryAfter }).end('{"code":"unavailable"}');
        else response.end(JSON.stringify(answer(request.method ?? '', request.url ?? '', Buffer.concat(chunks as Buffer[]).toString())));
      });
    });
  };
  const simulate = (url: string) => simulatePhones({ url, userManagerUrl: url, bearer: 't', phones: 1, days: 4, faults: [], seed: 1, onSent: () => undefined });

  test('that has to wait comes again', async () => {
    const outcome = await simulate(await start('0', (before) => before % 2 === 0));
    expect(outcome).toEqual({ phoneDays: 4, sent: outcome.alive, alive: outcome.alive, lost: 0, doubled: 0, undeleted: 0, wrong: 0, unexpected: 0 });
    expect(outcome.alive).toBeGreaterThan(100);
  });

  test('does not wait for longer than five minutes', async () => {
    await expect(simulate(await start('301', () => true))).rejects.toThrow('A phone was refused: the BFF answers 503 unavailable.');
  });
});
