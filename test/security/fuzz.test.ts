import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { specifications } from '../contract/specifications.ts';
import type { Role } from './callers.ts';
import { logFaults } from './fuzz/log-oracle.ts';
import { operationsOf } from './fuzz/operations.ts';
import { breachesOf } from './fuzz/oracle.ts';
import regressions from './fuzz/regressions.json' with { type: 'json' };
import type { FuzzedRequest } from './fuzz/requests.ts';
import { fuzz } from './fuzz/run.ts';
import { openSender, type Answer } from './fuzz/sending.ts';
import { createWorld, type World } from './fuzz/world.ts';
import { seed } from '../setup/seed.ts';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2000);

interface Regression {
  readonly situation: string;
  readonly service: string;
  readonly operation: string;
  readonly role: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly raw?: string;
  /** The status, where the rules that hold for every answer do not tell it. */
  readonly expected?: number;
}

const requestOf = ({ service, operation: id, role, path, headers = {}, body, raw }: Regression): FuzzedRequest => {
  const operation = operationsOf(service).find((one) => one.id === id);
  if (operation === undefined) throw new Error(`There is no operation ${id}.`);
  return {
    kind: raw === undefined ? 'headers' : 'raw', operation, role: role as Role, method: operation.method, path: path.replace('{long}', 'x'.repeat(17_000)), headers, fits: undefined,
    ...(body !== undefined && { body: Buffer.from(body) }), ...(raw !== undefined && { raw: Buffer.from(raw, 'latin1') }),
  };
};

describe('requests that nobody would send', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  }, 120_000);
  afterAll(() => world.stop(), 60_000);

  test.each(regressions as readonly Regression[])('$service once answered wrongly: $situation', async (regression) => {
    const request = requestOf({ ...regression, path: regression.path.replace('{ben}', world.callers.ben.id) });
    const sender = openSender(world.urlOf(regression.service));
    const answer = await sender.send(request, await world.credentialOf(request.role, request.operation.id));
    await sender.close();
    if (regression.expected === undefined) expect(answer.status).toBeGreaterThan(0);
    else expect(answer.status).toBe(regression.expected);
    expect(breachesOf(request, answer, { ofBen: [] })).toEqual([]);
  });

  test.each(specifications)('F4, F5, F6, A11, D8, D10, E5 $service keeps its contract whatever it is sent', async ({ service }) => {
    const { faults, taken } = await fuzz(world, { service, seed, to: REQUESTS });
    const told = faults.map(({ rule, seen, operation, request, case: number }) => `${rule} (${operation}, npm run fuzz -- --service ${service} --seed ${String(seed)} --only ${String(number)}): ${request.method} ${request.path.slice(0, 200)} as ${request.role}: ${seen.slice(0, 300)}`);
    expect(told).toEqual([]);
    // A fuzzer whose every request is refused would find nothing.
    expect(taken.size).toBeGreaterThan(operationsOf(service).length / 3);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }, 900_000);

  test('H1, H2 the log of all that holds no value that was sent, no secret, and no error', () => {
    const log = world.vitalgate.logged();
    expect(log.length).toBeGreaterThan(10_000);
    expect(logFaults(log, world.bensSecrets)).toEqual([]);
  });

  test('the judge sees what is wrong: an answer with a stack, without headers, of an undeclared status, with the data of somebody else', () => {
    const request = requestOf({ situation: '', service: 'bff', operation: 'listDevices', role: 'patient', path: '/devices' });
    const answer: Answer = { status: 418, headers: { 'x-powered-by': 'Express', 'content-type': 'text/html' }, body: 'at handler (/srv/app.js:3:1) bens-watch', ms: 10 };
    const rules = breachesOf(request, answer, { ofBen: ['bens-watch'] }).map(({ rule }) => rule);
    expect(rules).toEqual(expect.arrayContaining(['declared status', 'no internals', 'no header x-powered-by', 'header x-content-type-options', "somebody else's data", 'content type with charset', 'problem']));
    expect(breachesOf(request, { ...answer, status: 500 }, { ofBen: [] })).toMatchObject([{ rule: 'server error' }]);
    expect(breachesOf(request, { ...answer, ms: 60_000 }, { ofBen: [] })).toMatchObject([{ rule: 'hang' }]);
    expect(logFaults('{"level":50,"msg":"x"}\nno json bens-watch\n', ['bens-watch'])).toHaveLength(3);
  });
});
