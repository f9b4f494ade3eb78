import { CsvError, parse } from 'csv-parse/sync';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { createEnrolment } from '../device-manager/enrolment.ts';
import { parseInstant } from '../measurement/instant.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { whatIsRefused } from './device-names.ts';
import { withManual } from './manual.ts';
import { patientNamed } from './named-patient.ts';

const text = (longest: number) => z.string().min(1, 'is empty').max(longest, `is longer than ${longest} characters`);
const optional = (longest: number) => z.string().max(longest, `is longer than ${longest} characters`).transform((value) => (value === '' ? undefined : value)).optional();

/** One row; the bounds of DeviceAssignment in the specification of the Device Manager. */
const rowSchema = z.strictObject({
  deviceId: text(200), provider: text(100), type: text(100), name: optional(300), serialNumber: optional(200), patient: optional(200),
  from: optional(40).refine((value) => value === undefined || typeof parseInstant(value) === 'object', 'is no instant with an offset'),
});

/** What became of a file; `failures` name rows, the first after the names being 1. */
interface Outcome {
  readonly known: number;
  readonly assigned: number;
  readonly failures: readonly { readonly row: number; readonly error: string }[];
}

const recordsOf = (path: string): Record<string, string>[] => {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new RefusedError(`The file cannot be read (${String((error as NodeJS.ErrnoException).code)}).`, 'wrong-use');
  }
  try {
    return parse(bytes, { columns: true, bom: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new RefusedError(`The file is no CSV with as many cells in each row as in the first (${error.code}).`, 'wrong-use');
  }
};

const takeRow = async (pool: Pool, settings: Config, record: Record<string, string>): Promise<'known' | 'assigned'> => {
  const checked = rowSchema.safeParse(record);
  if (!checked.success) throw new RefusedError(checked.error.issues.map(({ path, message }) => `${path.length === 0 ? 'a column' : String(path[0])} ${path.length === 0 ? 'has no known name' : message}`).join(', '));
  const { provider: deviceProvider, type: deviceType, patient, from, ...rest } = checked.data;
  const device = { ...rest, deviceProvider, deviceType, actor: 'vitalgate', requestId: `cli-${randomUUID()}` };
  const enrolment = createEnrolment(pool);
  if (patient === undefined) {
    await whatIsRefused(enrolment.add(device));
    return 'known';
  }
  const instant = from === undefined ? undefined : parseInstant(from);
  await whatIsRefused(enrolment.assign({ ...device, patientId: await patientNamed(pool, patient, settings), from: typeof instant === 'object' ? instant.epochMs : undefined }));
  return 'assigned';
};

const importDevices = async (context: CommandContext, path: string): Promise<void> => {
  const records = recordsOf(path);
  const settings = context.config();
  const hasUsers = settings.SERVICES.includes('user-manager');
  const outcome = await withDatabase({ config: settings, say: context.say, owners: hasUsers ? ['user-manager', 'device-manager'] : ['device-manager'] }, async (pool): Promise<Outcome> => {
    const counts = { known: 0, assigned: 0 };
    const failures: Outcome['failures'][number][] = [];
    for (const [index, record] of records.entries()) {
      try {
        counts[await takeRow(pool, settings, record)] += 1;
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        failures.push({ row: index + 1, error: error.message });
      }
    }
    return { ...counts, failures };
  });
  const { known, assigned, failures } = outcome;
  context.result(outcome, [`${String(known)} known, ${String(assigned)} given to patients, ${String(failures.length)} not taken`, ...failures.map(({ row, error }) => `row ${String(row)}: ${error}`)].join('\n'));
  if (failures.length > 0) throw new RefusedError('Not every row was taken: mend those and send the whole file again, which is safe.');
};

/** Adds `vitalgate devices import`. */
export const addDeviceImport = (devices: Command, context: CommandContext): void => {
  const command = devices
    .command('import')
    .description('Makes the devices of a CSV file known, and gives them to patients; each row for itself, and again is safe.')
    .argument('<file>', 'its first row names the columns: deviceId, provider, type, and where wanted name, serialNumber, patient, from')
    .action((path: string) => importDevices(context, path));
  withManual(command, { examples: ['npx vitalgate devices import devices.csv'] });
};
