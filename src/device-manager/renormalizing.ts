import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../database/pool.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import type { NormalizedData } from '../measurement/coding.ts';
import { canonicalJson } from './domain/certificate.ts';
import type { Rules } from './domain/normalization.ts';
import { submittable } from './normalizing.ts';
import type { Outbox } from './outbox.ts';
import { isDone, outcomesOf, storeOutcomes, type Outcome } from './outcomes.ts';
import type { RuleBook } from './rule-book.ts';
import { readNormalizedChunk, recordIn } from './storage/normalized-chunk-table.ts';
import { readPayload } from './storage/payload-table.ts';
import type { RenormalizationCounts, RenormalizationRow } from './storage/renormalization-table.ts';
import type { PayloadSample } from './storage/sample-result-table.ts';
import type { SampleRow } from './storage/sample-table.ts';

/** One sample with its record before and after; neither where it could not be normalized. */
export interface Difference {
  readonly _id: string;
  readonly before?: NormalizedData;
  readonly after?: NormalizedData;
  readonly reason?: string;
}

type Kind = Exclude<keyof RenormalizationCounts, 'samples' | 'unreadable'>;
interface Compared extends Outcome {
  readonly before: NormalizedData | undefined;
  readonly kind: Kind;
  readonly isStale: boolean;
}

/** What a record is, its normalized data type, is part of what it says; the order of its members, which the database changes in rules, is not. */
const kindOf = (before: NormalizedData | undefined, { sample, outcome }: Outcome): Kind => {
  if ('reason' in outcome) return before ? 'broken' : 'unchanged';
  if (!before) return 'repaired';
  if (sample.normalized_type !== outcome.normalizedDataType) return 'changed';
  // The first is the rule, and a tenth of the work.
  const isSame = JSON.stringify(before) === JSON.stringify(outcome.record) || canonicalJson(before) === canonicalJson(outcome.record);
  return isSame ? 'unchanged' : 'changed';
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
  return { samples: compared.length, unchanged: of('unchanged'), changed: of('changed'), repaired: of('repaired'), broken: of('broken'), unreadable: 0 };
};

/** A sample as an operator is shown it. */
export const differenceOf = ({ sample, before, outcome }: Compared): Difference => ({
  _id: sample._id, ...(before && { before }), ...('reason' in outcome ? { reason: outcome.reason } : { after: outcome.record }),
});

/** What runs over kept samples stand on. */
export interface RenormalizationContext {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  readonly ruleBook: RuleBook;
  readonly outbox: Outbox;
}

/** Applies the rules to samples of a payload; changes nothing. None where the payload or its keys are gone. Throws SealBrokenError. */
export const compare = async ({ keyRing }: RenormalizationContext, db: Queryable, rules: Rules, patientId: string, payloadId: string, samples: readonly PayloadSample[]): Promise<Compared[]> => {
  const keys = await keyRing.knownKeysOf(db, `patient:${patientId}`);
  const payload = keys && (await readPayload(db, keys, patientId, payloadId));
  if (!payload) return [];
  const before = await recordsBefore(db, keys, samples);
  return (await outcomesOf(rules, payload, samples)).map((one) => {
    const record = before.get(one.sample._id);
    return { ...one, before: record, kind: kindOf(record, one), isStale: isStale(one.sample, one) };
  });
};

/** What became of the samples of one payload. */
export interface Renewed {
  readonly counts: RenormalizationCounts;
  /** Identifiers of those that differ. */
  readonly differing: readonly string[];
}

/** Normalizes samples of a payload of one patient, whose lock the caller holds, by the rules that hold; a dry run changes nothing. Throws SealBrokenError. */
export const renew = async (context: RenormalizationContext, client: PoolClient, { dry_run: isDry }: RenormalizationRow, patientId: string, payloadId: string, samples: readonly PayloadSample[]): Promise<Renewed> => {
  const { rules } = await context.ruleBook.held(client);
  const compared = await compare(context, client, rules, patientId, payloadId, samples);
  const differing = compared.filter(({ kind }) => kind !== 'unchanged');
  const stale = compared.filter((one) => one.kind !== 'unchanged' || one.isStale);
  if (!isDry && stale.length > 0) {
    const keys = await context.keyRing.keysOf(client, `patient:${patientId}`);
    await storeOutcomes(client, keys, patientId, stale.map(({ sample }) => sample), stale);
    const of = (wanted: Kind) => differing.filter(({ kind }) => kind === wanted).filter(isDone).map(submittable);
    // What went out with another value is not submitted again; who wants it asks for it.
    await context.outbox.renew(client, keys, patientId, of('repaired'), of('changed'), differing.map(({ sample }) => sample._id));
  }
  return { counts: countsOf(compared), differing: differing.map(({ sample }) => sample._id) };
};
