import { auditGuards, auditTables } from '../../audit/audit-tables.ts';
import type { Migration } from '../../database/migrator.ts';

/** The schema that the User Manager owns. */
export const schema = 'user_manager';

export const migrations: readonly Migration[] = [
  {
    name: '0001-users-and-sessions',
    sql: `
      create table user_manager.user_account (
        _id text primary key,
        username text not null,
        email text not null,
        name text,
        password_hash text not null,
        user_group text not null,
        blocked boolean not null default false,
        state text not null default 'PUBLIC',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        creator_id text not null,
        updater_id text not null
      );
      create unique index user_account_username on user_manager.user_account (lower(username));
      create unique index user_account_email on user_manager.user_account (lower(email));
      create table user_manager.session (
        token_hash bytea primary key,
        user_id text not null references user_manager.user_account on delete cascade,
        kind text not null check (kind in ('cookie', 'bearer')),
        created_at timestamptz not null default now(),
        expires_at timestamptz not null
      );
      create index session_by_user on user_manager.session (user_id, expires_at)`,
  },
  {
    name: '0002-accounts',
    sql: `
      alter table user_manager.user_account
        alter column password_hash drop not null,
        add column auth_user_id text,
        add column expiration_date timestamptz,
        add column roles text[] not null default '{}',
        add column properties jsonb not null default '{}';
      update user_manager.user_account set auth_user_id = _id;
      drop index user_manager.user_account_username;
      drop index user_manager.user_account_email;
      create unique index user_account_username on user_manager.user_account (lower(username)) where state <> 'DELETED';
      create unique index user_account_email on user_manager.user_account (lower(email)) where state <> 'DELETED';
      create unique index user_account_auth_user on user_manager.user_account (auth_user_id);
      alter table user_manager.session add column family text;
      create index session_by_family on user_manager.session (family);
      create table user_manager.refresh_token (
        token_hash bytea primary key,
        family text not null,
        user_id text not null references user_manager.user_account on delete cascade,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        used_at timestamptz
      );
      create index refresh_token_by_family on user_manager.refresh_token (family);
      create index refresh_token_by_user on user_manager.refresh_token (user_id, expires_at);
      create table user_manager.bulk_job (
        _id text primary key,
        kind text not null check (kind in ('bulk-activation', 'bulk-change-password')),
        status text not null default 'pending' check (status in ('pending', 'completed', 'failed')),
        request jsonb not null,
        outcome jsonb,
        creator_id text not null,
        created_at timestamptz not null default now()
      )`,
  },
  {
    name: '0003-password-resets',
    sql: `
      create table user_manager.password_reset (
        token_hash bytea primary key,
        user_id text not null references user_manager.user_account on delete cascade,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        sent_at timestamptz
      );
      create index password_reset_by_user on user_manager.password_reset (user_id, sent_at)`,
  },
  {
    name: '0004-clients',
    sql: `
      create table user_manager.oauth_client (
        client_id text primary key,
        sender text not null,
        secret_hash bytea not null,
        created_at timestamptz not null default now(),
        revoked_at timestamptz,
        last_used_at timestamptz
      );
      create table user_manager.signing_key (
        kid text primary key,
        public_key jsonb not null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null
      )`,
  },
  { name: '0005-devices-of-clients', sql: 'alter table user_manager.oauth_client add column device_ids text[]' },
  {
    name: '0020-idle-sessions',
    sql: `
      alter table user_manager.session add column last_used_at timestamptz not null default now();
      update user_manager.session set family = replace(gen_random_uuid()::text, '-', '') where family is null;
      alter table user_manager.session alter column family set not null`,
  },
  {
    name: '0021-sign-in-failures',
    sql: `
      create table user_manager.sign_in_failures (
        account bytea not null,
        source bytea not null,
        failures integer not null default 0,
        noted_at timestamptz not null default now(),
        blocked_until timestamptz,
        signed_in_at timestamptz,
        primary key (account, source)
      );
      create index sign_in_failures_of_strangers on user_manager.sign_in_failures (noted_at) where signed_in_at is null;
      create index sign_in_failures_of_known on user_manager.sign_in_failures (signed_in_at) where signed_in_at is not null`,
  },
  { name: '0025-audit', sql: `${auditTables('user_manager')}; ${auditGuards('user_manager')}` },
  {
    name: '0026-no-statistics-of-people',
    // Statistics hold samples of values, which an erasure would not find.
    sql: `
      alter table user_manager.user_account alter column username set statistics 0, alter column email set statistics 0, alter column name set statistics 0,
        alter column properties set statistics 0, alter column password_hash set statistics 0;
      alter index user_manager.user_account_username alter column 1 set statistics 0;
      alter index user_manager.user_account_email alter column 1 set statistics 0`,
  },
  {
    name: '0070-indexes-for-many-people',
    // Lists of people in their usual order, and what has ended by its day.
    sql: `
      create index user_account_by_creation on user_manager.user_account (created_at, _id);
      create index user_account_by_group on user_manager.user_account (user_group, created_at, _id);
      create index session_by_end on user_manager.session (expires_at);
      create index refresh_token_by_end on user_manager.refresh_token (expires_at);
      create index password_reset_by_end on user_manager.password_reset (expires_at)`,
  },
];
