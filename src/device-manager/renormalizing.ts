import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import type { NormalizedData } from '../measurement/coding.ts';
import { canonicalJson } from './domain/certificate.ts';
import type { Rules } from './domain/normalization.ts';
import { lockPatient, submittable } from './normalizing.ts';
import type { Outbox } from './outbox.ts';
import { isDone, outcomesOf, storeOutcomes, type Outcome } from './outcomes.ts';
import type { RuleBook } from './rule-book.ts';
import { recordAudit } from './storage/audit-table.ts';
import { readNormalizedChunk, recordIn } from './storage/normalized-chunk-table.ts';
import { readPayload } from './storage/payload-table.ts';
import {
  advanceRenormalization, finishRenormalization, fittingSamples, insertRenormalization, mostDifferences, nextPayloads, readRenormalization,
  type RenormalizationCounts, type RenormalizationFilter, type RenormalizationRow,
} from './storage/renormalization-table.ts';
import { samplesToNormalize, type PayloadSample } from './storage/sample-result-table.ts';
import { sampleById, type SampleRow } from './storage/sample-table.ts';

/** One sample with its record before and after; neither where it could not be normalized. */
export interface Difference {
  readonly _id: string;
  readonly before?: NormalizedData;
  readonly after?: NormalizedData;
  readonly reason?: string;
}

/** A run, and of a dry run some of what differs, by the rules as they are while it is shown. */
export interface Renormalization extends RenormalizationRow {
  readonly differences: readonly Difference[];
}

/** Runs over kept samples. */
export interface Renormalizer {
  /** Keeps the wish and its job; answers the identifier of the run. */
  readonly start: (filter: RenormalizationFilter, dryRun: boolean, by: { readonly actor: string; readonly requestId: string }) => Promise<string>;
  /** Goes on with a run until it is done; after a crash it goes on where it was. */
  readonly run: (_id: string) => Promise<void>;
  readonly show: (_id: string) => Promise<Renormalization | undefined>;
}

type Kind = Exclude<keyof RenormalizationCounts, 'samples'>;
interface Compared extends Outcome {
  readonly before: NormalizedData | undefined;
  readonly kind: Kind;
  readonly isStale: boolean;
}

/** Payloads of one transaction, and samples beyond which no further one is begun. */
const payloadsAtOnce = 50;
const samplesAtOnce = 2000;

/** What a record is, its normalized data type, is part of what it says; the order of its members, which the database changes in rules, is not. */
const kindOf = (before: NormalizedData | undefined, { sample, outcome }: Outcome): Kind => {
  if ('reason' in outcome) return before ? 'broken' : 'unchanged';
  if (!before) return 'repaired';
  if (sample.normalized_type !== outcome.normalizedDataType) return 'changed';
  return canonicalJson(before) === canonicalJson(outcome.record) ? 'unchanged' : 'changed';
};

/** A record that says the same under another version is written anew, but not where it was submitted under the one it names. */
const isStale = (sample: SampleRow, { outcome }: Outcome): boolean =>
  'reason' in outcome ? sample.reason !== outcome.reason : sample.state === 'normalized' && (sample.rule_id !== outcome.ruleId || sample.rule_version !== outcome.ruleVersion);

/** Records of samples of one payload, by identifier, as they are stored. */
const recordsBefore = async (db: Queryable, keys: ScopeKeys, samples: readonly SampleRow[]): Promise<Map<string, NormalizedData>> => {
  const records = new Map<string, NormalizedData>();
  const normalized = samples.filter(({ state, rule_id }) => state !== 'normalization-failed' && rule_id !== null);
  for (const group of Map.groupBy(normalized, ({ rule_id, rule_version }) => `${String(rule_id)}@${String(rule_version)}`).values()) {
    const [first] = group;
    if (!first) continue;
    const chunk = await readNormalizedChunk(db, keys, { patientId: first.patient_id, payloadId: first.payload_id, ruleId: first.rule_id ?? '', ruleVersion: first.rule_version ?? 0 });
    for (const sample of group) {
      const record = recordIn(chunk, sample);
      if (record) records.set(sample._id, record);
    }
  }
  return records;
};

const countsOf = (compared: readonly Compared[]): RenormalizationCounts => {
  const of = (kind: Kind): number => compared.filter((one) => one.kind === kind).length;
  return { samples: compared.length, unchanged: of('unchanged'), changed: of('changed'), repaired: of('repaired'), broken: of('broken') };
};

const differenceOf = ({ sample, before, outcome }: Compared): Difference => ({
  _id: sample._id, ...(before && { before }), ...('reason' in outcome ? { reason: outcome.reason } : { after: outcome.record }),
});

