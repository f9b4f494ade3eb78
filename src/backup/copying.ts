import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { PoolClient } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { columnList, nameOf, type Table } from './tables.ts';

/** Texts of values read the same on every server, whatever it is set to. */
export const neutralSettings = `set local datestyle = 'ISO'; set local timezone = 'UTC'; set local intervalstyle = 'postgres'; set local bytea_output = 'hex'; set local extra_float_digits = 1;
  set local client_encoding = 'UTF8'; set local idle_in_transaction_session_timeout = 0`;

/** A role that row security keeps rows from is refused, in place of a copy without them. */
export const allRowsOrNone = 'set local row_security = off';

const NEW_LINE = 10;

/** In the text form of COPY a line is a row: breaks inside of values are escaped. */
const countingRows = (tell: (rows: number) => void): Transform => {
  let rows = 0;
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      for (let at = chunk.indexOf(NEW_LINE); at !== -1; at = chunk.indexOf(NEW_LINE, at + 1)) rows += 1;
      done(null, chunk);
    },
    flush: (done) => {
      tell(rows);
      done();
    },
  });
};

/** The rows of a table, or those that a query answers, as the text form of COPY, compressed with zstd; `tell` is told how many when the last byte was read. */
export async function* copiedOut(client: PoolClient, { table, query, tell }: { readonly table: Table; readonly query?: string; readonly tell: (rows: number) => void }): AsyncGenerator<Buffer> {
  const source = query === undefined ? `${nameOf(table)} (${columnList(table.columns)})` : `(${query})`;
  const compressed = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const copying = pipeline(client.query(copyTo(`copy ${source} to stdout`)), countingRows(tell), compressed).catch((error: unknown) => {
    // Whoever reads on is told.
    compressed.destroy(error instanceof Error ? error : new Error('A table could not be read.'));
  });
  try {
    for await (const chunk of compressed) yield chunk as Buffer;
  } finally {
    compressed.destroy();
    await copying;
  }
}

/** Puts rows that `copiedOut` wrote into a table, and answers how many. */
export const copyIn = async (client: PoolClient, compressed: Readable, target: string, columns: readonly string[]): Promise<number> => {
  const table = client.query(copyFrom(`copy ${target} (${columnList(columns)}) from stdin`));
  await pipeline(compressed, createZstdDecompress(), table);
  return table.rowCount;
};
