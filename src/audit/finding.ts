import type { Queryable } from '../database/pool.ts';
import type { ActorKind, AuditOutcome } from './audit-event.ts';
import { instantText, type AuditSchema } from './audit-tables.ts';

/** Which rows; all that is given must hold. `from` is included, `to` is not. */
export interface AuditFilter {
  readonly patientId?: string | undefined;
  readonly actorKind?: ActorKind | undefined;
  readonly actorId?: string | undefined;
  readonly event?: string | undefined;
  readonly outcome?: AuditOutcome | undefined;
  readonly requestId?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Leaves out what the patient did. */
  readonly byOthers?: boolean | undefined;
}

/** A page of rows, newest first, after the row `after`. */
export interface AuditPage extends AuditFilter {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A row as it is shown to operators; `at` in UTC with microseconds, by the clock of the database. */
export interface AuditRow {
  readonly _id: string;
  readonly at: string;
  readonly event: string;
  readonly action: 'C' | 'R' | 'U' | 'D' | 'E';
  readonly outcome: AuditOutcome;
  readonly reason: string | null;
  /** Empty where it is about nobody's data; `erased:…` after an erasure. */
  readonly patient_id: string;
  readonly actor_kind: ActorKind;
  /** Null where the patient acted, or nobody in particular. */
  readonly actor_id: string | null;
  readonly resource: string;
  readonly request_id: string;
  readonly peer: string;
}

/** Identifiers begin with the instant, in milliseconds, so that the index over them finds times as well. */
const firstIdOf = (instant: Date): string => `${Math.max(0, instant.getTime()).toString(16).padStart(12, '0')}${'0'.repeat(20)}`;

/** Rows of one service's audit, newest first. */
export const findAudit = async (db: Queryable, schema: AuditSchema, page: AuditPage): Promise<AuditRow[]> => {
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${String(values.push(value))}`;
  const equal = (column: string, value: string | undefined): string[] => (value === undefined ? [] : [`e.${column} = ${parameter(value)}`]);
  const { actorId, from, to, after, byOthers } = page;
  // A patient's own acts name the patient alone.
  const acting = actorId === undefined ? [] : [((id: string) => `(e.actor_id = ${id} or (e.actor_id is null and e.actor_kind in ('patient', 'user') and e.patient_id = ${id}))`)(parameter(actorId))];
  const conditions = [
    ...equal('patient_id', page.patientId), ...equal('actor_kind', page.actorKind), ...acting, ...equal('event', page.event), ...equal('outcome', page.outcome), ...equal('request_id', page.requestId),
    ...(from === undefined ? [] : [`e._id >= ${parameter(firstIdOf(from))}::uuid`]),
    ...(to === undefined ? [] : [`e._id < ${parameter(firstIdOf(to))}::uuid`]),
    ...(after === undefined ? [] : [`e._id < ${parameter(after)}::uuid`]),
    ...(byOthers === true ? [`not (e.actor_kind in ('patient', 'user') and e.actor_id is null)`] : []),
    'true',
  ];
  const { rows } = await db.query<AuditRow>(
    `select replace(e._id::text, '-', '') as _id, ${instantText('e.at')} as at, e.event, e.action, e.outcome, e.reason, e.patient_id, e.actor_kind, e.actor_id, e.resource, e.request_id, e.peer
     from ${schema}.audit_event e where ${conditions.join(' and ')} order by e._id desc limit ${parameter(page.limit)}`,
    values,
  );
  return rows;
};