interface Context {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  readonly ruleBook: RuleBook;
  readonly outbox: Outbox;
}

const compare = async ({ keyRing }: Context, db: Queryable, rules: Rules, patientId: string, payloadId: string, samples: readonly PayloadSample[]): Promise<Compared[]> => {
  const keys = await keyRing.knownKeysOf(db, `patient:${patientId}`);
  const payload = keys && (await readPayload(db, keys, patientId, payloadId));
  if (!payload) return [];
  const before = await recordsBefore(db, keys, samples);
  return (await outcomesOf(rules, payload, samples)).map((one) => {
    const record = before.get(one.sample._id);
    return { ...one, before: record, kind: kindOf(record, one), isStale: isStale(one.sample, one) };
  });
};

const renew = async (context: Context, client: PoolClient, run: RenormalizationRow, patientId: string, payloadId: string): Promise<void> => {
  const samples = fittingSamples(await samplesToNormalize(client, patientId, [payloadId], 'all'), run.filter);
  const { rules } = await context.ruleBook.held(client);
  const compared = await compare(context, client, rules, patientId, payloadId, samples);
  const differing = compared.filter(({ kind }) => kind !== 'unchanged');
  const stale = compared.filter((one) => one.kind !== 'unchanged' || one.isStale);
  if (!run.dry_run && stale.length > 0) {
    const keys = await context.keyRing.keysOf(client, `patient:${patientId}`);
    await storeOutcomes(client, keys, patientId, stale.map(({ sample }) => sample), stale);
    const of = (wanted: Kind) => differing.filter(({ kind }) => kind === wanted).filter(isDone).map(submittable);
    // What went out with another value is not submitted again; who wants it asks for it.
    await context.outbox.renew(client, keys, patientId, of('repaired'), of('changed'), differing.map(({ sample }) => sample._id));
  }
  await advanceRenormalization(client, run._id, { patientId, payloadId }, countsOf(compared), differing.slice(0, mostDifferences).map(({ sample }) => sample._id));
};

/** One transaction, with samples of one patient alone; tells whether something was left to do. */
const step = (context: Context, _id: string): Promise<boolean> =>
  inTransaction(context.pool, async (client) => {
    const run = await readRenormalization(client, _id, true);
    if (!run || run.state === 'done') return false;
    const next = await nextPayloads(client, run, payloadsAtOnce);
    const [first] = next;
    if (!first) {
      await finishRenormalization(client, _id);
      return false;
    }
    await lockPatient(client, first.patientId);
    let samples = 0;
    for (const payload of next) {
      if (payload.patientId !== first.patientId || (samples > 0 && samples + payload.samples > samplesAtOnce)) break;
      await renew(context, client, run, payload.patientId, payload.payloadId);
      samples += payload.samples;
    }
    return true;
  });

const differencesOf = async (context: Context, run: RenormalizationRow): Promise<Difference[]> => {
  const { pool, ruleBook } = context;
  const { rules } = await ruleBook.current();
  const found = await Promise.all((run.dry_run ? run.differing : []).map((_id) => sampleById(pool, _id)));
  const compared = await Promise.all(found.map(async (sample) =>
    (sample ? compare(context, pool, rules, sample.patient_id, sample.payload_id, await samplesToNormalize(pool, sample.patient_id, [sample.payload_id], { only: sample._id })) : [])));
  return compared.flat().map(differenceOf);
};

/** Runs over kept samples by the rules that hold when each is reached; what that changes is told to the outbox. */
export const createRenormalizer = (pool: Pool, keyRing: KeyRing, ruleBook: RuleBook, outbox: Outbox): Renormalizer => {
  const context = { pool, keyRing, ruleBook, outbox };
  return {
    start: (filter, dryRun, { actor, requestId }) =>
      inTransaction(pool, async (client) => {
        const _id = randomUUID().replaceAll('-', '');
        await insertRenormalization(client, { _id, filter, dryRun, creator: actor });
        await addJob(client, { task: 'renormalize', payload: { renormalizationId: _id }, key: `renormalize:${_id}` });
        await recordAudit(client, { patientId: filter.patientId, actor, action: dryRun ? 'read' : 'update', resource: `renormalization/${_id}`, requestId });
        return _id;
      }),
    run: async (_id) => {
      while (await step(context, _id));
    },
    show: async (_id) => {
      const run = await readRenormalization(pool, _id);
      return run && { ...run, differences: await differencesOf(context, run) };
    },
  };
};
