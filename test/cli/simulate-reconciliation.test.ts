import { afterAll, describe, expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import type { LedgerLine } from '../../src/simulator/delivering.ts';
import type { Reconciliation } from '../../src/simulator/medisante-reconciliation.ts';
import { simulateMedisante } from '../../src/simulator/run.ts';
import { commandLineHere } from './command-line.ts';
import { smallServers } from './small-servers.ts';

/** What a Device Manager of the test is asked. */
interface Asked {
  /** `enrol`, `deliver`, `list` or `look up`. */
  readonly what: string;
  /** How many of this kind were asked before. */
  readonly before: number;
  readonly patientId: string;
}

interface Answer {
  /** 0 ends the connection. */
  readonly status: number;
  readonly value?: unknown;
  readonly retryAfter?: number;
}

const ok = (value: unknown): Answer => ({ status: 200, value });
const notReady = (retryAfter: number): Answer => ({ status: 503, value: { code: 'unavailable' }, retryAfter });
const samples = (count: number): Answer => ok(Array.from({ length: count }, () => ({})));
const kept = (patientId: string): Answer => ok({ _id: 'x', patientId, state: 'normalized' });

/** One that keeps what it is sent, where a situation does not say otherwise. */
const asItShouldBe = ({ what, patientId }: Asked): Answer => (what === 'list' ? samples(5) : kept(patientId));

const kindOf = (path: string): string => (path === '/devices/assign' ? 'enrol' : path === '/health-data/medisante' ? 'deliver' : path.includes('?') ? 'list' : 'look up');

const send = (response: ServerResponse, { status, value, retryAfter }: Answer): void => {
  if (status === 0) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json', ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) }).end(value === undefined ? '' : JSON.stringify(value));
};

describe('the reconciliation of deliveries', () => {
  const servers = smallServers();
  afterAll(servers.stop);

  const start = async (answer: (asked: Asked) => Answer | undefined): Promise<string> => {
    const counts: Record<string, number> = {};
    let patientId = '';
    return servers.serve((request, response) => {
      void request.toArray().then((chunks) => {
        const what = kindOf(request.url ?? '');
        if (what === 'enrol') patientId = (JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as { assignedPatientId: string }).assignedPatientId;
        const before = counts[what] ?? 0;
        counts[what] = before + 1;
        const asked = { what, before, patientId };
        send(response, answer(asked) ?? asItShouldBe(asked));
      });
    });
  };
  const simulate = async (url: string): Promise<{ outcome: Reconciliation; ledger: LedgerLine[] }> => {
    const ledger: LedgerLine[] = [];
    const outcome = await simulateMedisante({ url, apiKey: 'k', bearer: 't', devices: 1, deliveries: 5, faults: [], formats: ['medisantestandard-json'], seed: 1, onSent: (line) => void ledger.push(line) });
    return { outcome, ledger };
  };
  const on = (what: string, answer: Answer, isMeant: (before: number) => boolean = () => true) => (asked: Asked): Answer | undefined => (asked.what === what && isMeant(asked.before) ? answer : undefined);
  const first = (before: number): boolean => before === 0;

  test.each<[string, (asked: Asked) => Answer | undefined, Partial<Reconciliation>]>([
    ['finds nothing where all is well', () => undefined, {}],
    ['finds what was acknowledged and is not there', on('look up', { status: 404, value: {} }), { lost: 5 }],
    ['finds what was acknowledged and is gone', on('look up', { status: 410, value: {} }), { lost: 5 }],
    ['finds what was given to somebody else', on('look up', kept('other')), { wrongPatient: 5 }],
    ['finds what is there more often than it was sent', on('list', samples(7)), { doubled: 2 }],
    ['finds what was refused', ({ what }) => (what === 'deliver' ? { status: 400, value: {} } : what === 'list' ? samples(0) : undefined), { acknowledged: 0, unexpected: 5 }],
    ['finds what was never answered well', ({ what }) => (what === 'deliver' ? { status: 500, value: {} } : what === 'list' ? samples(0) : undefined), { acknowledged: 0, unexpected: 5 }],
    ['asks again where a look-up has to wait', on('look up', notReady(0), first), {}],
    ['asks again where the list has to wait', on('list', { status: 429, value: {}, retryAfter: 0 }, first), {}],
    ['takes a delivery that is kept, and whose answer was lost, for sent again', on('deliver', { status: 0 }, first), {}],
    ['takes a delivery that is kept, and was answered 500, for sent again', on('deliver', { status: 500, value: {} }, first), {}],
    ['takes a delivery that had to wait for sent again', on('deliver', notReady(0), first), {}],
    ['calls nothing doubled that is kept without ever having been acknowledged', on('deliver', { status: 502 }), { acknowledged: 0, unexpected: 5 }],
    ['finds acknowledgements that name nothing', on('deliver', { status: 200 }), { unexpected: 5 }],
  ])('%s', async (_situation, answer, expected) => {
    const { outcome } = await simulate(await start(answer));
    expect(outcome).toEqual({ sent: 5, acknowledged: 5, lost: 0, doubled: 0, wrongPatient: 0, unexpected: 0, ...expected });
  });

  test('the ledger has the status of each time that a delivery was sent', async () => {
    const { ledger } = await simulate(await start(({ what, before }) => (what === 'deliver' && before < 5 ? { status: before < 3 ? 0 : 503, retryAfter: 0 } : undefined)));
    expect(ledger.flatMap(({ statuses }) => statuses).toSorted()).toEqual([0, 0, 0, 200, 200, 200, 200, 200, 503, 503]);
  });

  test.each<[string, (asked: Asked) => Answer | undefined, string]>([
    ['a look-up is refused', on('look up', { status: 401, value: { code: 'unauthorized' } }), 'A delivery cannot be looked up: the Device Manager answers 401 unauthorized.'],
    ['a look-up has to wait for longer than five minutes', on('look up', notReady(301)), 'A delivery cannot be looked up: the Device Manager answers 503 unavailable.'],
    ['the list is refused', on('list', { status: 403 }), 'Samples cannot be listed: the Device Manager answers 403.'],
    ['devices are refused', on('enrol', { status: 401 }), 'Devices cannot be assigned: the Device Manager answers 401.'],
  ])('ends without figures where %s', async (_situation, answer, message) => {
    await expect(simulate(await start(answer))).rejects.toThrow(message);
  });

  test.each<[string, string, readonly string[]]>([
    ['Device Manager', 'medisante', ['--url']],
    ['User Manager', 'phone', ['--user-manager-url', '--url']],
  ])('a %s that does not answer is told by its address', async (service, kind, options) => {
    const url = await servers.closedPort();
    const words = ['simulate', kind, ...options.flatMap((option) => [option, url])];
    const { code, told } = await commandLineHere({ SIMULATE_KEY: 'k', SIMULATE_TOKEN: 't' }).run(words);
    expect([code, told]).toEqual([1, `The ${service} at ${url} does not answer (ECONNREFUSED).\n`]);
  });
});
