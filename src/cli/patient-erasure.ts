import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { scrub } from '../database/scrubbing.ts';
import { applyErasures } from '../device-manager/patients/applying-erasures.ts';
import { findErasure, runErasure, startErasure } from '../device-manager/patients/erasing.ts';
import { journalOf, JournalFault } from '../device-manager/patients/erasure-journal.ts';
import { openKeys } from '../keys/master-key-check.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { clearTables } from '../user-manager/user-erasure.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { accountsOf, entriesIn, erasingOf, finishErasures } from './erasing-again.ts';
import { withManual } from './manual.ts';
import { withPatient, withWhom, type PatientOptions } from './named-patient.ts';

const erase = async (context: CommandContext, { confirm, ...options }: PatientOptions & { readonly confirm: string }): Promise<void> => {
  if (confirm !== (options.user ?? options.patient)) throw new RefusedError('--confirm repeats the name or identifier of whom is to be erased: nothing was erased.', 'wrong-use');
  const erasure = await withPatient(context, options, async ({ config, pool, keyRing, patientId, user, isKnown }) => {
    const before = await findErasure({ pool, keyRing }, patientId);
    if (!isKnown && !before) throw new RefusedError('There is no patient of this identifier.', 'unknown');
    const { _id } = await startErasure({ pool, keyRing }, { patientId, actor: 'vitalgate', requestId: `cli-${randomUUID()}` });
    await runErasure(erasingOf({ config, pool, keyRing, say: context.say }, user?.id), _id);
    await scrub(pool, clearTables);
    return findErasure({ pool, keyRing }, patientId);
  });
  context.result(erasure?.certificate ?? {}, JSON.stringify(erasure?.certificate, null, 2));
};

const withKeys = <Result>({ config, say }: CommandContext, work: (pool: Pool, keyRing: KeyRing, settings: Config) => Promise<Result>): Promise<Result> => {
  const settings = config();
  return withDatabase({ config: settings, say, owners: ['user-manager', 'device-manager'] }, async (pool) => work(pool, (await openKeys(pool, settings)).keyRing, settings));
};

const list = async (context: CommandContext): Promise<void> => {
  const entries = await withKeys(context, (pool, keyRing) => journalOf(pool, keyRing));
  context.result(entries, entries.map((entry) => JSON.stringify(entry)).join('\n'));
};

const apply = async (context: CommandContext, { journal: path }: { readonly journal: string }): Promise<void> => {
  const entries = await entriesIn(path);
  const outcome = await withKeys(context, async (pool, keyRing, config) => {
    const accounts = await accountsOf(pool, config.CUSTOM_USER_ID_KEY);
    const { begun, unknown } = await applyErasures(pool, keyRing, entries, [...accounts.keys()]).catch((error: unknown) => {
      throw error instanceof JournalFault ? new RefusedError(error.message) : error;
    });
    const others = await finishErasures({ pool, keyRing, config, accounts, say: context.say }, begun, entries);
    return { entries: entries.length, unknown, patients: begun.length, accounts: others };
  });
  const words = `${String(outcome.entries)} erasures, ${String(outcome.unknown)} not known to this database: ${String(outcome.patients)} patients erased again, ${String(outcome.accounts)} accounts besides`;
  context.result(outcome, words);
};

/** Adds `erase`, `erasures` and `apply-erasures` to `vitalgate patients`. */
export const addErasureCommands = (patients: Command, context: CommandContext): void => {
  const erasing = withWhom(patients.command('erase').description('Erases all that is kept of a patient, for good: keys, data, account. Prints the certificate.'))
    .requiredOption('--confirm <name>', 'the same name or identifier once more');
  withManual(erasing.action((options: PatientOptions & { readonly confirm: string }) => erase(context, options)), {
    notes: ['It cannot be taken back. Export before, where the person wants that.', 'Works beside a running server, and is safe to repeat: what was cut off goes on.'],
    examples: ['npx vitalgate patients erase --user anna --confirm anna', 'npx vitalgate --json patients erase --user anna --confirm anna > certificate.json'],
  });
  const listed = patients.command('erasures').description('Prints the erasure journal, a line for each erasure: keep it apart from the database.');
  withManual(listed.action(() => list(context)), { examples: ['npx vitalgate patients erasures > erasure-journal.ndjson'] });
  const applying = patients.command('apply-erasures').description('Erases again, in a database that was restored, whoever was erased since the backup.').requiredOption('--journal <file>', 'as `patients erasures` prints it, or DATA_DIR/erasure-journal.ndjson');
  withManual(applying.action((options: { readonly journal: string }) => apply(context, options)), {
    notes: ['Do this before anybody can reach the restored services.'],
    examples: ['npx vitalgate patients apply-erasures --journal erasure-journal.ndjson'],
  });
};
