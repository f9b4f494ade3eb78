import { CsvError, parse } from 'csv-parse/sync';
import type { MemberFault } from './domain/user-account.ts';

/** How a file is to be read; each setting may be left out. */
export interface CsvFormat {
  readonly delimiter?: string | undefined;
  /** A label of the WHATWG encoding standard. */
  readonly encoding?: string | undefined;
  readonly escape?: string | undefined;
}

/** The cells of a row by column; empty ones are left out. */
export type CsvRow = ReadonlyMap<string, string>;

export const MOST_ROWS = 200;

const own = ['_id', 'username', 'email', 'name', 'userGroup', 'blocked', 'roles'];

/** The file cannot be read as a whole. */
export class CsvFault extends Error {
  readonly fault: MemberFault;

  constructor(pointer: string, code: string, message: string) {
    super(message);
    this.fault = { pointer, code, message };
  }
}

/** More rows than one import takes. */
export class TooManyRowsError extends Error {}

const decode = (bytes: Buffer, encoding: string): string => {
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new CsvFault('/encoding', 'enum', 'Name an encoding such as utf8 or latin1.');
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw new CsvFault('/file', 'encoding', 'Encode the file as `encoding` says; utf8 when it is left out.');
  }
};

const recordsOf = (text: string, { delimiter = ',', escape = '"' }: CsvFormat): string[][] => {
  if (/["\r\n]/.test(delimiter) || delimiter === escape || /[\r\n]/.test(escape)) throw new CsvFault('/delimiter', 'enum', 'Use a delimiter and an escape that differ and are no quote or line break.');
  try {
    return parse(text, { delimiter, escape, quote: '"', bom: true, relax_column_count: true, skip_empty_lines: true, max_record_size: 100_000 });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new CsvFault('/file', 'malformed-csv', `Close quotes and keep cells short (line ${typeof error['lines'] === 'number' ? error['lines'] : 1}).`);
  }
};

const checkColumns = (columns: readonly string[], properties: ReadonlySet<string>): void => {
  const unknown = columns.findIndex((column) => !own.includes(column) && !properties.has(column));
  if (unknown >= 0) throw new CsvFault('/file', 'unknown-column', `Column ${String(unknown + 1)} has no known name; see the specification for the names.`);
  if (new Set(columns).size !== columns.length) throw new CsvFault('/file', 'duplicate-column', 'Name each column once.');
  if (!columns.includes('email') && !columns.includes('_id')) throw new CsvFault('/file', 'missing-column', 'Add the column email or _id.');
};

/**
 * Reads a CSV file whose first row names the columns; `cells` of a row that has too many or too few are undefined. Throws CsvFault and
 * TooManyRowsError; nothing of the file gets into either.
 */
export const readUserCsv = (bytes: Buffer, format: CsvFormat, properties: ReadonlySet<string>): (CsvRow | undefined)[] => {
  const text = decode(bytes, format.encoding ?? 'utf8');
  if (text.includes('\0')) throw new CsvFault('/file', 'invalid-text', 'Remove NUL characters from the file.');
  const [names = [], ...records] = recordsOf(text, format);
  const columns = names.map((name) => name.trim());
  checkColumns(columns, properties);
  if (records.length > MOST_ROWS) throw new TooManyRowsError();
  return records.map((cells) => {
    if (cells.length !== columns.length) return undefined;
    return new Map(columns.flatMap((column, index): [string, string][] => ((cells[index] ?? '') === '' ? [] : [[column, cells[index] ?? '']])));
  });
};

/** Tells whether a spreadsheet would run a cell; numbers and telephone numbers may begin with a sign. */
export const isFormula = (cell: string): boolean => /^[=@\t\r]/.test(cell) || (/^[+-]/.test(cell) && !/^[+-][\d\s().,-]+$/.test(cell));
