import { auditGuards, auditTables, digestIn } from '../../audit/audit-tables.ts';
import type { Migration } from '../../database/migrator.ts';
import { halvesByThemselves, halvesOfPairs, narrowSamples } from './narrow-samples-migration.ts';
import { patientDataMigrations } from './patient-data-migrations.ts';
import { submissionMigrations } from './submission-migrations.ts';

export const schema = 'device_manager';

/**
 * Tables that grow with patients' data have the patient in every key, so that they distribute by patient. What is clear text:
 * identifiers, provider, type, format, instants, state and rule; all else is sealed.
 */
export const migrations: readonly Migration[] = [
  {
    name: '0001-devices-and-health-data',
    sql: `
      create table device_manager.device (
        _id uuid primary key,
        provider text not null,
        device_id text not null,
        owner_patient_id text,
        declared_provider text not null,
        device_type text not null,
        name text,
        serial_number text,
        features text[],
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        creator_id text not null,
        updater_id text not null,
        unique nulls not distinct (provider, device_id, owner_patient_id)
      );
      create index device_by_serial_number on device_manager.device (provider, serial_number);
      create table device_manager.assignment (
        device uuid not null references device_manager.device,
        patient_id text not null,
        assigned_from timestamptz not null,
        assigned_until timestamptz,
        primary key (device, assigned_from),
        check (assigned_until is null or assigned_until > assigned_from)
      );
      create index assignment_by_patient on device_manager.assignment (patient_id) where assigned_until is null;
      create table device_manager.payload (
        patient_id text not null,
        payload_id uuid not null,
        provider text not null,
        format text not null,
        received_at timestamptz not null,
        body bytea not null,
        context bytea not null,
        digest bytea not null,
        size_bytes integer not null,
        item_count integer not null,
        redacted_at timestamptz,
        primary key (patient_id, payload_id)
      );
      create table device_manager.sample (
        patient_id text not null,
        _id uuid not null,
        provider text not null,
        device uuid not null,
        device_id text not null,
        type text,
        payload_id uuid not null,
        item_index integer not null,
        recorded_at timestamptz not null,
        ended_at timestamptz not null,
        received_at timestamptz not null,
        content_mac bytea not null,
        state text not null default 'received',
        reason text,
        normalized_type text,
        rule_id text,
        rule_version integer,
        updated_at timestamptz not null default now(),
        primary key (patient_id, _id)
      );
      create index sample_by_id on device_manager.sample (_id);
      create index sample_by_payload on device_manager.sample (patient_id, payload_id);
      create index sample_by_time on device_manager.sample (patient_id, recorded_at desc, _id);
      create table device_manager.normalized_chunk (
        patient_id text not null,
        payload_id uuid not null,
        rule_id text not null,
        rule_version integer not null,
        body bytea not null,
        primary key (patient_id, payload_id, rule_id, rule_version)
      );
      create table device_manager.series_chunk (
        patient_id text not null,
        normalized_type text not null,
        raw_type text not null,
        series text not null,
        day date not null,
        body bytea not null,
        updated_at timestamptz not null default now(),
        primary key (patient_id, normalized_type, raw_type, series, day)
      );
      create table device_manager.delivery (
        sender text not null,
        correlation_id text not null,
        sample_id uuid not null,
        body_mac bytea not null,
        received_at timestamptz not null,
        primary key (sender, correlation_id)
      );
      create table device_manager.quarantined_delivery (
        payload_id uuid primary key,
        sender text not null,
        correlation_id text not null,
        sample_id uuid not null,
        format text not null,
        device_identifiers text[] not null,
        measurement_type text,
        measured_at timestamptz,
        reason text not null,
        body bytea not null,
        received_at timestamptz not null
      );
      create index quarantined_delivery_by_device on device_manager.quarantined_delivery using gin (device_identifiers);
      create index quarantined_delivery_by_sample on device_manager.quarantined_delivery (sample_id);
      create table device_manager.api_key (
        _id uuid primary key,
        sender text not null,
        prefix text not null,
        key_hash bytea not null unique,
        created_at timestamptz not null default now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz
      );
      create table device_manager.audit_event (
        patient_id text not null default '',
        _id uuid not null,
        at timestamptz not null default now(),
        actor text not null,
        action text not null,
        resource text not null,
        request_id text not null,
        outcome text not null,
        digest bytea not null,
        primary key (patient_id, _id)
      )`,
  },
  {
    name: '0002-inbox',
    sql: `
      create index quarantined_delivery_by_arrival on device_manager.quarantined_delivery (received_at, payload_id);
      create index sample_failed on device_manager.sample (received_at, _id) where state = 'normalization-failed';
      create table device_manager.discarded_delivery (
        payload_id uuid primary key,
        sender text not null,
        correlation_id text not null,
        quarantine_reason text not null,
        reason text not null,
        actor text not null,
        discarded_at timestamptz not null default now()
      )`,
  },
  {
    name: '0004-readings-of-deliveries',
    sql: `
      alter table device_manager.sample add column identity text, add column status text, add column issued_at timestamptz;
      create index sample_by_identity on device_manager.sample (identity) where identity is not null;
      alter table device_manager.quarantined_delivery add column identity text;
      create index quarantined_delivery_by_identity on device_manager.quarantined_delivery (identity) where identity is not null;
      create index assignment_by_holder on device_manager.assignment (patient_id)`,
  },
  {
    name: '0005-keys-of-devices',
    sql: 'alter table device_manager.api_key add column device_ids text[]',
  },
  {
    name: '0009-series-rollups',
    sql: `
      create table device_manager.series_rollup (
        patient_id text not null,
        normalized_type text not null,
        raw_type text not null,
        series text not null,
        month date not null,
        body bytea not null,
        updated_at timestamptz not null default now(),
        primary key (patient_id, normalized_type, raw_type, series, month)
      )`,
  },
  {
    name: '0010-health-data-types',
    sql: `
      create table device_manager.health_data_type (
        identifier text not null,
        version int not null,
        definition jsonb,
        creator text not null,
        created_at timestamptz not null default now(),
        primary key (identifier, version)
      );
      create table device_manager.renormalization (
        _id uuid primary key,
        filter jsonb not null,
        dry_run boolean not null,
        state text not null default 'running' check (state in ('running', 'done')),
        after_patient text not null default '',
        after_payload uuid not null default '00000000-0000-0000-0000-000000000000',
        samples bigint not null default 0,
        unchanged bigint not null default 0,
        changed bigint not null default 0,
        repaired bigint not null default 0,
        broken bigint not null default 0,
        differing text[] not null default '{}',
        creator text not null,
        created_at timestamptz not null default now(),
        finished_at timestamptz
      )`,
  },
  {
    name: '0008-submissions',
    sql: `
      create table device_manager.submission (
        patient_id text not null,
        _id uuid not null,
        sample_id uuid not null,
        plan_id text,
        normalized_type text not null,
        rule_id text not null,
        rule_version integer not null,
        observed_at timestamptz not null,
        state text not null default 'waiting',
        reason text,
        requested boolean not null default false,
        attempts integer not null default 0,
        failures integer not null default 0,
        next_attempt_at timestamptz not null default now(),
        sent_at timestamptz,
        detection_id text,
        delivered_at timestamptz,
        superseded_at timestamptz,
        created_at timestamptz not null default now(),
        primary key (patient_id, _id)
      );
      create index submission_by_id on device_manager.submission (_id);
      create index submission_by_sample on device_manager.submission (patient_id, sample_id);
      create index submission_waiting on device_manager.submission (patient_id, plan_id, observed_at, _id) where state = 'waiting';
      create index submission_by_state on device_manager.submission (state, created_at, _id)`,
  },
  {
    name: '0011-deletions-and-versions',
    sql: `
      create table device_manager.tombstone (
        patient_id text not null,
        _id uuid not null,
        deleted_at timestamptz not null default now(),
        primary key (patient_id, _id)
      );
      create table device_manager.sample_copy (
        patient_id text not null,
        _id uuid not null,
        payload_id uuid not null,
        item_index integer not null,
        primary key (patient_id, _id, payload_id, item_index)
      );
      create index payload_by_id on device_manager.payload (payload_id);
      create index sample_copy_by_payload on device_manager.sample_copy (patient_id, payload_id);
      alter table device_manager.sample add column version_number double precision, add column reading_mac bytea, add column same_reading_as uuid;
      create index sample_by_reading on device_manager.sample (patient_id, reading_mac) where reading_mac is not null`,
  },
  {
    name: '0025-audit',
    // Rows from before are kept, stamped as they were then.
    sql: `
      alter table device_manager.audit_event rename to audit_event_before;
      alter index device_manager.audit_event_pkey rename to audit_event_before_pkey;
      ${auditTables('device_manager')};
      insert into device_manager.audit_event (patient_id, _id, at, xact, event, action, outcome, actor_kind, actor_id, resource, request_id, peer, salt, digest)
        select patient_id, _id, at, pg_current_xact_id()::text::bigint,
          case action when 'create' then 'record-created' when 'read' then 'record-read' when 'delete' then 'record-deleted' when 'assign' then 'device-assigned' when 'unassign' then 'device-unassigned' else 'record-changed' end,
          case action when 'create' then 'C' when 'read' then 'R' when 'delete' then 'D' else 'U' end,
          outcome, case split_part(actor, ':', 1) when 'vitalgate' then 'command-line' else split_part(actor, ':', 1) end,
          case when position(':' in actor) > 0 and actor <> 'patient:' || patient_id then substr(actor, position(':' in actor) + 1) end,
          resource, request_id, 'none', case when patient_id <> '' then uuid_send(gen_random_uuid()) end, ''
        from device_manager.audit_event_before;
      update device_manager.audit_event set subject = sha256(salt || convert_to(patient_id, 'UTF8')) where salt is not null;
      update device_manager.audit_event e set digest = ${digestIn('device_manager', 'e')};
      drop table device_manager.audit_event_before;
      ${auditGuards('device_manager')}`,
  },
  {
    name: '0016-generations-of-data-keys',
    sql: `
      create function device_manager.key_generation(sealed bytea) returns integer language sql immutable strict parallel safe as $$
        select case when get_byte(substring(sealed from 1 for 1), 0) = 2 then ('x' || encode(substring(sealed from 2 for 4), 'hex'))::bit(32)::integer else 1 end $$;
      comment on function device_manager.key_generation(bytea) is 'Under which generation of its data key a value says that it was sealed; reads no more than its first bytes.'`,
  },
  narrowSamples,
  ...patientDataMigrations,
  { name: '0028-groups-that-wait', sql: `create index sample_group_waiting on device_manager.sample_group (patient_id, payload_id) where state = 'received'` },
  halvesOfPairs, halvesByThemselves, ...submissionMigrations,
  { name: '0084-samples-that-do-not-open', sql: 'alter table device_manager.renormalization add column unreadable bigint not null default 0' },
];
