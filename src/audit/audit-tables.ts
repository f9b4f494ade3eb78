/** Names of schemas that have an audit; they are written into SQL and so never come from outside. */
export const auditSchemas = ['device_manager', 'user_manager'] as const;
export type AuditSchema = (typeof auditSchemas)[number];

/** Length-prefixed, so that no two lists of parts read the same; `-` where there is none. */
const part = (text: string): string => `coalesce(octet_length(${text})::text || ':' || ${text}, '-')`;

/** The form of an instant in a digest: UTC with microseconds, whatever the session's zone is. */
export const instantText = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The digest of the row that a name stands for, in SQL; `chain.ts` has the same in words of the program. */
export const digestIn = (schema: AuditSchema, row: string): string => {
  const columns = ['_id::text', instantText('at'), 'event', 'action', 'outcome', 'reason', 'actor_kind', 'actor_id', `encode(subject, 'hex')`, 'resource', 'request_id', 'peer'];
  const parts = columns.map((column) => part(column.replace(/\b(_id|at|event|action|outcome|reason|actor_kind|actor_id|subject|resource|request_id|peer)\b/, `${row}.$1`)));
  return `sha256(convert_to(${[part(`'${schema}'::text`), ...parts].join(' || ')}, 'UTF8'))`;
};

/**
 * The tables of an audit and what guards them. The database stamps each row by itself: instant, identifier in the order of time,
 * transaction, digest. In place of the patient the digest covers a commitment, the SHA-256 of a random salt and the patient's id: when the
 * salt is gone, the row still proves itself, and nothing leads from it to the patient.
 */
export const auditTables = (schema: AuditSchema): string => `
  create table ${schema}.audit_event (
    patient_id text not null default '',
    _id uuid not null,
    at timestamptz not null,
    xact bigint not null,
    event text not null,
    action text not null check (action in ('C', 'R', 'U', 'D', 'E')),
    outcome text not null check (outcome in ('success', 'refused', 'failed')),
    reason text,
    actor_kind text not null,
    actor_id text,
    resource text not null,
    request_id text not null,
    peer text not null,
    salt bytea,
    subject bytea,
    digest bytea not null,
    primary key (patient_id, _id)
  );
  create index audit_event_by_id on ${schema}.audit_event (_id);
  create index audit_event_by_xact on ${schema}.audit_event (xact);
  create table ${schema}.audit_link (
    day date not null,
    position integer not null check (position > 0),
    event uuid not null unique,
    previous bytea not null,
    hash bytea not null,
    primary key (day, position)
  );
  create table ${schema}.audit_chaining (
    singleton boolean primary key default true check (singleton),
    chained_below bigint not null default 0,
    cluster text
  );
  insert into ${schema}.audit_chaining default values;`;

/** What stamps rows and refuses every change but the one that an erasure makes; apart from the tables, so that older rows can come first. */
export const auditGuards = (schema: AuditSchema): string => `
  create function ${schema}.audit_stamp() returns trigger language plpgsql as $stamp$
  begin
    new.at := clock_timestamp();
    new._id := (lpad(to_hex(floor(extract(epoch from new.at) * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid;
    new.xact := pg_current_xact_id()::text::bigint;
    new.salt := case when new.patient_id <> '' then uuid_send(gen_random_uuid()) end;
    new.subject := case when new.patient_id <> '' then sha256(new.salt || convert_to(new.patient_id, 'UTF8')) end;
    new.digest := ${digestIn(schema, 'new')};
    return new;
  end $stamp$;
  create function ${schema}.audit_refuse() returns trigger language plpgsql as $refuse$
  declare kept ${schema}.audit_event;
  begin
    if tg_op = 'UPDATE' and tg_table_name = 'audit_event' then
      kept := old;
      kept.patient_id := new.patient_id;
      kept.salt := null;
      if old.salt is not null and new.patient_id ~ '^erased:[0-9a-f]{32}$' and new is not distinct from kept then return new; end if;
    end if;
    raise exception 'the audit is append-only' using errcode = 'insufficient_privilege';
  end $refuse$;
  create trigger audit_stamp before insert on ${schema}.audit_event for each row execute function ${schema}.audit_stamp();
  create trigger audit_refuse before update or delete on ${schema}.audit_event for each row execute function ${schema}.audit_refuse();
  create trigger audit_keep before truncate on ${schema}.audit_event for each statement execute function ${schema}.audit_refuse();
  create trigger audit_refuse before update or delete on ${schema}.audit_link for each row execute function ${schema}.audit_refuse();
  create trigger audit_keep before truncate on ${schema}.audit_link for each statement execute function ${schema}.audit_refuse();
  create function ${schema}.audit_pseudonymize(patient text, pseudonym text) returns bigint language plpgsql security definer set search_path = pg_catalog as $pseudonymize$
  declare changed bigint;
  begin
    if patient = '' then raise exception 'name a patient'; end if;
    update ${schema}.audit_event set patient_id = pseudonym, salt = null where patient_id = patient and salt is not null;
    get diagnostics changed = row_count;
    return changed;
  end $pseudonymize$;
  revoke execute on function ${schema}.audit_pseudonymize(text, text) from public`;
