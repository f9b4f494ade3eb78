import type { Queryable } from '../../database/pool.ts';
import { sealedChunk } from './normalized-chunk-table.ts';
import { sealedPayload } from './payload-table.ts';
import type { SealedColumn } from './sealed-column.ts';
import { sealedSeries } from './series-chunk-table.ts';
import { sealedRollup } from './series-rollup-table.ts';

/** Everything that is sealed under patients' data keys. */
export const sealedColumns: readonly SealedColumn[] = [...sealedPayload, sealedChunk, sealedSeries, sealedRollup];

/** A sealed value by the texts of its key. */
export interface SealedValue {
  readonly key: readonly string[];
  readonly sealed: Buffer;
}

const texts = { uuid: (name: string) => `replace(${name}::text, '-', '')`, text: (name: string) => name, integer: (name: string) => `${name}::text`, date: (name: string) => `to_char(${name}, 'YYYY-MM-DD')` };

const shapeOf = ({ key }: SealedColumn) => {
  const parts = Object.entries(key);
  return {
    names: parts.map(([name]) => name).join(', '),
    asTexts: `array[${parts.map(([name, type]) => texts[type](name)).join(', ')}]`,
    /** The parameters from a number on, each one part of the key. */
    parameters: (first: number) => parts.map(([, type], index) => `$${String(first + index)}::text::${type}`).join(', '),
    /** The same for many keys at once. */
    arrays: (first: number) => parts.map(([, type], index) => `$${String(first + index)}::${type}[]`).join(', '),
    columnsOf: (keys: readonly (readonly string[])[]) => parts.map((_, index) => keys.map((one) => one[index])),
  };
};

/** The next values after a key (all of them after none) that are under a generation below another, with their sizes; nothing is locked. */
export const nextStale = async (
  db: Queryable, column: SealedColumn, patientId: string, below: number, after: readonly string[] | undefined, limit: number,
): Promise<{ key: readonly string[]; bytes: number }[]> => {
  const { names, asTexts, parameters } = shapeOf(column);
  const { rows } = await db.query<{ key: string[]; bytes: number }>(
    `select ${asTexts} as key, octet_length(${column.column}) as bytes from device_manager.${column.table}
     where patient_id = $1 and device_manager.key_generation(${column.column}) < $2 ${after ? `and (${names}) > (${parameters(4)})` : ''} order by ${names} limit $3`,
    [patientId, below, limit, ...(after ?? [])],
  );
  return rows;
};

/** Locks values that are still under a generation below another; who holds a row just now keeps it: it is not waited for. */
export const lockStale = async (db: Queryable, column: SealedColumn, patientId: string, below: number, keys: readonly (readonly string[])[]): Promise<SealedValue[]> => {
  const { names, asTexts, arrays, columnsOf } = shapeOf(column);
  const { rows } = await db.query<SealedValue>(
    `select ${asTexts} as key, ${column.column} as sealed from device_manager.${column.table}
     where patient_id = $1 and (${names}) in (select * from unnest(${arrays(3)})) and device_manager.key_generation(${column.column}) < $2 for no key update skip locked`,
    [patientId, below, ...columnsOf(keys)],
  );
  return rows;
};

/** Puts sealed values in the place of those that were locked. */
export const replaceSealed = async (db: Queryable, column: SealedColumn, patientId: string, values: readonly SealedValue[]): Promise<void> => {
  const { names, arrays, columnsOf } = shapeOf(column);
  const matches = names.split(', ').map((name) => `t.${name} = n.${name}`).join(' and ');
  await db.query(
    `update device_manager.${column.table} t set ${column.column} = n.sealed from unnest($2::bytea[], ${arrays(3)}) as n(sealed, ${names}) where t.patient_id = $1 and ${matches}`,
    [patientId, values.map(({ sealed }) => sealed), ...columnsOf(values.map(({ key }) => key))],
  );
};

/** How many values are under an older generation than their patient's newest. */
export const countOlder = async (db: Queryable, column: SealedColumn): Promise<number> => {
  const { rows } = await db.query<{ values: number }>(
    `select count(*)::int as values from (select substr(scope, 9) as patient_id, max(generation) as generation from device_manager_keys.data_key group by scope having count(*) > 1) r
     join device_manager.${column.table} t using (patient_id) where device_manager.key_generation(t.${column.column}) < r.generation`,
  );
  return rows[0]?.values ?? 0;
};

const staleIn = ({ table, column }: SealedColumn): string =>
  `(select count(*) from device_manager.${table} where patient_id = $1 and device_manager.key_generation(${column}) < $2)`;

/** How many values of a patient are under a generation below another, whatever they are. */
export const countStale = async (db: Queryable, patientId: string, below: number): Promise<number> => {
  const { rows } = await db.query<{ values: number }>(`select (${sealedColumns.map(staleIn).join(' + ')})::int as values`, [patientId, below]);
  return rows[0]?.values ?? 0;
};
