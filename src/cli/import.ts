import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { join } from 'node:path';
import { openExport, type ExportArchive } from '../apple-health/archive.ts';
import type { ImportedItem } from '../apple-health/export-item.ts';
import { itemsOfExport } from '../apple-health/export-items.ts';
import { ImportFault } from '../apple-health/import-fault.ts';
import { reportOf } from '../apple-health/import-report.ts';
import { uploadItems } from '../apple-health/import-run.ts';
import { openImportState } from '../apple-health/import-state.ts';
import { VitalgateError } from '../client/client.ts';
import { offsetsOf } from '../measurement/time-zone.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { httpUrl } from './http-url.ts';
import { wordsOfLeftOut, wordsOfOutcome, wordsOfReport } from './import-words.ts';
import { withManual } from './manual.ts';
import { readPassword } from './password-input.ts';

interface ImportOptions {
  readonly url: string;
  readonly user?: string;
  readonly dryRun?: true;
  readonly types?: string;
  readonly restart?: true;
  readonly timeZone?: string;
}

interface UploadOptions extends ImportOptions {
  /** Ends of the names of types, in lower case. */
  readonly wanted: readonly string[] | undefined;
  readonly timeZone: string;
}

const LINE_EVERY_MS = 10_000;

/** Names in a list; every type ends with an empty one, and so would be meant by it. */
const typesIn = (list: string): string[] => {
  const names = list.split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '');
  if (names.length === 0) throw new RefusedError('--types names no type: for all, leave it out.', 'wrong-use');
  return names;
};

async function* ofTypes(pages: AsyncIterable<readonly ImportedItem[]>, wanted: readonly string[] | undefined): AsyncGenerator<readonly ImportedItem[]> {
  for await (const page of pages) yield wanted ? page.filter(({ type }) => wanted.some((name) => type.toLowerCase().endsWith(name))) : page;
}

/** A bar at a terminal, a line now and then elsewhere. */
const progressOn = (context: CommandContext, totalBytes: number) => {
  const started = Date.now();
  let [items, bytes, lastLineAt] = [0, 0, started];
  const bar = process.stderr.isTTY ? new SingleBar({ format: '{bar} {percentage} % | {items} items | {rate} items/s | {eta_formatted} left', stream: process.stderr }) : undefined;
  bar?.start(totalBytes, 0, { items: 0, rate: 0 });
  const show = () => {
    const rate = Math.round(items / Math.max(0.001, (Date.now() - started) / 1000));
    bar?.update(Math.min(bytes, totalBytes), { items, rate });
    if (bar || Date.now() - lastLineAt < LINE_EVERY_MS) return;
    lastLineAt = Date.now();
    context.say(`${String(items)} items, ${String(rate)} a second, ${String(Math.min(99, Math.round((100 * bytes) / Math.max(1, totalBytes))))} % of the file read`);
  };
  return {
    read: (more: number) => {
      bytes += more;
      show();
    },
    settled: (more: number) => {
      items += more;
      show();
    },
    stop: () => bar?.stop(),
  };
};

/** The zone whose midnights begin the days of the export. An offset alone is none: it holds for half of the year. */
const zoneOf = (given: string | undefined): string => {
  const zone = given ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (/^[A-Za-z]/.test(zone) && offsetsOf(zone) !== undefined) return zone;
  throw new RefusedError(`${given === undefined ? "The machine's time zone is unknown" : '--time-zone is no time zone'}: give --time-zone a name of the IANA database, such as Europe/Rome.`, 'wrong-use');
};

const upload = async (context: CommandContext, path: string, archive: ExportArchive, { url, user, wanted, restart, timeZone }: UploadOptions): Promise<void> => {
  if (user === undefined) throw new RefusedError('Name the person with --user.', 'wrong-use');
  const state = await openImportState(join(context.config().DATA_DIR, 'imports'), path, [url, user, wanted?.join(',') ?? '', timeZone]);
  if (restart === true) state.clear();
  const skipped = state.settled();
  const password = await readPassword(context.say);
  if (skipped > 0) context.say(`Goes on after ${String(skipped)} items; --restart begins anew.`);
  context.say(`Days without a time zone are read in ${timeZone}; --time-zone names another.`);
  const progress = progressOn(context, archive.totalBytes);
  try {
    const target = { url, credentials: { username: user, password }, timeZone, onEnrolled: (deviceId: string) => context.say(`Enrolled the device ${deviceId}: the person had none of HealthKit.`) };
    const outcome = await uploadItems(ofTypes(itemsOfExport(archive, progress.read), wanted), target, skipped, { settled: progress.settled, settledUpTo: state.save });
    state.clear();
    progress.stop();
    const leftOut = archive.leftOut();
    context.result({ ...outcome, ...leftOut }, [wordsOfOutcome(outcome), ...wordsOfLeftOut(leftOut)].join('\n'));
  } finally {
    progress.stop();
  }
};

const importAppleHealth = async (context: CommandContext, path: string, options: ImportOptions): Promise<void> => {
  httpUrl('url', options.url);
  const timeZone = zoneOf(options.timeZone);
  const wanted = options.types === undefined ? undefined : typesIn(options.types);
  try {
    const archive = await openExport(path);
    try {
      if (options.dryRun !== true) await upload(context, path, archive, { ...options, wanted, timeZone });
      else {
        const types = await reportOf(ofTypes(itemsOfExport(archive), wanted));
        const leftOut = archive.leftOut();
        context.result({ types, ...leftOut }, [wordsOfReport(types), ...wordsOfLeftOut(leftOut)].join('\n'));
      }
    } finally {
      archive.close();
    }
  } catch (error) {
    if (error instanceof ImportFault || error instanceof VitalgateError) throw new RefusedError(error.message);
    throw error;
  }
};

/** Adds `vitalgate import apple-health`. */
export const addImportCommand = (program: Command, context: CommandContext): void => {
  const group = program.command('import').description('Brings in what was recorded before.');
  withManual(group, { examples: ['npx vitalgate import apple-health export.zip --dry-run'] });
  const appleHealth = group
    .command('apple-health')
    .description('Uploads an export of the Health app (Export All Health Data) through the BFF, as its owner: export.zip, export.xml or export.xml.gz.')
    .argument('<file>', 'the export')
    .option('--user <name>', 'user name or e-mail address of the owner')
    .option('--url <url>', 'the BFF', 'http://127.0.0.1:3000')
    .option('--types <list>', 'only these, by the ends of their names: HeartRate,BodyMass')
    .option('--time-zone <name>', 'zone in which the person lived: days of activity rings and prescriptions begin there (default: that of this machine)')
    .option('--dry-run', 'report what the file holds by type, and send nothing')
    .option('--restart', 'send everything again, also what an earlier run had settled')
    .action((file: string, options: ImportOptions) => importAppleHealth(context, file, options));
  withManual(appleHealth, {
    notes: [
      'The password is asked for, or read from standard input.',
      'A run that was stopped goes on where it was; running it again adds nothing, for items without UUID are known by type, source, time and value.',
      'Pressures that stand in a correlation and once more beside it count once. Routes and clinical records are read from the archive; nothing is unpacked to the disk. Electrocardiograms are not read; what was not is told at the end.',
    ],
    examples: ['npx vitalgate import apple-health export.zip --dry-run', 'npx vitalgate import apple-health export.zip --user anna'],
  });
};
