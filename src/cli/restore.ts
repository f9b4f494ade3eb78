import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { PoolClient } from 'pg';
import { BackupFault } from '../backup/manifest.ts';
import { openRestoreSet, type RestoreSet } from '../backup/restore-set.ts';
import { analyze, restore, type Restored } from '../backup/restoring.ts';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { beginErasures, type Applied } from '../device-manager/patients/applying-erasures.ts';
import { addToJournal, entriesOf, JournalFault, type JournalEntry } from '../device-manager/patients/erasure-journal.ts';
import { recordEntry } from '../device-manager/storage/audit-table.ts';
import { takeYoungerGravestones } from '../device-manager/storage/erasure-table.ts';
import { noteRestoration } from '../device-manager/storage/restoration-table.ts';
import { leaveOutUnreadable, type UnreadableDelivery } from '../device-manager/storage/unreadable-deliveries.ts';
import { openKeys } from '../keys/master-key-check.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { recordAudit } from '../user-manager/storage/audit-table.ts';
import { erasureJournalIn } from '../data-files.ts';
import { keysBeside } from './backup.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { accountsOf, finishErasures } from './erasing-again.ts';
import { withManual } from './manual.ts';
import { demandErasable, holds, journalFor, type ErasureWords } from './restored-erasures.ts';

interface RestoreOptions extends ErasureWords {
  readonly keys?: string;
  readonly withoutUnreadableDeliveries?: true;
}

/** What is begun in the transaction of the restore, and ended after it. */
interface Begun {
  readonly keyRing?: KeyRing;
  readonly accounts: ReadonlyMap<string, string>;
  readonly begun: Applied['begun'];
  readonly entries: readonly JournalEntry[];
  readonly leftOut: readonly UnreadableDelivery[];
}

const recordRestore = async (client: PoolClient, set: RestoreSet): Promise<void> => {
  const entry = { event: 'database-restored', actor: 'vitalgate', resource: `backup/${set.data.manifest.backup}`, requestId: `cli-${randomUUID()}` } as const;
  if (holds(set.data.manifest, 'device_manager')) await recordEntry(client, entry);
  if (holds(set.data.manifest, 'user_manager')) await recordAudit(client, entry);
};

/**
 * A delivery that waited at the backup and was released, discarded or erased before its keys were backed up has none: kept, it would wait
 * for ever, and pass for known when it is sent again.
 */
const leaveOut = async (client: PoolClient, set: RestoreSet, mayLeaveOut: boolean): Promise<UnreadableDelivery[]> => {
  if (!holds(set.data.manifest, 'device_manager')) return [];
  const leftOut = await leaveOutUnreadable(client);
  if (leftOut.length > 0 && !mayLeaveOut) {
    throw new BackupFault(`Deliveries that wait in quarantine and have no keys: ${String(leftOut.length)}. They were released, discarded or erased before the keys were backed up. Give the keys of the same backup; or say --without-unreadable-deliveries, which leaves them out, and have them sent again.`);
  }
  for (const { payloadId } of leftOut) await recordEntry(client, { event: 'inbox-discarded', actor: 'vitalgate', resource: `inbox/${payloadId}`, requestId: `cli-${randomUUID()}` });
  return leftOut;
};

/** What openKeys says of a master key is for the operator; what the database says has a code. */
const masterKeyFault = (error: unknown): unknown => (error instanceof Error && !('code' in error) ? new BackupFault(error.message) : error);

/** Proves that the master key opens what came and that every delivery has its key, and destroys the keys of whoever was erased since: all, or the restore is undone. */
const completeWith = (config: Config, set: RestoreSet, journal: readonly JournalEntry[], mayLeaveOut: boolean) => async (client: PoolClient): Promise<Begun> => {
  await recordRestore(client, set);
  if (holds(set.data.manifest, 'device_manager')) await noteRestoration(client);
  if (!set.keys || set.keys.manifest.installation === null) return { accounts: new Map(), begun: [], entries: [], leftOut: [] };
  const { keyRing } = await openKeys(client, config).catch((error: unknown) => { throw masterKeyFault(error); });
  const leftOut = await leaveOut(client, set, mayLeaveOut);
  const accounts = holds(set.data.manifest, 'user_manager') ? await accountsOf(client, config.CUSTOM_USER_ID_KEY) : new Map<string, string>();
  const entries = [...journal, ...(await entriesOf(client, keyRing, await takeYoungerGravestones(client)))];
  const { begun } = await beginErasures(client, keyRing, entries, [...accounts.keys()]);
  await addToJournal(erasureJournalIn(config), entries);
  return { keyRing, accounts, begun, entries, leftOut };
};

