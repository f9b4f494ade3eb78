import type { operations } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller } from '../caller.ts';
import { CsvFault, MOST_ROWS, readUserCsv, TooManyRowsError, type CsvRow } from '../user-csv.ts';
import type { ImportReport } from '../user-import.ts';
import { actorOf, refused } from './user-record.ts';

/** What the handler of the import stands on. */
export interface UserImportPorts {
  /** Names of the custom properties of all groups. */
  readonly propertyNames: ReadonlySet<string>;
  readonly take: (rows: readonly (CsvRow | undefined)[], actor: string) => Promise<ImportReport>;
}

/** Importing people from CSV; for services and operators. */
export const userImportHandlers = ({ propertyNames, take }: UserImportPorts) => ({
  importUsers: async ({ body, caller }: Call<operations['importUsers'], Caller>): Promise<Reply<operations['importUsers']>> => {
    const actor = actorOf(caller);
    const { file, ...format } = body;
    let rows: readonly (CsvRow | undefined)[];
    try {
      rows = readUserCsv(Buffer.from(file, 'latin1'), format, propertyNames);
    } catch (error) {
      if (error instanceof CsvFault) throw refused([error.fault]);
      if (error instanceof TooManyRowsError) throw problem('too-many-items', { limits: { maxItems: MOST_ROWS } });
      throw error;
    }
    return { status: 200, body: await take(rows, actor) };
  },
});
