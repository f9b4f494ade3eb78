import type { Migration } from '../database/migrator.ts';

/** Wrapped keys lie in a schema of their own, so that an ordinary backup can leave them out. */
export const keySchema = 'device_manager_keys';

export const migrations: readonly Migration[] = [
  {
    name: '0001-scope-key',
    sql: `create table device_manager_keys.scope_key (
      scope text primary key,
      data_key bytea not null,
      identity_key bytea not null,
      created_at timestamptz not null default now()
    )`,
  },
  {
    name: '0004-erased-scopes',
    sql: `create table device_manager_keys.erased_scope (
      pseudonym bytea primary key,
      erased_at timestamptz not null
    )`,
  },
];
