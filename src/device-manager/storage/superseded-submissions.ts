import type { Queryable } from '../../database/pool.ts';
import type { Staged } from './submission-table.ts';

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/** What a sample counts as. */
export type Counting = Pick<Staged, 'sampleId' | 'ruleId' | 'ruleVersion' | 'leftOut'>;

/** Whether anything of a patient could be superseded; most patients have no plan, and naming a thousand samples costs more than asking. */
const hasSubmissions = async (db: Queryable, patientId: string): Promise<boolean> => {
  const { rows: [row] } = await db.query<{ any: boolean }>({
    name: 'has-submissions', text: 'select exists (select from device_manager.submission where patient_id = $1 and superseded_at is null) as any', values: [patientId],
  });
  return row?.any ?? true;
};

/** A sample of which something was dropped that had not arrived, and whether it had been requested. */
export interface Dropped {
  readonly sampleId: string;
  readonly requested: boolean;
}

const countingColumns = (counting: readonly Counting[]) => [counting.map((one) => one.sampleId), counting.map((one) => one.ruleId), counting.map((one) => one.ruleVersion), counting.map((one) => one.leftOut)];
const isAs = 'c.sample_id = d.sample_id and c.rule_id = d.rule_id and c.rule_version = d.rule_version and c.left_out is not distinct from d.left_out';

/** What was delivered of samples that count again as they did, and was superseded meanwhile, is what is true of them. */
export const restoreDelivered = async (db: Queryable, patientId: string, counting: readonly Counting[]): Promise<void> => {
  if (counting.length === 0 || !(await hasSubmissions(db, patientId))) return;
  await db.query(
    `update device_manager.submission d set superseded_at = null
     from unnest($2::uuid[], $3::text[], $4::int[], $5::text[]) as c(sample_id, rule_id, rule_version, left_out)
     where d.patient_id = $1 and ${isAs} and d.state = 'delivered' and d.superseded_at is not null`,
    [patientId, ...countingColumns(counting)],
  );
};

/** What became of submissions that were superseded. */
export interface Superseded {
  readonly dropped: readonly Dropped[];
  /** Whether of some it is to be asked whether they arrived. */
  readonly isDoubtful: boolean;
}

/**
 * Marks what was made of samples before as superseded, but for what the same version of the same rule made of the same of those that
 * still count. What was never sent is dropped, and answered by sample; what was delivered stays as it was. Of what was sent and is
 * parked nobody knows whether it arrived: it waits again, to be asked about and not to be sent.
 */
export const supersedeSubmissions = async (db: Queryable, patientId: string, sampleIds: readonly string[], counting: readonly Counting[] = []): Promise<Superseded> => {
  if (!(await hasSubmissions(db, patientId))) return { dropped: [], isDoubtful: false };
  const { rows } = await db.query<Dropped & { readonly state: string }>(
    `with superseded as (
     update device_manager.submission d set superseded_at = now(),
       state = case when d.state in ('waiting', 'parked') and d.sent_at is null then 'dropped' when d.state = 'parked' then 'waiting' else d.state end,
       next_attempt_at = case when d.state = 'parked' then now() else d.next_attempt_at end
     where d.patient_id = $1 and d.sample_id = any($2::uuid[]) and d.superseded_at is null
       and not exists (select from unnest($3::uuid[], $4::text[], $5::int[], $6::text[]) as c(sample_id, rule_id, rule_version, left_out) where ${isAs})
     returning d.sample_id, d.state, d.requested)
     select ${hex('sample_id')} as "sampleId", state, bool_or(requested) as requested from superseded group by sample_id, state`,
    [patientId, sampleIds, ...countingColumns(counting)],
  );
  return { dropped: rows.filter(({ state }) => state === 'dropped'), isDoubtful: rows.some(({ state }) => state === 'waiting') };
};
