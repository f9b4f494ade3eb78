import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import { lockPatient } from './normalizing.ts';
import { compare, differenceOf, renew, type Difference, type RenormalizationContext, type Renewed } from './renormalizing.ts';
import { recordAudit } from './storage/audit-table.ts';
import {
  advanceRenormalization, finishRenormalization, fittingSamples, insertRenormalization, mostDifferences, nextPayloads, readRenormalization,
  type RenormalizationFilter, type RenormalizationRow,
} from './storage/renormalization-table.ts';
import { samplesToNormalize } from './storage/sample-result-table.ts';
import { sampleById } from './storage/sample-table.ts';

/** A run, and of a dry run some of what differs, by the rules as they are while it is shown. */
export interface Renormalization extends RenormalizationRow {
  readonly differences: readonly Difference[];
}

/** Runs over kept samples. */
export interface Renormalizer {
  /** Keeps the wish and its job; answers the identifier of the run. */
  readonly start: (filter: RenormalizationFilter, dryRun: boolean, by: { readonly actor: string; readonly requestId: string }) => Promise<string>;
  /** Goes on with a run until it is done; after a crash it goes on where it was. Between steps it is told to stop, and asks for the next process. */
  readonly run: (_id: string, isStopping: () => boolean) => Promise<void>;
  readonly show: (_id: string) => Promise<Renormalization | undefined>;
}

/** What runs stand on; `onUnreadable` is told of payloads that a run left as they were, because something sealed of theirs does not open. */
export interface RenormalizerOptions extends RenormalizationContext {
  readonly onUnreadable: (payloadIds: readonly string[]) => void;
}

/** One run at a time: it never takes the places of a process in which uploads are normalized, however many are asked for. */
const addRun = (db: Queryable, _id: string): Promise<void> =>
  addJob(db, { task: 'renormalize', payload: { renormalizationId: _id }, queue: 'renormalizations', key: `renormalize:${_id}` });

/** Payloads of one transaction, and samples beyond which no further one is begun. */
const payloadsAtOnce = 50;
const samplesAtOnce = 2000;

/** Undoes what was written where something sealed does not open, and answers undefined, so that it stops nobody else. */
const unlessBroken = async <Result>(client: PoolClient, work: () => Promise<Result>): Promise<Result | undefined> => {
  await client.query('savepoint payload');
  const result = await work().catch(async (error: unknown) => {
    if (!(error instanceof SealBrokenError)) throw error;
    await client.query('rollback to savepoint payload');
    return undefined;
  });
  await client.query('release savepoint payload');
  return result;
};

const leftOut = (samples: number): Renewed => ({ counts: { samples, unchanged: 0, changed: 0, repaired: 0, broken: 0, unreadable: samples }, differing: [] });

/** Goes on with a run by one payload; false where it does not open. */
const renewNext = async (context: RenormalizationContext, client: PoolClient, run: RenormalizationRow, patientId: string, payloadId: string): Promise<boolean> => {
  const samples = fittingSamples(await samplesToNormalize(client, patientId, [payloadId], 'all'), run.filter);
  const renewed = await unlessBroken(client, () => renew(context, client, run, patientId, payloadId, samples));
  const { counts, differing } = renewed ?? leftOut(samples.length);
  await advanceRenormalization(client, run._id, { patientId, payloadId }, counts, differing.slice(0, mostDifferences));
  return renewed !== undefined;
};

/** One transaction, with samples of one patient alone; tells whether something was left to do, and which payloads do not open. */
const step = (context: RenormalizationContext, _id: string): Promise<{ isOver: boolean; unreadable: readonly string[] }> =>
  inTransaction(context.pool, async (client) => {
    const unreadable: string[] = [];
    const run = await readRenormalization(client, _id, true);
    if (!run || run.state === 'done') return { isOver: true, unreadable };
    const next = await nextPayloads(client, run, payloadsAtOnce);
    const [first] = next;
    if (!first) {
      await finishRenormalization(client, _id);
      return { isOver: true, unreadable };
    }
    await lockPatient(client, first.patientId);
    let samples = 0;
    for (const { patientId, payloadId, samples: more } of next) {
      if (patientId !== first.patientId || (samples > 0 && samples + more > samplesAtOnce)) break;
      if (!(await renewNext(context, client, run, patientId, payloadId))) unreadable.push(payloadId);
      samples += more;
    }
    return { isOver: false, unreadable };
  });

const differencesOf = async (context: RenormalizationContext, run: RenormalizationRow): Promise<Difference[]> => {
  const { pool, ruleBook } = context;
  const { rules } = await ruleBook.current();
  const found = await Promise.all((run.dry_run ? run.differing : []).map((_id) => sampleById(pool, _id)));
  const compared = await Promise.all(found.map(async (sample) =>
    (sample ? compare(context, pool, rules, sample.patient_id, sample.payload_id, await samplesToNormalize(pool, sample.patient_id, [sample.payload_id], { only: sample._id })) : [])));
  return compared.flat().map(differenceOf);
};

/** Runs over kept samples by the rules that hold when each is reached; what that changes is told to the outbox. */
export const createRenormalizer = ({ onUnreadable, ...context }: RenormalizerOptions): Renormalizer => {
  const { pool } = context;
  return {
    start: (filter, dryRun, { actor, requestId }) =>
      inTransaction(pool, async (client) => {
        const _id = randomUUID().replaceAll('-', '');
        await insertRenormalization(client, { _id, filter, dryRun, creator: actor });
        await addRun(client, _id);
        await recordAudit(client, { patientId: filter.patientId, actor, action: dryRun ? 'read' : 'update', resource: `renormalization/${_id}`, requestId });
        return _id;
      }),
    run: async (_id, isStopping) => {
      for (;;) {
        const { isOver, unreadable } = await step(context, _id);
        if (unreadable.length > 0) onUnreadable(unreadable);
        if (isOver) return undefined;
        if (isStopping()) return addRun(pool, _id);
      }
    },
    show: async (_id) => {
      const run = await readRenormalization(pool, _id);
      return run && { ...run, differences: await differencesOf(context, run) };
    },
  };
};
