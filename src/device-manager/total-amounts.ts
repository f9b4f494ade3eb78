import type { Queryable } from '../database/pool.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { isDone, outcomesOf } from './outcomes.ts';
import type { RuleBook } from './rule-book.ts';
import type { Amounts } from './settling.ts';
import { readPayloads } from './storage/payload-table.ts';
import { samplesToNormalize } from './storage/sample-result-table.ts';

/** Tells how much totals of periods say, by the rules that hold: amounts are in no column, so that the database does not show them. */
export const createAmounts = (db: Queryable, keyRing: KeyRing, ruleBook: RuleBook): Amounts => async (totals) => {
  const amounts = new Map<string, number>();
  const { rules } = await ruleBook.current(db);
  for (const [patientId, own] of Map.groupBy(totals, ({ patient_id }) => patient_id)) {
    const keys = await keyRing.knownKeysOf(db, `patient:${patientId}`);
    if (!keys) continue;
    const [wanted, payloadIds] = [new Set(own.map(({ _id }) => _id)), [...new Set(own.map(({ payload_id }) => payload_id))]];
    const samples = Map.groupBy((await samplesToNormalize(db, patientId, payloadIds, 'versions')).filter(({ _id }) => wanted.has(_id)), ({ payload_id }) => payload_id);
    for (const payload of await readPayloads(db, keys, patientId, payloadIds)) {
      const outcomes = await outcomesOf(rules, payload, samples.get(payload.payloadId) ?? []);
      // Of the rings of a day the first is the energy, which grows with all the others.
      for (const { sample, outcome } of outcomes.filter(isDone)) amounts.set(sample._id, outcome.record.observations[0]?.value ?? 0);
    }
  }
  return amounts;
};
