import type { AuditEvent, operations } from '../../../generated/user-manager.d.ts';
import type { AuditEntry } from '../../audit/audit-event.ts';
import { auditRecordOf } from '../../audit/audit-record.ts';
import type { AuditPage, AuditRow } from '../../audit/finding.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { auditActorOf, type Caller } from '../caller.ts';

/** What the handler of a user's audit stands on. */
export interface UserAuditPorts {
  readonly find: (id: string, page: Pick<AuditPage, 'after' | 'limit'>) => Promise<readonly AuditRow[] | undefined>;
  readonly record: (entry: AuditEntry) => Promise<void>;
}

/** What the audit here says about one user. */
export const userAuditHandlers = ({ find, record }: UserAuditPorts) => ({
  listUserAudit: async ({ caller, path: { id }, query: { _cursor, _l = 25 }, origin, requestId }: Call<operations['listUserAudit'], Caller>): Promise<Reply<operations['listUserAudit']>> => {
    const rows = await find(id, { after: _cursor, limit: _l });
    if (rows === undefined) throw problem('not-found');
    await record({ event: 'audit-read', actor: auditActorOf(caller), patientId: rows[0]?.patient_id ?? id, resource: 'audit', requestId });
    const last = rows.length === _l ? rows.at(-1) : undefined;
    const next = new URLSearchParams({ _l: String(_l), _cursor: last?._id ?? '' }).toString();
    return { status: 200, headers: last ? { Link: `<${origin}/users/${encodeURIComponent(id)}/audit?${next}>; rel="next"` } : {}, body: rows.map((row) => auditRecordOf(row) as AuditEvent) };
  },
});
