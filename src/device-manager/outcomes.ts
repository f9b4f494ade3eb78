import { setImmediate } from 'node:timers/promises';
import type { Queryable } from '../database/pool.ts';
import type { ScopeKeys } from '../keys/scope-keys.ts';
import type { NormalizedData } from '../measurement/coding.ts';
import { dayOf, pointsOf } from './domain/chart.ts';
import { normalize, type Normalized, type Rules } from './domain/normalization.ts';
import type { Reason } from './domain/observing.ts';
import { itemsOf, located, measuredOf, sourceOf, withoutHalf } from './payload-items.ts';
import { mergeNormalizedChunks, recordName, type NewRecords } from './storage/normalized-chunk-table.ts';
import type { Payload } from './storage/payload-table.ts';
import { writeResults, type NormalizationResult, type PayloadSample } from './storage/sample-result-table.ts';
import type { SampleRow } from './storage/sample-table.ts';
import type { StoredPoint } from './storage/series-body.ts';
import { mergeSeriesChunks, removePoints, type SeriesChunk } from './storage/series-chunk-table.ts';
import { renewRollups } from './storage/series-rollup-table.ts';

/** What the rules make of one sample. */
export interface Outcome {
  readonly sample: PayloadSample;
  /** What measured it: the source that the sample names, else its device. */
  readonly source: string;
  readonly outcome: Normalized | { readonly reason: Reason };
}

const own = ({ _id, payload_id, groupNo, hasOwnState }: PayloadSample) => ({ _id, payload_id, groupNo, hasOwnState });

const resultOf = ({ sample, outcome }: Outcome): NormalizationResult =>
  'reason' in outcome
    ? { ...own(sample), state: 'normalization-failed', reason: outcome.reason }
    : { ...own(sample), state: 'normalized', ...(outcome.remark && { reason: outcome.remark }), normalizedType: outcome.normalizedDataType, ruleId: outcome.ruleId, ruleVersion: outcome.ruleVersion };

/** What the rules made a record of. */
export type Done = Outcome & { readonly outcome: Normalized };
/** Tells what a rule took from what none did. */
export const isDone = <One extends Outcome>(one: One): one is One & Done => !('reason' in one.outcome);

const storeRecords = async (db: Queryable, keys: ScopeKeys, patientId: string, done: readonly Done[]): Promise<void> => {
  const groups = Map.groupBy(done, ({ sample, outcome }) => `${sample.payload_id}/${outcome.ruleId}@${String(outcome.ruleVersion)}`);
  const added = [...groups.values()].flatMap((group): NewRecords[] => {
    const [first] = group;
    if (!first) return [];
    const { sample: { payload_id: payloadId }, outcome: { ruleId, ruleVersion } } = first;
    return [{ key: { patientId, payloadId, ruleId, ruleVersion }, records: Object.fromEntries(group.map(({ sample, outcome }) => [recordName(sample), outcome.record] as [string, NormalizedData])) }];
  });
  await mergeNormalizedChunks(db, keys, patientId, added);
};

const storePoints = async (db: Queryable, keys: ScopeKeys, patientId: string, done: readonly Done[]): Promise<SeriesChunk[]> => {
  const chunks = new Map<string, SeriesChunk & { readonly points: StoredPoint[] }>();
  for (const { sample, source, outcome } of done) {
    for (const { series, name, x, y } of pointsOf(outcome.record)) {
      const key = { patientId, normalizedType: outcome.normalizedDataType, rawType: sample.type ?? '', series, day: dayOf(x) };
      const text = `${key.normalizedType}\n${key.rawType}\n${series}\n${key.day}`;
      const chunk = chunks.get(text) ?? { key, name, points: [] };
      chunks.set(text, chunk);
      chunk.points.push([x, y, sample.payload_id, sample.item_index, source]);
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
    const item = withoutHalf(items[sample.item_index] ?? {}, sample.left_out);
    outcomes.push({ sample, source: sourceOf(sample, item), outcome: located(normalize(rules, measuredOf(sample, item, payload.context)), sample, item, payload.context) });
  }
  return outcomes;
};

/** Stores outcomes of samples of one patient: records, points, rollups and states; what earlier ones put into charts goes. The caller holds the patient's lock. */
export const storeOutcomes = async (db: Queryable, keys: ScopeKeys, patientId: string, samples: readonly SampleRow[], outcomes: readonly Outcome[]): Promise<void> => {
  const done = outcomes.filter(isDone);
  await storeRecords(db, keys, patientId, done);
  const [forgotten, stored] = [await removePoints(db, keys, patientId, samples), await storePoints(db, keys, patientId, done)];
  await renewRollups(db, keys, patientId, [...forgotten, ...stored]);
  await writeResults(db, patientId, outcomes.map(resultOf));
};
