import type { Queryable } from '../../database/pool.ts';
import type { HealthDataType } from '../domain/rule.ts';

/** A version of a health data type of this installation; without a definition it is retired. */
export interface HealthDataTypeRow {
  readonly identifier: string;
  readonly version: number;
  readonly definition: Definition | null;
  readonly creator: string;
  readonly created_at: Date;
}

/** The type, and what people wrote beside its rule. */
export interface Definition {
  readonly type: HealthDataType;
  readonly name?: string | undefined;
  readonly example?: Readonly<Record<string, unknown>> | undefined;
}

/** A text that changes whenever a version is added, for versions never change. */
export const stampOfTypes = async (db: Queryable): Promise<string> =>
  (await db.query<{ stamp: string }>('select count(*)::text as stamp from device_manager.health_data_type')).rows[0]?.stamp ?? '';

/** All versions, oldest first. */
export const allVersions = async (db: Queryable): Promise<HealthDataTypeRow[]> =>
  (await db.query<HealthDataTypeRow>('select identifier, version, definition, creator, created_at from device_manager.health_data_type order by identifier, version')).rows;

/** Adds a version; the caller holds the lock of `lockTypes`. */
export const insertVersion = async (db: Queryable, { identifier, version, definition, creator }: Omit<HealthDataTypeRow, 'created_at'>): Promise<void> => {
  await db.query('insert into device_manager.health_data_type (identifier, version, definition, creator) values ($1, $2, $3, $4)', [
    identifier, version, definition === null ? null : JSON.stringify(definition), creator,
  ]);
};

/** Has changes of types wait for each other, and for those who hold the types, until the transaction ends. */
export const lockTypes = async (db: Queryable): Promise<void> => {
  await db.query(`select pg_advisory_xact_lock(hashtextextended('health data types', 0))`);
};

/** Keeps the types as they are until the transaction ends; those who hold them do not wait for each other. */
export const holdTypes = async (db: Queryable): Promise<void> => {
  await db.query({ name: 'hold-types', text: `select pg_advisory_xact_lock_shared(hashtextextended('health data types', 0))` });
};
