import { createHash } from 'node:crypto';

/** A row of the audit with all that its digest covers, as text; `at` in UTC with microseconds. */
export interface DigestedEvent {
  readonly _id: string;
  readonly at: string;
  readonly event: string;
  readonly action: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly subject: Buffer | null;
  readonly resource: string;
  readonly request_id: string;
  readonly peer: string;
}

const joined = (parts: readonly (string | null)[]): string => parts.map((part) => (part === null ? '-' : `${String(Buffer.byteLength(part))}:${part}`)).join('');

/** The digest a row must have; computed here as well as in the database, so that the one judges the other. */
export const digestOfEvent = (schema: string, row: DigestedEvent): Buffer =>
  createHash('sha256')
    .update(joined([
      schema, row._id, row.at, row.event, row.action, row.outcome, row.reason, row.actor_kind, row.actor_id, row.subject?.toString('hex') ?? null, row.resource, row.request_id, row.peer,
    ]))
    .digest();

/** What a row says of its patient without naming them: nobody can guess the id from it once the salt is gone. */
export const subjectOf = (salt: Buffer, patientId: string): Buffer => createHash('sha256').update(salt).update(patientId).digest();

/** What the first link of all follows. */
export const originOfChain = (schema: string): Buffer => createHash('sha256').update(`audit of ${schema}`).digest();

/** A link binds its place, the row in it and all links before it. */
export const hashOfLink = (previous: Buffer, day: string, position: number, event: string, digest: Buffer): Buffer =>
  createHash('sha256').update(previous).update(joined([day, String(position), event])).update(digest).digest();
