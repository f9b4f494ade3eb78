import type { Migration } from '../../database/migrator.ts';

/** What handing out and erasing all of a patient needs. */
export const patientDataMigrations: readonly Migration[] = [
  {
    name: '0026-exports-of-patients',
    sql: `
      create table device_manager.patient_export (
        patient_id text not null,
        _id uuid not null,
        state text not null default 'waiting' check (state in ('waiting', 'running', 'ready', 'failed')),
        attempts integer not null default 0,
        files integer not null default 0,
        size_bytes bigint not null default 0,
        digest bytea,
        creator text not null,
        created_at timestamptz not null default now(),
        finished_at timestamptz,
        expires_at timestamptz,
        primary key (patient_id, _id)
      );
      create table device_manager.patient_export_part (
        patient_id text not null,
        _id uuid not null,
        position integer not null,
        body bytea not null,
        primary key (patient_id, _id, position)
      );
      alter table device_manager.patient_export_part alter column body set storage external`,
  },
  {
    name: '0027-erasures',
    sql: `
      create table device_manager.erasure (
        _id uuid primary key,
        pseudonym bytea not null unique,
        audit_pseudonym text not null,
        patient_id text,
        state text not null default 'running' check (state in ('running', 'done')),
        creator text not null,
        counts jsonb not null default '{}',
        destroyed_keys text[] not null default '{}',
        requested_at timestamptz not null,
        finished_at timestamptz,
        certificate jsonb
      );
      alter table device_manager.payload alter column body drop not null;
      create index delivery_by_sample on device_manager.delivery (sample_id);
      -- Statistics hold samples of values, which an erasure would not find.
      alter table device_manager.device alter column name set statistics 0, alter column serial_number set statistics 0, alter column device_id set statistics 0`,
  },
  {
    name: '0050-refusals-of-samples',
    sql: `
      create table device_manager.sample_refusal (
        patient_id text not null,
        refused_at timestamptz not null,
        _id uuid not null,
        received integer not null,
        reasons jsonb not null,
        primary key (patient_id, refused_at, _id)
      );
      create index sample_refusal_by_day on device_manager.sample_refusal (refused_at)`,
  },
  {
    name: '0070-indexes-for-many-patients',
    // What expires is found by its day, and a patient's devices and deliveries without looking at those of all others.
    sql: `
      create index payload_by_arrival on device_manager.payload (received_at, payload_id);
      create index payload_with_body on device_manager.payload (received_at) where body is not null;
      create index discarded_delivery_by_day on device_manager.discarded_delivery (discarded_at);
      create index discarded_delivery_by_name on device_manager.discarded_delivery (sender, correlation_id);
      create index patient_export_by_expiry on device_manager.patient_export (expires_at);
      create index device_by_owner on device_manager.device (owner_patient_id) where owner_patient_id is not null;
      create index device_by_device_id on device_manager.device (device_id);
      create index device_by_creator on device_manager.device (creator_id) where owner_patient_id is null;
      create index device_by_updater on device_manager.device (updater_id) where owner_patient_id is null;
      create index quarantined_delivery_by_reason on device_manager.quarantined_delivery (reason, payload_id)`,
  },
  {
    name: '0083-payloads-that-are-referred-to',
    // Their records do not hold everything: they are not emptied, and not looked at each time something is.
    sql: `
      alter table device_manager.payload add column referred_to boolean not null default false;
      drop index device_manager.payload_with_body;
      create index payload_with_body on device_manager.payload (received_at, payload_id) where body is not null and not referred_to`,
  },
];
