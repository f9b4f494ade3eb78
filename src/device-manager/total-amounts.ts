import type { Queryable } from '../database/pool.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import type { Rules } from './domain/normalization.ts';
import { isDone, outcomesOf } from './outcomes.ts';
import type { RuleBook } from './rule-book.ts';
import type { Amounts } from './settling.ts';
import { readNormalizedChunk, recordIn } from './storage/normalized-chunk-table.ts';
import { readPayload } from './storage/payload-table.ts';
import { samplesToNormalize } from './storage/sample-result-table.ts';
import type { VersionRow } from './storage/version-table.ts';

type Amount = readonly [id: string, amount: number];

/** Of the rings of a day the first is the energy, which grows with all the others. */
const firstIn = (record: { readonly observations: readonly { readonly value?: number }[] } | undefined): number => record?.observations[0]?.value ?? 0;

/** From records, which stay where the bytes are kept no more, or no rule reads them any more. */
const amountsOfRecords = async (db: Queryable, keys: ScopeKeys, totals: readonly VersionRow[]): Promise<Amount[]> => {
  const found: Amount[] = [];
  for (const group of Map.groupBy(totals, (row) => `${row.payload_id}/${String(row.rule_id)}@${String(row.rule_version)}`).values()) {
    const [first] = group;
    if (!first || first.rule_id === null || first.rule_version === null) continue;
    const chunk = await readNormalizedChunk(db, keys, { patientId: first.patient_id, payloadId: first.payload_id, ruleId: first.rule_id, ruleVersion: first.rule_version });
    found.push(...group.map((row): Amount => [row._id, firstIn(recordIn(chunk, row))]));
  }
  return found;
};

/** From the payload, of what nothing was made yet, or by a rule that holds no more and may have meant another unit. */
const amountsInPayload = async (db: Queryable, keys: ScopeKeys, rules: Rules, patientId: string, payloadId: string, wanted: ReadonlySet<string>): Promise<Amount[]> => {
  const payload = await readPayload(db, keys, patientId, payloadId);
  if (!payload) return [];
  const samples = (await samplesToNormalize(db, patientId, [payloadId], 'versions')).filter(({ _id }) => wanted.has(_id));
  return (await outcomesOf(rules, payload, samples)).filter(isDone).map(({ sample, outcome }): Amount => [sample._id, firstIn(outcome.record)]);
};

/** What does not open is told where it is read for itself; here it holds up nobody else, and counts for nothing. */
const unlessBroken = (amounts: Promise<Amount[]>): Promise<Amount[]> =>
  amounts.catch((error: unknown) => {
    if (error instanceof SealBrokenError) return [];
    throw error;
  });

/**
 * Tells how much totals of periods say, by the rules that hold: amounts are in no column, so that the database does not show them. Payloads
 * are opened one after the other.
 */
export const createAmounts = (db: Queryable, keyRing: KeyRing, ruleBook: RuleBook): Amounts => async (totals) => {
  const amounts = new Map<string, number>();
  const { rules, inForce } = await ruleBook.current(db);
  const holding = new Set(inForce.map(({ identifier, version }) => `${identifier}@${String(version)}`));
  for (const [patientId, own] of Map.groupBy(totals, ({ patient_id }) => patient_id)) {
    const keys = await keyRing.knownKeysOf(db, `patient:${patientId}`);
    if (!keys) continue;
    for (const [payloadId, group] of Map.groupBy(own, ({ payload_id }) => payload_id)) {
      const read = group.filter(({ rule_id: ruleId, rule_version: version }) => !holding.has(`${String(ruleId)}@${String(version)}`));
      const found = read.length === 0 ? [] : await unlessBroken(amountsInPayload(db, keys, rules, patientId, payloadId, new Set(read.map(({ _id }) => _id))));
      const ids = new Set(found.map(([id]) => id));
      found.push(...(await unlessBroken(amountsOfRecords(db, keys, group.filter(({ _id, rule_id: ruleId }) => ruleId !== null && !ids.has(_id))))));
      for (const [id, amount] of found) amounts.set(id, amount);
    }
  }
  return amounts;
};
