import { setImmediate } from 'node:timers/promises';
import type { Pool } from '../database/pool.ts';
import type { Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import type { NormalizedData } from '../measurement/coding.ts';
import { dayOf, pointsOf } from './domain/chart.ts';
import { normalize, type Normalized, type Rules } from './domain/normalization.ts';
import type { Reason } from './domain/observing.ts';
import type { Standing } from './domain/version.ts';
import type { Outbox, Submittable } from './outbox.ts';
import { itemsOf, located, measuredOf, sourceOf } from './payload-items.ts';
import type { RuleBook } from './rule-book.ts';
import { settle } from './settling.ts';
import { mergeNormalizedChunk } from './storage/normalized-chunk-table.ts';
import { readPayload, type Payload } from './storage/payload-table.ts';
import { samplesToNormalize, writeResults, type NormalizationResult, type PayloadSample, type Which } from './storage/sample-result-table.ts';
import type { SampleRow } from './storage/sample-table.ts';
import type { StoredPoint } from './storage/series-body.ts';
import { mergeSeriesChunks, removePoints, type SeriesChunk } from './storage/series-chunk-table.ts';
import { renewRollups } from './storage/series-rollup-table.ts';
import { writeStandings } from './storage/version-table.ts';

/** What the rules make of one sample. */
export interface Outcome {
  readonly sample: PayloadSample;
  /** What measured it: the source that the sample names, else its device. */
  readonly source: string;
  readonly outcome: Normalized | { readonly reason: Reason };
}

const own = ({ _id, groupNo, hasOwnState }: PayloadSample) => ({ _id, groupNo, hasOwnState });

const resultOf = ({ sample, outcome }: Outcome): NormalizationResult =>
  'reason' in outcome
    ? { ...own(sample), state: 'normalization-failed', reason: outcome.reason }
    : { ...own(sample), state: 'normalized', ...(outcome.remark && { reason: outcome.remark }), normalizedType: outcome.normalizedDataType, ruleId: outcome.ruleId, ruleVersion: outcome.ruleVersion };

const submittable = ({ sample, outcome }: Outcome & { outcome: Normalized }): Submittable => ({
  sampleId: sample._id, normalizedType: outcome.normalizedDataType, ruleId: outcome.ruleId, ruleVersion: outcome.ruleVersion, observedAt: sample.recorded_at,
});

/** A version that conflicts with the one that stays was not normalized; the others say what they are. */
const writtenStanding = (_id: string, standing: Standing | undefined): { _id: string; state: string; reason: string }[] =>
  standing === undefined || standing.state === 'current' ? [] : [{ _id, state: standing.state === 'conflicting' ? 'normalization-failed' : standing.state, reason: standing.reason }];

const storeRecords = async (db: Queryable, keys: ScopeKeys, patientId: string, payloadId: string, done: readonly (Outcome & { outcome: Normalized })[]): Promise<void> => {
  for (const group of Object.values(Object.groupBy(done, ({ outcome }) => `${outcome.ruleId}@${String(outcome.ruleVersion)}`))) {
    const [first] = group ?? [];
    if (!group || !first) continue;
    const { ruleId, ruleVersion } = first.outcome;
    const records = Object.fromEntries(group.map(({ sample, outcome }) => [String(sample.item_index), outcome.record] as [string, NormalizedData]));
    await mergeNormalizedChunk(db, keys, { patientId, payloadId, ruleId, ruleVersion }, records);
  }
};

const storePoints = async (db: Queryable, keys: ScopeKeys, patientId: string, payloadId: string, done: readonly (Outcome & { outcome: Normalized })[]): Promise<SeriesChunk[]> => {
  const chunks = new Map<string, SeriesChunk & { readonly points: StoredPoint[] }>();
  for (const { sample, source, outcome } of done) {
    for (const { series, name, x, y } of pointsOf(outcome.record)) {
      const key = { patientId, normalizedType: outcome.normalizedDataType, rawType: sample.type ?? '', series, day: dayOf(x) };
      const text = `${key.normalizedType}\n${key.rawType}\n${series}\n${key.day}`;
      const chunk = chunks.get(text) ?? { key, name, points: [] };
      chunks.set(text, chunk);
      chunk.points.push([x, y, payloadId, sample.item_index, source]);
    }
  }
  return mergeSeriesChunks(db, keys, patientId, [...chunks.values()]);
};

/** After how many samples requests have their turn, so that a payload of thousands holds up nobody. */
const samplesATurn = 500;

/** Applies rules to samples of a payload; changes nothing. */
export const outcomesOf = async (rules: Rules, payload: Payload, samples: readonly PayloadSample[]): Promise<Outcome[]> => {
  const items = itemsOf(payload);
  const outcomes: Outcome[] = [];
  for (const [index, sample] of samples.entries()) {
    if (index % samplesATurn === samplesATurn - 1) await setImmediate();
    const item = items[sample.item_index] ?? {};
    outcomes.push({ sample, source: sourceOf(sample, item), outcome: located(normalize(rules, measuredOf(sample, item, payload.context)), sample, item, payload.context) });
  }
  return outcomes;
};

/** Stores outcomes of samples of one payload: records, points, rollups and states; what earlier ones put into charts goes. The caller holds the patient's lock. */
export const storeOutcomes = async (db: Queryable, keys: ScopeKeys, { patientId, payloadId }: Pick<Payload, 'patientId' | 'payloadId'>, samples: readonly SampleRow[], outcomes: readonly Outcome[]): Promise<void> => {
  const done = outcomes.filter((one): one is Outcome & { outcome: Normalized } => !('reason' in one.outcome));
  await storeRecords(db, keys, patientId, payloadId, done);
  const [forgotten, stored] = [await removePoints(db, keys, patientId, samples), await storePoints(db, keys, patientId, payloadId, done)];
  await renewRollups(db, keys, patientId, [...forgotten, ...stored]);
  await writeResults(db, patientId, payloadId, outcomes.map(resultOf));
};

/** One writer per patient at a time, whoever calls, until the transaction ends. */
export const lockPatient = async (db: Queryable, patientId: string): Promise<void> => {
  await db.query('set local lock_timeout = 0');
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [patientId]);
};

