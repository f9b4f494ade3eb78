/**
 * A column of a table by patient whose values are sealed under the patient's data key: how its rows are named, and what each value is
 * bound to. All of them are listed in sealed-columns.ts, so that a new generation of the key reaches them.
 */
export interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** The rest of the primary key after `patient_id`, in its order. */
  readonly key: Readonly<Record<string, 'uuid' | 'text' | 'integer' | 'date'>>;
  /** The place of a value by the texts of its key: uuid as 32 hexadecimal digits, date as YYYY-MM-DD. */
  readonly placeOf: (patientId: string, key: readonly string[]) => string;
}
