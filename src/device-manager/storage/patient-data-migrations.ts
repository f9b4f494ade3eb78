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
      )`,
  },
];
