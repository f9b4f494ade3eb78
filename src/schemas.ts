import { migrate, type Migration } from './database/migrator.ts';
import type { Pool } from './database/pool.ts';
import { migrations as deviceManagerMigrations, schema as deviceManagerSchema } from './device-manager/storage/migrations.ts';
import { prepareJobs } from './jobs/runner.ts';
import { keySchema, migrations as keyMigrations } from './keys/migrations.ts';
import { migrations as userManagerMigrations, schema as userManagerSchema } from './user-manager/storage/migrations.ts';

/** A schema of ours and how it comes to be. */
export interface OwnSchema {
  readonly name: string;
  readonly migrations: readonly Migration[];
}

/** All schemas of ours, keys first; the tables of jobs are graphile-worker's. */
export const ownSchemas: readonly OwnSchema[] = [
  { name: keySchema, migrations: keyMigrations },
  { name: deviceManagerSchema, migrations: deviceManagerMigrations },
  { name: userManagerSchema, migrations: userManagerMigrations },
];

/** Brings the tables of the User Manager and its jobs up to date, and answers what it ran; safe from many processes at once. */
export const migrateUserManager = async (pool: Pool): Promise<string[]> => [...(await migrate(pool, userManagerSchema, userManagerMigrations)), ...(await prepareJobs(pool))];

/** Brings the tables of the Device Manager, its keys and its jobs up to date, and answers what it ran; safe from many processes at once. */
export const migrateDeviceManager = async (pool: Pool): Promise<string[]> => [
  ...(await migrate(pool, keySchema, keyMigrations)),
  ...(await migrate(pool, deviceManagerSchema, deviceManagerMigrations)),
  ...(await prepareJobs(pool)),
];

/** The schemas of a service and the migrations that this program knows of each. */
export const schemasOf = (owner: 'user-manager' | 'device-manager'): { readonly schema: string; readonly migrations: readonly Migration[] }[] =>
  owner === 'user-manager'
    ? [{ schema: userManagerSchema, migrations: userManagerMigrations }]
    : [{ schema: keySchema, migrations: keyMigrations }, { schema: deviceManagerSchema, migrations: deviceManagerMigrations }];
