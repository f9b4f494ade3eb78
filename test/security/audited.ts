import type { AuditSchema } from '../../src/audit/audit-tables.ts';
import type { TestDatabase } from '../setup/test-database.ts';

/** A row of the audit as tests look at it. */
export interface Audited {
  readonly schema: AuditSchema;
  readonly _id: string;
  readonly at: Date;
  readonly event: string;
  readonly action: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly patient_id: string;
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly resource: string;
  readonly request_id: string;
  readonly peer: string;
}

export const schemas = ['device_manager', 'user_manager'] as const;

/** All rows of both audits, oldest first. */
export const auditOf = async ({ pool }: TestDatabase): Promise<Audited[]> => {
  const rows = await Promise.all(schemas.map(async (schema) => (await pool.query<Audited>(`select $1::text as schema, replace(e._id::text, '-', '') as _id, e.at, e.event, e.action, e.outcome, e.reason, e.patient_id, e.actor_kind, e.actor_id, e.resource, e.request_id, e.peer from ${schema}.audit_event e order by e._id`, [schema])).rows));
  return rows.flat();
};

/** The rows that an act left in both audits. */
export const auditedDuring = async (database: TestDatabase, act: () => Promise<unknown>): Promise<Audited[]> => {
  const before = new Set((await auditOf(database)).map(({ _id }) => _id));
  await act();
  return (await auditOf(database)).filter(({ _id }) => !before.has(_id));
};
