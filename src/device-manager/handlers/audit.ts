import type { AuditEvent as WireEvent } from '../../../generated/device-manager.d.ts';
import type { AuditEntry } from '../../audit/audit-event.ts';
import { auditRecordOf } from '../../audit/audit-record.ts';
import type { AuditPage, AuditRow } from '../../audit/finding.ts';
import type { Call, Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import type { SampleRefusal } from '../storage/sample-refusal-table.ts';
import { patientIn } from './health-data-search.ts';

/** What the handlers of the audit stand on. */
export interface AuditDependencies {
  readonly find: (page: AuditPage) => Promise<readonly AuditRow[]>;
  readonly record: (entry: AuditEntry) => Promise<void>;
  /** Writes a refusal, and what it was of samples, at once or not at all. */
  readonly recordRefusal: (entry: AuditEntry, samples: SampleRefusal | undefined) => Promise<void>;
}

type Query = Call<Operations['findAudit'], Caller>['query'];

const instantOf = (text: string | undefined, name: string): Date | undefined => {
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (typeof instant === 'object') return new Date(instant.epochMs);
  throw problem('invalid-request', { errors: [{ pointer: `/query/${name}`, code: 'invalid-date', message: 'Send an instant that exists, with an offset.' }] });
};

const linkFrom = (origin: string, query: Query, rows: readonly AuditRow[]): { readonly Link: string } | Record<string, never> => {
  const last = rows.at(-1);
  if (!last || rows.length < (query._l ?? 25)) return {};
  const kept = Object.entries(query).filter(([name]) => name !== '_cursor').map(([name, value]) => [name, String(value)] as [string, string]);
  return { Link: `<${origin}/audit?${new URLSearchParams([...kept, ['_cursor', last._id]]).toString()}>; rel="next"` };
};

/** Who did what to whose data; and what a service refused that has no audit of its own. */
export const audit = ({ find, record, recordRefusal }: AuditDependencies): Pick<Handlers<Operations, Caller>, 'findAudit' | 'reportRefusal'> => ({
  findAudit: async ({ caller, query, origin, requestId }) => {
    const { actorKind, actorId, event, outcome, requestId: inRequest, byOthers, _cursor, _l = 25 } = query;
    const patientId = patientIn(caller, query.patientId);
    const page = { patientId, actorKind, actorId, event, outcome, requestId: inRequest, byOthers, from: instantOf(query.from, 'from'), to: instantOf(query.to, 'to'), after: _cursor, limit: _l };
    const rows = await find(page);
    await record({ event: 'audit-read', actor: actorOf(caller), patientId, resource: 'audit', requestId });
    return { status: 200, headers: linkFrom(origin, query, rows), body: rows.map((row) => auditRecordOf(row) as WireEvent) };
  },
  reportRefusal: async ({ caller, body: { event, operation, reason, samples }, requestId }) => {
    await recordRefusal({ event, actor: actorOf(caller), patientId: boundPatient(caller), resource: `bff/${operation}`, outcome: 'refused', reason, requestId }, samples);
    return { status: 204 };
  },
});
