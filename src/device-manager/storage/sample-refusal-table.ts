import type { Queryable } from '../../database/pool.ts';
import { rowsOf } from './erasing-rows.ts';

/** Why samples of one request were refused: a stable code, how many, and where the first of them is in the body. */
export interface RefusalReason {
  readonly code: string;
  readonly samples: number;
  readonly pointer: string;
}

/** What was refused of the samples of one request; never a value or a date of one. */
export interface SampleRefusal {
  readonly received: number;
  readonly reasons: readonly RefusalReason[];
}

/** A refusal as it is kept. */
export interface KeptRefusal extends SampleRefusal {
  readonly refusedAt: Date;
}

/** How long refusals are told, in days. */
export const REFUSALS_KEPT_DAYS = 90;

/** Keeps a refusal for the person whose samples they were. */
export const insertSampleRefusal = async (db: Queryable, patientId: string, { received, reasons }: SampleRefusal): Promise<void> => {
  await db.query(
    'insert into device_manager.sample_refusal (patient_id, refused_at, _id, received, reasons) values ($1, clock_timestamp(), gen_random_uuid(), $2, $3)',
    [patientId, received, JSON.stringify(reasons)],
  );
};

interface Row {
  readonly refused_at: Date;
  readonly received: number;
  readonly reasons: RefusalReason[];
}

const refusalOf = ({ refused_at: refusedAt, received, reasons }: Row): KeptRefusal => ({ refusedAt, received, reasons });

/** The latest refusals of a patient, as long as they are told. */
export const latestRefusals = async (db: Queryable, patientId: string, limit: number): Promise<KeptRefusal[]> => {
  const { rows } = await db.query<Row>(
    `select refused_at, received, reasons from device_manager.sample_refusal
     where patient_id = $1 and refused_at > now() - make_interval(days => $2) order by refused_at desc, _id limit $3`,
    [patientId, REFUSALS_KEPT_DAYS, limit],
  );
  return rows.map(refusalOf);
};

/** All refusals of a patient, oldest first. */
export const refusalsOf = async (db: Queryable, patientId: string): Promise<KeptRefusal[]> => {
  const { rows } = await db.query<Row>('select refused_at, received, reasons from device_manager.sample_refusal where patient_id = $1 order by refused_at, _id', [patientId]);
  return rows.map(refusalOf);
};

/** Forgets refusals from before an instant, the first first; answers how many. */
export const forgetRefusals = async (db: Queryable, before: Date, limit: number): Promise<number> =>
  (
    await db.query(
      `delete from device_manager.sample_refusal where ctid = any(array(select ctid from device_manager.sample_refusal where refused_at < $1 order by refused_at limit $2))`,
      [before, limit],
    )
  ).rowCount ?? 0;

/** Erases what is told of refusals of a patient. */
export const eraseRefusals = rowsOf('sample_refusal');
