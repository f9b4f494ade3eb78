import type { Pool, Queryable } from '../database/pool.ts';
import { inSnapshot } from '../database/transaction.ts';
import { instantText, type AuditSchema } from './audit-tables.ts';
import { digestOfEvent, hashOfLink, originOfChain, subjectOf, type DigestedEvent } from './chain.ts';

/** What is wrong with the first place where something is. */
export interface AuditFault {
  /** `changed`: a row is not as it was written; `removed`: it is gone; `inserted`: it is beside the chain; `link`: the chain itself is not as it was; `head`: a hash noted earlier is not in it. */
  readonly kind: 'changed' | 'removed' | 'inserted' | 'link' | 'head';
  /** The row, absent where it is the chain. */
  readonly event?: string;
  readonly day?: string;
  readonly position?: number;
}

/** What verifying found. */
export interface Verification {
  readonly links: number;
  readonly days: number;
  /** The hash of the last link that was looked at; noted elsewhere it proves later that the chain up to there is the same. */
  readonly head?: string;
  /** Rows that the chainer has not come to yet; they are judged by their own digest alone. */
  readonly unchained: { readonly events: number; readonly since?: string };
  readonly fault?: AuditFault;
}

/** Days of the chain in UTC, `2024-07-01`, both included; `head` is a hash that was noted earlier. */
export interface VerificationRange {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly head?: string | undefined;
}

interface StoredEvent extends DigestedEvent {
  readonly patient_id: string;
  readonly salt: Buffer | null;
  readonly digest: Buffer;
}

type Linked = { readonly day: string; readonly position: number; readonly linked: string; readonly previous: Buffer; readonly hash: Buffer } & ({ readonly [Member in keyof StoredEvent]: StoredEvent[Member] } | { readonly _id: null });

const columns = `replace(e._id::text, '-', '') as short_id, e._id::text, ${instantText('e.at')} as at, e.event, e.action, e.outcome, e.reason, e.actor_kind, e.actor_id, e.subject, e.resource, e.request_id, e.peer, e.patient_id, e.salt, e.digest`;
const PAGE = 2_000;

/** A row of an erased patient has no salt any more: whose it was is gone, what happened still proves itself. */
const isUnchanged = (schema: AuditSchema, row: StoredEvent): boolean => {
  const { salt, subject, patient_id: patientId } = row;
  const fits = salt === null ? (subject === null ? patientId === '' : patientId.startsWith('erased:')) : subject?.equals(subjectOf(salt, patientId)) === true;
  return fits && digestOfEvent(schema, row).equals(row.digest);
};

const pageAfter = async (db: Queryable, schema: AuditSchema, day: string, position: number, to: string | undefined): Promise<Linked[]> => {
  const { rows } = await db.query<Linked>(
    `select l.day::text, l.position, replace(l.event::text, '-', '') as linked, l.previous, l.hash, ${columns}
     from ${schema}.audit_link l left join ${schema}.audit_event e on e._id = l.event
     where (l.day, l.position) > ($1::date, $2) and ($3::date is null or l.day <= $3) order by l.day, l.position limit ${String(PAGE)}`,
    [day, position, to ?? null],
  );
  return rows;
};

interface Walk {
  links: number;
  readonly days: Set<string>;
  head: Buffer;
  headSeen: boolean;
  day: string;
  position: number;
  fault: AuditFault | undefined;
}

const faultOf = (schema: AuditSchema, walk: Walk, row: Linked): AuditFault | undefined => {
  const { day, position, linked, previous, hash } = row;
  const place = { day, position, event: linked };
  if (position !== (day === walk.day ? walk.position + 1 : 1) || !previous.equals(walk.head)) return { kind: 'link', ...place };
  if (row._id === null) return { kind: 'removed', ...place };
  if (!isUnchanged(schema, row)) return { kind: 'changed', ...place };
  // The digest fits the row, so a link that does not fit was made for another one: the row was written anew, or the link.
  return hashOfLink(previous, day, position, linked, row.digest).equals(hash) ? undefined : { kind: 'changed', ...place };
};

const walkChain = async (db: Queryable, schema: AuditSchema, { from, to, head }: VerificationRange): Promise<Walk> => {
  const before = await db.query<{ hash: Buffer }>(`select hash from ${schema}.audit_link where $1::date is not null and day < $1 order by day desc, position desc limit 1`, [from ?? null]);
  const start = before.rows[0]?.hash ?? originOfChain(schema);
  const walk: Walk = { links: 0, days: new Set(), head: start, headSeen: head === undefined, day: '', position: 0, fault: undefined };
  let [day, position] = [from === undefined ? '0001-01-01' : from, 0];
  for (let page = await pageAfter(db, schema, day, position, to); page.length > 0; page = await pageAfter(db, schema, day, position, to)) {
    for (const row of page) {
      walk.fault = faultOf(schema, walk, row);
      if (walk.fault) return walk;
      ({ day, position } = row);
      Object.assign(walk, { day, position, head: row.hash, links: walk.links + 1, headSeen: walk.headSeen || row.hash.toString('hex') === head });
      walk.days.add(day);
    }
  }
  return walk;
};

interface Tail {
  events: number;
  since?: string;
  fault?: AuditFault;
}

/** Rows without a link: the chainer has passed none that it has seen, so one that it must have seen was put there later. */
const tailOf = async (db: Queryable, schema: AuditSchema): Promise<Tail> => {
  const tail: Tail = { events: 0 };
  let after = '00000000-0000-0000-0000-000000000000';
  for (let isLast = false; !isLast; ) {
    const { rows } = await db.query<StoredEvent & { short_id: string; passed: boolean }>(
      `select ${columns}, e.xact < c.chained_below and c.cluster = (select system_identifier::text from pg_control_system()) as passed
       from ${schema}.audit_event e, ${schema}.audit_chaining c where e._id > $1 and not exists (select from ${schema}.audit_link l where l.event = e._id) order by e._id limit ${String(PAGE)}`,
      [after],
    );
    tail.events += rows.length;
    if (rows[0]) tail.since ??= rows[0].at;
    const wrong = rows.find((row) => row.passed || !isUnchanged(schema, row));
    if (wrong) tail.fault ??= { kind: wrong.passed ? 'inserted' : 'changed', event: wrong.short_id };
    after = rows.at(-1)?._id ?? after;
    isLast = rows.length < PAGE;
  }
  return tail;
};

/** Walks the chain of one service and names the first place that is not as it was written. It reads one state of the database and changes nothing. */
export const verifyAudit = (pool: Pool, schema: AuditSchema, range: VerificationRange = {}): Promise<Verification> =>
  inSnapshot(pool, async (client) => {
    const walk = await walkChain(client, schema, range);
    const tail: Tail = range.to === undefined ? await tailOf(client, schema) : { events: 0 };
    const fault = walk.fault ?? tail.fault ?? (walk.headSeen ? undefined : ({ kind: 'head' } as const));
    return {
      links: walk.links, days: walk.days.size, ...(walk.links > 0 && { head: walk.head.toString('hex') }),
      unchained: { events: tail.events, ...(tail.since !== undefined && { since: tail.since }) }, ...(fault && { fault }),
    };
  });