/** Normalizes samples of one payload. */
export interface Normalizer {
  /**
   * Normalizes samples of a payload, those that wait for it if not said otherwise, in one transaction: records, points and states. Of
   * versions only those whose state is no longer right. Doing it twice is doing it once. A payload that is gone is no error.
   */
  readonly normalize: (patientId: string, payloadId: string, which?: Which) => Promise<void>;
}

/** A normalizer with the rules of an installation. `onFailure` is told how many samples of a payload no rule took. */
export const createNormalizer = (pool: Pool, keyRing: KeyRing, ruleBook: RuleBook, outbox: Outbox, onFailure: (reason: string, samples: number) => void): Normalizer => ({
  normalize: async (patientId, payloadId, which = 'received') => {
    const failures = await inTransaction(pool, async (client): Promise<string[]> => {
      await lockPatient(client, patientId);
      const found = await samplesToNormalize(client, patientId, payloadId, which);
      const { standings, changed } = await settle(client, found);
      const samples = which === 'versions' ? changed : found;
      if (samples.length === 0) return [];
      const keys = await keyRing.keysOf(client, `patient:${patientId}`);
      const payload = await readPayload(client, keys, patientId, payloadId);
      if (!payload) return [];
      const { rules } = await ruleBook.current(client);
      const outcomes = await outcomesOf(rules, payload, samples.filter(({ _id }) => (standings.get(_id)?.state ?? 'current') === 'current'));
      await writeStandings(client, patientId, samples.flatMap(({ _id }) => writtenStanding(_id, standings.get(_id))));
      await storeOutcomes(client, keys, payload, samples, outcomes);
      const done = outcomes.filter((one): one is Outcome & { outcome: Normalized } => !('reason' in one.outcome));
      await outbox.note(client, keys, patientId, done.map(submittable), samples.map(({ _id }) => _id));
      return outcomes.flatMap(({ outcome }) => ('reason' in outcome ? [outcome.reason] : []));
    });
    for (const [reason, samples] of Map.groupBy(failures, (one) => one)) onFailure(reason, samples.length);
  },
});
