import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import type { Rules } from './domain/normalization.ts';
import type { Reason } from './domain/observing.ts';
import { namesIn, type Standing } from './domain/version.ts';
import type { Outbox, Submittable } from './outbox.ts';
import { isDone, outcomesOf, storeOutcomes, type Done, type Outcome } from './outcomes.ts';
import type { RuleBook } from './rule-book.ts';
import { settle } from './settling.ts';
import { readPayloads, type Payload } from './storage/payload-table.ts';
import { samplesToNormalize, type PayloadSample, type Which } from './storage/sample-result-table.ts';
import { writeLeftOut, writeStandings } from './storage/version-table.ts';
import { createAmounts } from './total-amounts.ts';
import { takeWaiting } from './waiting-payloads.ts';

/** A normalized sample as the outbox takes it. */
export const submittable = ({ sample, outcome }: Done): Submittable => ({
  sampleId: sample._id, normalizedType: outcome.normalizedDataType, ruleId: outcome.ruleId, ruleVersion: outcome.ruleVersion, leftOut: sample.left_out, observedAt: sample.recorded_at,
});

/** A version that conflicts with the one that stays was not normalized; the others say what they are. */
const writtenStanding = (_id: string, standing: Standing | undefined): { _id: string; state: string; reason: string }[] =>
  standing === undefined || standing.state === 'current' ? [] : [{ _id, state: standing.state === 'conflicting' ? 'normalization-failed' : standing.state, reason: standing.reason }];

/** A sample that counts, with what of it does not. */
const currentOf = (sample: PayloadSample, standing: Standing = { state: 'current' }): PayloadSample[] => (standing.state === 'current' ? [{ ...sample, left_out: standing.leftOut ?? null }] : []);

/** One writer per patient at a time, whoever calls, until the transaction ends. */
export const lockPatient = async (db: Queryable, patientId: string): Promise<void> => {
  await db.query({ name: 'lock-patient', text: `select set_config('lock_timeout', '0', true), pg_advisory_xact_lock(hashtextextended($1, 0))`, values: [patientId] });
};

/** What normalizes, with the rules of an installation. */
interface Normalizing {
  readonly keyRing: KeyRing;
  readonly ruleBook: RuleBook;
  readonly outbox: Outbox;
}

/** In the order of the payloads, so that the same samples always come out the same. */
const outcomesIn = async (rules: Rules, payloads: readonly Payload[], samples: readonly PayloadSample[]): Promise<Outcome[]> => {
  const byPayload = Map.groupBy(samples, ({ payload_id: payloadId }) => payloadId);
  const outcomes: Outcome[] = [];
  for (const payload of payloads) outcomes.push(...(await outcomesOf(rules, payload, byPayload.get(payload.payloadId) ?? [])));
  return outcomes;
};

/** Normalizes samples of payloads of one patient, whose lock the caller holds; answers why no rule took some of them. */
const normalizePayloads = async ({ keyRing, ruleBook, outbox }: Normalizing, client: PoolClient, patientId: string, payloadIds: readonly string[], which: Which): Promise<Reason[]> => {
  const found = await samplesToNormalize(client, patientId, payloadIds, which);
  const { standings, changed } = await settle(client, found, createAmounts(client, keyRing, ruleBook));
  const wanted = which === 'versions' ? changed : found;
  if (wanted.length === 0) return [];
  // Of a patient who is being erased there are samples for a while, but no keys.
  const keys = await keyRing.knownKeysOf(client, `patient:${patientId}`, 'toWrite');
  if (!keys) return [];
  const counts = ({ _id }: PayloadSample): boolean => (standings.get(_id)?.state ?? 'current') === 'current';
  const payloads = await readPayloads(client, keys, patientId, [...new Set(wanted.filter(counts).map(({ payload_id: payloadId }) => payloadId))]);
  const kept = new Set(payloads.map(({ payloadId }) => payloadId));
  // What counts no more leaves the charts also where its bytes do not open, or are kept no more.
  const samples = wanted.filter((sample) => kept.has(sample.payload_id) || !counts(sample));
  if (samples.length === 0) return [];
  const { rules } = await ruleBook.held(client);
  const current = samples.flatMap((sample) => currentOf(sample, standings.get(sample._id)));
  const outcomes = await outcomesIn(rules, payloads, current);
  await writeLeftOut(client, patientId, current.filter(({ identity }) => identity !== null && namesIn(identity).length > 1));
  await writeStandings(client, patientId, samples.flatMap(({ _id }) => writtenStanding(_id, standings.get(_id))));
  await storeOutcomes(client, keys, patientId, samples, outcomes);
  await outbox.note(client, keys, patientId, outcomes.filter(isDone).map(submittable), samples.map(({ _id }) => _id));
  return outcomes.flatMap(({ outcome }) => ('reason' in outcome ? [outcome.reason] : []));
};

/** Normalizes samples of payloads. */
export interface Normalizer {
  /**
   * Normalizes samples of a payload, those that wait for it if not said otherwise, in one transaction: records, points and states. Of
   * versions only those whose state is no longer right. Doing it twice is doing it once. A payload that is gone is no error.
   */
  readonly normalize: (patientId: string, payloadId: string, which?: Which) => Promise<void>;
  /**
   * The same for what waits in a payload and, in the same transaction, for other payloads of the patient whose turn has come, so that a
   * day's chart is written once for all of them; their jobs are gone with it. When one of those fails, the payload is normalized alone.
   */
  readonly normalizeWaiting: (patientId: string, payloadId: string) => Promise<void>;
}

/** A normalizer with the rules of an installation. `onFailure` is told how many samples of a payload no rule took. */
export const createNormalizer = (pool: Pool, keyRing: KeyRing, ruleBook: RuleBook, outbox: Outbox, onFailure: (reason: string, samples: number) => void): Normalizer => {
  const normalizing = { keyRing, ruleBook, outbox };
  const tell = (failures: readonly Reason[]): void => {
    for (const [reason, samples] of Map.groupBy(failures, (one) => one)) onFailure(reason, samples.length);
  };
  const normalize = async (patientId: string, payloadId: string, which: Which = 'received'): Promise<void> => {
    tell(await inTransaction(pool, async (client) => {
      await lockPatient(client, patientId);
      return normalizePayloads(normalizing, client, patientId, [payloadId], which);
    }));
  };
  const normalizeWaiting = async (patientId: string, payloadId: string): Promise<void> => {
    const together = inTransaction(pool, async (client): Promise<Reason[] | undefined> => {
      await lockPatient(client, patientId);
      const others = await takeWaiting(client, patientId, payloadId);
      return others.length === 0 ? undefined : normalizePayloads(normalizing, client, patientId, [payloadId, ...others], 'received');
    });
    // What of the others failed fails again in its own job, which tells it.
    const failures = await together.catch(() => undefined);
    if (failures) tell(failures);
    else await normalize(patientId, payloadId);
  };
  return { normalize, normalizeWaiting };
};
