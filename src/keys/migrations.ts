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
    name: '0002-key-generations',
    sql: `
      create table device_manager_keys.master_key (
        id text primary key,
        first_used_at timestamptz not null default now()
      );
      create table device_manager_keys.data_key (
        scope text not null references device_manager_keys.scope_key on delete cascade,
        generation integer not null,
        wrapped_key bytea not null,
        master_key_id text references device_manager_keys.master_key,
        created_at timestamptz not null default now(),
        primary key (scope, generation)
      );
      insert into device_manager_keys.data_key (scope, generation, wrapped_key, created_at)
        select scope, 1, data_key, created_at from device_manager_keys.scope_key;
      alter table device_manager_keys.scope_key drop column data_key, add column master_key_id text references device_manager_keys.master_key;
      create index scope_key_by_master_key on device_manager_keys.scope_key (master_key_id, scope);
      create index data_key_by_master_key on device_manager_keys.data_key (master_key_id, scope, generation)`,
  },
  {
    name: '0003-data-key-rotations',
    sql: `
      create table device_manager_keys.data_key_rotation (
        _id uuid primary key,
        scope text,
        creator text not null,
        resealed bigint not null default 0,
        unreadable bigint not null default 0,
        created_at timestamptz not null default now(),
        finished_at timestamptz
      )`,
  },
];
