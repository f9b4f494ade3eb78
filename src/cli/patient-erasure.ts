import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { newPseudonym } from '../audit/pseudonym.ts';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { scrub } from '../database/scrubbing.ts';
import { applyErasures } from '../device-manager/patients/applying-erasures.ts';
import { findErasure, runErasure, startErasure, type Erasing } from '../device-manager/patients/erasing.ts';
import { journalOf, JournalFault, openErasureJournal, readJournal, type JournalEntry } from '../device-manager/patients/erasure-journal.ts';
import { openKeys } from '../keys/master-key-check.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { patientIdOf } from '../user-manager/patient-id.ts';
import { findUsers } from '../user-manager/storage/user-search.ts';
import { clearTables, eraseUser } from '../user-manager/user-erasure.ts';
import { erasureJournalIn, mailFolderIn } from '../vitalgate.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';
import { withPatient, withWhom, type PatientOptions } from './named-patient.ts';

/** Erases in this process what a server would erase in the background; `userId` is the account, where it is known. */
const erasingOf = (config: Config, pool: Pool, keyRing: KeyRing, userId?: string): Erasing => ({
  pool, keyRing, backupDays: config.BACKUP_RETENTION_DAYS, journal: openErasureJournal(erasureJournalIn(config), pool, keyRing),
  eraseAccount: (patientId, auditPseudonym) => eraseUser({ pool, mailFolder: mailFolderIn(config) }, { id: userId ?? patientId, auditPseudonym, actor: 'vitalgate' }),
});

const erase = async (context: CommandContext, { confirm, ...options }: PatientOptions & { readonly confirm: string }): Promise<void> => {
  if (confirm !== (options.user ?? options.patient)) throw new RefusedError('--confirm repeats the name or identifier of whom is to be erased: nothing was erased.', 'wrong-use');
  const erasure = await withPatient(context, options, async ({ config, pool, keyRing, patientId, user, isKnown }) => {
    const before = await findErasure({ pool, keyRing }, patientId);
    if (!isKnown && !before) throw new RefusedError('There is no patient of this identifier.', 'unknown');
    const { _id } = await startErasure({ pool, keyRing }, { patientId, actor: 'vitalgate', requestId: `cli-${randomUUID()}` });
    await runErasure(erasingOf(config, pool, keyRing, user?.id), _id);
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

const entriesIn = async (path: string): Promise<JournalEntry[]> => {
  try {
    return readJournal(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof JournalFault) throw new RefusedError(error.message, 'wrong-use');
    throw new RefusedError(`The journal cannot be read (${String((error as NodeJS.ErrnoException).code)}).`, 'wrong-use');
  }
};

const PAGE = 500;

/** Everybody who has an account, by the identifier of the patient. */
const accountsOf = async (pool: Pool, key: string | undefined): Promise<Map<string, string>> => {
  const accounts = new Map<string, string>();
  for (let skip = 0; ; skip += PAGE) {
    const users = await findUsers(pool, { states: ['PUBLIC', 'DRAFT', 'TRASH', 'DELETED'], sort: [], limit: PAGE, skip });
    for (const user of users) {
      const patientId = patientIdOf(user, key);
      if (patientId !== undefined) accounts.set(patientId, user.id);
    }
    if (users.length < PAGE) return accounts;
  }
};

/** An account comes back with the tables of the User Manager, which may be restored alone. */
const eraseAccounts = async (pool: Pool, keyRing: KeyRing, config: Config, accounts: ReadonlyMap<string, string>, entries: readonly JournalEntry[]): Promise<number> => {
  const erased = new Set(entries.map(({ pseudonym }) => pseudonym));
  let count = 0;
  for (const [patientId, userId] of accounts) {
    if (!erased.has((await keyRing.pseudonymOf(pool, `patient:${patientId}`)).toString('hex'))) continue;
    const auditPseudonym = newPseudonym();
    count += (await eraseUser({ pool, mailFolder: mailFolderIn(config) }, { id: userId, auditPseudonym, actor: 'vitalgate' }))['users'] ?? 0;
  }
  return count;
};

const apply = async (context: CommandContext, { journal: path }: { readonly journal: string }): Promise<void> => {
  const entries = await entriesIn(path);
  const outcome = await withKeys(context, async (pool, keyRing, config) => {
    const accounts = await accountsOf(pool, config.CUSTOM_USER_ID_KEY);
    const { begun, unknown } = await applyErasures(pool, keyRing, entries, [...accounts.keys()]).catch((error: unknown) => {
      throw error instanceof JournalFault ? new RefusedError(error.message) : error;
    });
    for (const { erasureId, patientId } of begun) await runErasure(erasingOf(config, pool, keyRing, accounts.get(patientId)), erasureId);
    const others = await eraseAccounts(pool, keyRing, config, accounts, entries);
    await scrub(pool, clearTables);
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
