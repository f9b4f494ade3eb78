import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, type Outcome as Run } from '../cli/command-line.ts';
import { eventually, service } from '../device-manager/client.ts';
import type { TestUser, TestVitalgate } from '../setup/vitalgate.ts';

/** The report of an import. */
interface Outcome {
  readonly items: number;
  readonly skipped: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly refused: readonly { readonly type: string; readonly code: string; readonly items: number }[];
  readonly unread: readonly { readonly kind: string; readonly files: number }[];
  readonly missing: readonly { readonly kind: string; readonly files: number }[];
}

/** A record as the export of a patient lists it. */
export interface Listed {
  readonly state: string;
  readonly rawDataType?: string;
  readonly recordedAt: string;
  readonly rawData?: Readonly<Record<string, unknown>>;
  readonly normalizedData?: { readonly observations: readonly { readonly code: string; readonly value: number; readonly unitCode: string; readonly annotation?: Readonly<Record<string, string>> }[] };
}

type ImportOf<Answer> = (file: string, user: TestUser, url?: string, ...more: string[]) => Promise<Answer>;

/** What tests do with exports of the Health app. */
export interface Importing {
  /** Imports a file by the command line, and how that ended. */
  readonly run: ImportOf<Run>;
  /** Imports a file and answers the report; throws with what was told when that fails. */
  readonly imported: ImportOf<Outcome>;
  /** What is kept of a person once nothing waits to be normalized. */
  readonly recordsOf: (user: TestUser, members?: string) => Promise<Listed[]>;
  /** Writes an export of the Health app with these elements. */
  readonly exportOf: (name: string, ...elements: string[]) => string;
  /** Writes one that was made at that time. */
  readonly exportMade: (date: string, name: string, ...elements: string[]) => string;
}

/** Imports of the Health app's exports into a running Vitalgate; `folder` keeps files and the state of imports. */
export const importing = (vitalgate: TestVitalgate, folder: string): Importing => {
  const run: Importing['run'] = (file, user, url = vitalgate.urls.bff, ...more) =>
    commandLine({ DATA_DIR: folder }).run(['--json', 'import', 'apple-health', file, '--user', user.username, '--url', url, ...more], { input: `${user.password}\n` });
  const idle = () => eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);
  const exportMade: Importing['exportMade'] = (date, name, ...elements) => {
    const file = join(folder, name);
    writeFileSync(file, `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation)*)>\n]>\n<HealthData locale="de_DE"><ExportDate value="${date}"/>${elements.join('\n')}</HealthData>\n`);
    return file;
  };
  return {
    run,
    imported: async (...given) => {
      const { code, out, told } = await run(...given);
      if (code !== 0) throw new Error(told);
      return JSON.parse(out) as Outcome;
    },
    recordsOf: async ({ id }, members = 'recordedAt,rawDataType,normalizedData') => {
      await idle();
      const text = await (await service(vitalgate, id).get(`/health-data/export?_p=${members}`)).text();
      return text.trim() === '' ? [] : text.trim().split('\n').map((line) => JSON.parse(line) as Listed);
    },
    exportOf: (...given) => exportMade('2024-07-10 10:00:00 +0200', ...given),
    exportMade,
  };
};
