import fc from 'fast-check';
import { operationsOf, type FuzzedOperation } from './operations.ts';
import { breachesOf, isRefusedCaller, isSlow, type Breach } from './oracle.ts';
import { fuzzedRequests, type FuzzedRequest } from './requests.ts';
import { openSender, type Answer, type Sender } from './sending.ts';
import type { World } from './world.ts';

/** One case whose answer breaks a rule. */
export interface Fault extends Breach {
  readonly case: number;
  readonly operation: string;
  readonly request: FuzzedRequest;
  readonly answer: Answer;
}

/** What came of a run against one service. */
export interface FuzzRun {
  readonly service: string;
  readonly seed: number;
  readonly requests: number;
  readonly seconds: number;
  readonly faults: readonly Fault[];
  readonly statuses: ReadonlyMap<number, number>;
  /** Requests that were answered late beside others, and sent again alone. */
  readonly late: readonly FuzzedRequest[];
  /** Operations that took at least one request. */
  readonly taken: ReadonlySet<string>;
}

const PARALLEL = 8;

/** Cases by number: the same seed and number make the same request, but for the identifiers that were learnt meanwhile. */
const casesOf = (operations: readonly FuzzedOperation[], { known, samples }: World, seed: number) => {
  const weighted = operations.flatMap((operation) => Array.from({ length: operation.platform ? 1 : 6 }, () => operation));
  const arbitraries = new Map(operations.map((operation) => [operation.id, fuzzedRequests(operation, { known, samples })]));
  return (number: number): FuzzedRequest => {
    // A step that shares no factor with the length visits all of them in turn.
    const operation = weighted[(number * 7919) % weighted.length];
    const arbitrary = operation === undefined ? undefined : arbitraries.get(operation.id);
    const [request] = arbitrary === undefined ? [] : fc.sample(arbitrary, { seed: seed * 1_000_003 + number, numRuns: 1 });
    if (request === undefined) throw new Error('There is no such case.');
    return request;
  };
};

/** Often enough for requests beside this one that end the new credential, too. */
const TRIES = 3;

/** Sends one request; where its credential counts no more, because another request ended it, once more with a new one. */
export const play = async (world: World, sender: Sender, request: FuzzedRequest): Promise<{ answer: Answer; breaches: Breach[] }> => {
  const { role, operation } = request;
  const tryOnce = async (left: number): Promise<Answer> => {
    const credential = await world.credentialOf(role, operation.id);
    const answer = await sender.send(request, credential);
    if (left === 0 || !isRefusedCaller(request, answer)) return answer;
    await world.renew(role, operation.id, credential);
    return tryOnce(left - 1);
  };
  const answer = await tryOnce(TRIES);
  if (answer.status < 300) world.learn(operation.id, answer.body.slice(0, 20_000));
  return { answer, breaches: breachesOf(request, answer, { ofBen: world.bensSecrets }) };
};

/** What is sent: cases `from` to `to` (excluded) of a seed, but for those that are not wanted. */
export interface FuzzPlan {
  readonly service: string;
  readonly seed: number;
  readonly from?: number;
  readonly to: number;
  readonly isWanted?: (request: FuzzedRequest) => boolean;
}

/** Sends the cases of a plan to one service, eight at a time, and judges every answer. */
export const fuzz = async (world: World, { service, seed, from = 0, to, isWanted = () => true }: FuzzPlan): Promise<FuzzRun> => {
  const operations = operationsOf(service);
  const caseOf = casesOf(operations, world, seed);
  const sender = openSender(world.urlOf(service));
  const faults: Fault[] = [];
  const statuses = new Map<number, number>();
  const taken = new Set<string>();
  const started = performance.now();
  const slow: [number, FuzzedRequest][] = [];
  let next = from;
  const judge = async (number: number, request: FuzzedRequest, isLast: boolean): Promise<void> => {
    const { answer, breaches } = await play(world, sender, request);
    // On a busy machine anything may take long beside others; what hangs hangs alone, too.
    if (isSlow(answer) && !isLast) {
      slow.push([number, request]);
      return;
    }
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    if (answer.status < 300) taken.add(request.operation.id);
    faults.push(...breaches.map((breach) => ({ ...breach, case: number, operation: request.operation.id, request, answer })));
  };
  const work = async (): Promise<void> => {
    for (let number = next; number < to; number = next) {
      next += 1;
      const request = caseOf(number);
      if (isWanted(request)) await judge(number, request, false);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  for (const [number, request] of slow) await judge(number, request, true);
  await sender.close();
  return { service, seed, requests: to - from, seconds: (performance.now() - started) / 1000, faults, statuses, taken, late: slow.map(([, request]) => request) };
};