const undone = (error: unknown): unknown =>
  error instanceof BackupFault || error instanceof JournalFault ? new RefusedError(`${error.message} Nothing was restored.`) : error;

/** Where the User Manager is elsewhere, the erasures are ended by the program when it starts. */
const finish = async (pool: Pool, config: Config, say: CommandContext['say'], set: RestoreSet, { keyRing, accounts, begun, entries }: Begun): Promise<void> => {
  if (keyRing && entries.length > 0 && holds(set.data.manifest, 'user_manager')) await finishErasures({ pool, keyRing, config, accounts, say }, begun, entries);
};

const sendAgain = (leftOut: readonly Omit<UnreadableDelivery, 'payloadId'>[]): string[] =>
  leftOut.map(({ sender, correlationId, receivedAt }) => `left out, to be sent again by ${sender}: ${correlationId}, received ${receivedAt.toISOString()}`);

const erasedWords = (erasedAgain: number, { erasedByDeviceManager }: ErasureWords): string =>
  erasedByDeviceManager === true ? 'accounts of whoever was erased since are erased again by the Device Manager: start it anew before anybody can sign in' : `${String(erasedAgain)} patients who were erased since are erased again`;

const wordsOf = ({ takenAt, rows, ran }: Restored, again: readonly string[]): string => [
  `restored ${String(Object.values(rows).reduce((sum, count) => sum + count, 0))} rows as of ${takenAt}${ran.length > 0 ? `, and ran ${String(ran.length)} migrations that are newer` : ''}`,
  ...again,
  'Everybody signs in anew. What was changed since the backup is as it was: look through passwords, blocked users and API keys (`vitalgate keys list`).',
  'Where services have roles of their own, run the SQL of `vitalgate migrate --print-roles` now. Then start the program.',
].join('\n');

const restoreFrom = async (context: CommandContext, file: string, options: RestoreOptions): Promise<void> => {
  const config = context.config();
  const journal = await journalFor(config, options);
  const outcome = await withDatabase({ config, say: context.say, owners: [] }, async (pool) => {
    const set = await openRestoreSet({ data: file, keys: options.keys ?? keysBeside(file) }).catch((error: unknown) => { throw undone(error); });
    try {
      const restoring = async () => {
        demandErasable(set, journal, options);
        return restore(pool, set, completeWith(config, set, journal, options.withoutUnreadableDeliveries === true));
      };
      const { completed, ...restored } = await restoring().catch((error: unknown) => { throw undone(error); });
      await finish(pool, config, context.say, set, completed);
      await analyze(pool, restored);
      return { ...restored, erasedAgain: completed.begun.length, leftOut: completed.leftOut.map(({ sender, correlationId, receivedAt }) => ({ sender, correlationId, receivedAt })) };
    } finally {
      set.close();
    }
  });
  context.result(outcome, wordsOf(outcome, [erasedWords(outcome.erasedAgain, options), ...sendAgain(outcome.leftOut)]));
};

/** Adds `vitalgate restore`. */
export const addRestoreCommand = (program: Command, context: CommandContext): void => {
  const command = program.command('restore').description('Fills an empty database from a backup: a new DATA_DIR, or a new database of DATABASE_URL. The program must not run on it.')
    .argument('<file>', 'the archive that `vitalgate backup` wrote')
    .option('--keys <file>', 'the archive of the wrapped keys, of the same backup or a later one; else the one beside, with the ending .keys.zip')
    .option('--erasure-journal <file>', 'as `patients erasures` prints it; DATA_DIR/erasure-journal.ndjson is read as well where it is')
    .option('--without-erasure-journal', 'nobody was erased since the backup')
    .option('--erased-by-device-manager', 'of a User Manager alone: the Device Manager, which has a database of its own, erases accounts again of whoever was erased since')
    .option('--without-unreadable-deliveries', 'leaves out deliveries in quarantine whose keys are gone, and tells which are to be sent again');
  withManual(command.action((file: string, options: RestoreOptions) => restoreFrom(context, file, options)), {
    notes: [
      'It needs the master key in the settings, as a start does. The archives are read through and checked first; then all is done in one transaction: cut off, it has done nothing, and is run again.',
      'Older backups are brought up to date; newer ones than the program are refused. docs/backup.md tells the steps.',
    ],
    examples: [
      'MASTER_KEY_FILE=/run/secrets/master-key DATA_DIR=/srv/vitalgate npx vitalgate restore /backups/vitalgate-20240701T093000Z.zip --keys /backups-of-keys/vitalgate-20240701T093000Z.keys.zip --erasure-journal erasure-journal.ndjson',
      'DATABASE_URL=postgres://vitalgate@db/vitalgate npx vitalgate restore before-upgrade.zip --without-erasure-journal',
    ],
  });
};
