import { setTimeout as sleep } from 'node:timers/promises';
import { SimulationError, valueOf, type Call } from './json-call.ts';
import type { PhoneTruth } from './phone.ts';

/** What must be true afterwards, counted; all but the first three must be 0. */
export interface PhoneReconciliation {
  readonly phoneDays: number;
  readonly sent: number;
  readonly alive: number;
  /** In the Health app, and not normalized at the BFF. */
  readonly lost: number;
  /** Counted at the BFF more than once. */
  readonly doubled: number;
  /** Deleted on the phone, and still there. */
  readonly undeleted: number;
  /** There with another value or instant. */
  readonly wrong: number;
  /** Refused or contradicted. */
  readonly unexpected: number;
}

/** A sample as the BFF lists it. */
export interface ListedRecord {
  readonly _id: string;
  readonly state: string;
  readonly recordedAt: string;
  readonly normalizedData?: { readonly observations: readonly { readonly value: number }[] };
}

const pageSize = 200;
const LONGEST_REST_MS = 300_000;

const hasComeToRest = async (person: Call): Promise<boolean> =>
  ((await valueOf('Samples cannot be listed', person('GET', '/health-data?state=received&_l=1'))) as unknown[]).length === 0;

/** All records of a person that count, once normalization has come to rest. Throws SimulationError when it does not. */
export const recordsOf = async (person: Call, longestMs = LONGEST_REST_MS): Promise<ListedRecord[]> => {
  const startedMs = performance.now();
  while (!(await hasComeToRest(person))) {
    if (performance.now() - startedMs > longestMs) throw new SimulationError(`Samples wait for their normalization for more than ${Math.ceil(longestMs / 1000)} seconds: see whether the job normalize runs.`);
    await sleep(250);
  }
  const records: ListedRecord[] = [];
  for (let skip = 0; ; skip += pageSize) {
    const page = (await valueOf('Samples cannot be listed', person('GET', `/health-data?_l=${String(pageSize)}&_sk=${String(skip)}&_p=recordedAt,normalizedData`))) as ListedRecord[];
    records.push(...page.filter(({ state }) => state !== 'deleted' && state !== 'superseded'));
    if (page.length < pageSize) return records;
  }
};

/** Compares a Health app with what the BFF lists; `ids` has the `_id` of each UUID. */
export const reconcile = (records: readonly ListedRecord[], { alive, gone }: PhoneTruth, ids: ReadonlyMap<string, string>): Pick<PhoneReconciliation, 'lost' | 'doubled' | 'undeleted' | 'wrong'> => {
  const normalized = records.filter(({ state }) => state === 'normalized');
  const byId = new Map(normalized.map((record) => [record._id, record]));
  let [lost, wrong] = [0, 0];
  for (const { id, type, value, atMs } of alive.values()) {
    const record = byId.get(ids.get(id) ?? '');
    const expected = type === 'OxygenSaturation' ? value * 100 : value;
    if (!record) lost += 1;
    else if (Date.parse(record.recordedAt) !== atMs || Math.abs((record.normalizedData?.observations[0]?.value ?? Number.NaN) - expected) > 1e-6) wrong += 1;
  }
  const undeleted = [...gone].filter((id) => byId.has(ids.get(id) ?? '')).length;
  return { lost, wrong, undeleted, doubled: Math.max(0, normalized.length - (alive.size - lost) - undeleted) };
};
