import type { Queryable } from '../../database/pool.ts';

export type BulkKind = 'bulk-activation' | 'bulk-change-password';

/** A job on many users; request and outcome belong to its kind. */
export interface BulkJob {
  readonly id: string;
  readonly kind: BulkKind;
  readonly status: 'pending' | 'completed' | 'failed';
  readonly request: unknown;
  readonly outcome: unknown;
  readonly creatorId: string;
  readonly createdAt: Date;
}

interface Row {
  readonly _id: string;
  readonly kind: BulkKind;
  readonly status: BulkJob['status'];
  readonly request: unknown;
  readonly outcome: unknown;
  readonly creator_id: string;
  readonly created_at: Date;
}

const jobOf = ({ _id, creator_id, created_at, kind, status, request, outcome }: Row): BulkJob => ({ id: _id, kind, status, request, outcome, creatorId: creator_id, createdAt: created_at });

/** Keeps a job that is to be run. */
export const insertBulkJob = async (db: Queryable, { id, kind, request, creatorId }: Pick<BulkJob, 'id' | 'kind' | 'request' | 'creatorId'>): Promise<BulkJob> => {
  const { rows } = await db.query<Row>('insert into user_manager.bulk_job (_id, kind, request, creator_id) values ($1, $2, $3, $4) returning *', [id, kind, JSON.stringify(request), creatorId]);
  const [row] = rows;
  if (row === undefined) throw new Error('An inserted job returns its row.');
  return jobOf(row);
};

/** The job of an id and kind. */
export const findBulkJob = async (db: Queryable, kind: BulkKind, id: string): Promise<BulkJob | undefined> => {
  const { rows } = await db.query<Row>('select * from user_manager.bulk_job where _id = $1 and kind = $2', [id, kind]);
  return rows[0] && jobOf(rows[0]);
};

/** The job of an id unless it is done, locked until the transaction ends. */
export const lockPendingJob = async (db: Queryable, id: string): Promise<BulkJob | undefined> => {
  const { rows } = await db.query<Row>(`select * from user_manager.bulk_job where _id = $1 and status = 'pending' for update`, [id]);
  return rows[0] && jobOf(rows[0]);
};

/** Keeps what became of a job. */
export const endBulkJob = async (db: Queryable, id: string, outcome: unknown): Promise<void> => {
  await db.query(`update user_manager.bulk_job set status = 'completed', outcome = $2 where _id = $1`, [id, JSON.stringify(outcome)]);
};

/** Keeps that a job will never be done. */
export const failBulkJob = async (db: Queryable, id: string): Promise<void> => {
  await db.query(`update user_manager.bulk_job set status = 'failed' where _id = $1 and status = 'pending'`, [id]);
};

/** Takes a user out of what bulk jobs were asked for and what became of them; answers how many jobs named the user. */
export const eraseFromBulkJobs = async (db: Queryable, ids: readonly string[]): Promise<number> => {
  let named = 0;
  for (const id of ids) {
    const { rowCount } = await db.query(
      `update user_manager.bulk_job set request = replace(request::text, to_json($1::text)::text, '"erased"')::jsonb, outcome = replace(outcome::text, to_json($1::text)::text, '"erased"')::jsonb
       where position(to_json($1::text)::text in request::text) > 0 or position(to_json($1::text)::text in coalesce(outcome::text, '')) > 0`,
      [id],
    );
    named += rowCount ?? 0;
  }
  return named;
};

/** Forgets jobs that are done and were asked for before an instant; answers how many. */
export const forgetBulkJobs = async (db: Queryable, before: Date): Promise<number> =>
  (await db.query(`delete from user_manager.bulk_job where created_at < $1 and status <> 'pending'`, [before])).rowCount ?? 0;
