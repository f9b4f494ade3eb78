import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { masked } from '../device-manager/domain/outline.ts';
import { createInbox, type Inbox, type InboxOutcome } from '../device-manager/inbox.ts';
import type { InboxEntry, InboxFilter, InboxKind } from '../device-manager/storage/inbox-table.ts';
import { openKeys } from '../keys/master-key-check.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';
import { table } from './table.ts';

const kinds = ['quarantined', 'conflicting', 'failed'];
const discardReasons = ['test-device', 'not-our-device', 'duplicate', 'unreadable', 'asked-by-patient', 'other'];

/** How the command line appears in the audit. */
const act = () => ({ actor: 'vitalgate', requestId: `cli-${randomUUID()}` });

const inboxOf = async (config: Config, pool: Pool): Promise<Inbox> => {
  const { keyRing } = await openKeys(pool, config);
  return createInbox(pool, keyRing);
};

const withInbox = <Result>({ config, say }: CommandContext, work: (inbox: Inbox) => Promise<Result>): Promise<Result> => {
  const settings = config();
  return withDatabase({ config: settings, say, owners: ['device-manager'] }, async (pool) => work(await inboxOf(settings, pool)));
};

interface FilterOptions {
  readonly kind?: string;
  readonly reason?: string;
  readonly sender?: string;
  readonly device?: string;
}

const filterOf = ({ kind, reason, sender, device }: FilterOptions): Omit<InboxFilter, 'limit' | 'skip'> => {
  if (kind !== undefined && !kinds.includes(kind)) throw new RefusedError(`--kind is one of ${kinds.join(', ')}.`, 'wrong-use');
  return { kind: kind as InboxKind | undefined, reason, sender, deviceId: device };
};

const shown = (entry: InboxEntry) => ({ ...entry, device_identifiers: entry.device_identifiers.map(masked) });

const list = async (context: CommandContext, options: FilterOptions): Promise<void> => {
  const filter = filterOf(options);
  const entries = (await withInbox(context, (inbox) => inbox.list({ ...filter, limit: 200, skip: 0 }))).map(shown);
  const rows = entries.map(({ _id, kind, reason, sender, measurement_type, device_identifiers, received_at }) => [_id, kind, reason, sender ?? '', measurement_type ?? '', device_identifiers.join(' '), received_at.toISOString()]);
  context.result(entries, table(['_id', 'kind', 'reason', 'sender', 'type', 'device', 'received'], rows, 'nothing needs a person'));
};

const show = async (context: CommandContext, id: string): Promise<void> => {
  const found = await withInbox(context, (inbox) => inbox.read(id, act()));
  if (found === undefined) throw new RefusedError('There is no entry with this _id.', 'unknown');
  const { outline } = found;
  context.result({ entry: shown(found.entry), outline }, `${found.entry.kind}: ${found.entry.reason}\n${JSON.stringify(outline, null, 2)}`);
};

const demandDone = (outcome: InboxOutcome): void => {
  if (outcome === 'not-found') throw new RefusedError('There is no entry with this _id.', 'unknown');
  if (outcome === 'cannot-go-on') throw new RefusedError('This cannot be done with an entry of this kind: what contradicts is discarded, what failed is replayed.');
};

const replay = async (context: CommandContext, id: string | undefined, options: FilterOptions): Promise<void> => {
  const filter = filterOf(options);
  const entries = await withInbox(context, async (inbox) => {
    if (id === undefined) return inbox.replayAll(filter, act());
    demandDone(await inbox.replay(id, act()));
    return 1;
  });
  context.result({ entries }, `${String(entries)} will be tried again while the server runs`);
};

const discard = async (context: CommandContext, id: string, reason: string): Promise<void> => {
  if (!discardReasons.includes(reason)) throw new RefusedError(`--reason is one of ${discardReasons.join(', ')}.`, 'wrong-use');
  demandDone(await withInbox(context, (inbox) => inbox.discard(id, reason, act())));
  context.result({ discarded: id, reason }, `${id} is gone for good`);
};

const withFilter = (command: Command): Command =>
  command
    .option('--kind <kind>', kinds.join(', '))
    .option('--reason <reason>', 'as `inbox list` shows it, such as device-unknown')
    .option('--sender <name>', 'who sent it')
    .option('--device <deviceId>', 'identifier of the device at its provider');

/** Adds `vitalgate inbox …`. */
export const addInboxCommands = (program: Command, context: CommandContext): void => {
  const inbox = program.command('inbox').description('What came in and needs a person: list, show, replay, discard.');
  withManual(inbox, { examples: ['npx vitalgate inbox list', 'npx vitalgate inbox replay --reason device-unknown'] });
  const listed = withFilter(inbox.command('list').description('Lists the oldest 200 entries; devices by the end of their identifiers.')).action((options: FilterOptions) => list(context, options));
  withManual(listed, { examples: ['npx vitalgate inbox list --kind failed'] });
  const one = inbox.command('show').description('Shows the members of a payload with the kind of each value, never a value.').argument('<_id>', 'as `inbox list` shows it').action((id: string) => show(context, id));
  withManual(one, { examples: ['npx vitalgate inbox show 4be61f2a90a14e0f8b1c2d3e4f5a6b7c'] });
  const again = withFilter(inbox.command('replay').description('Has one entry, or all that the options mean, tried again.').argument('[_id]', 'one entry'));
  withManual(again.action((id: string | undefined, options: FilterOptions) => replay(context, id, options)), { examples: ['npx vitalgate inbox replay --reason no-rule'] });
  const gone = inbox
    .command('discard')
    .description('Throws a delivery away for good; who did it, when and why is kept.')
    .argument('<_id>', 'as `inbox list` shows it')
    .requiredOption('--reason <reason>', discardReasons.join(', '))
    .action((id: string, { reason }: { readonly reason: string }) => discard(context, id, reason));
  withManual(gone, { examples: ['npx vitalgate inbox discard 4be61f2a90a14e0f8b1c2d3e4f5a6b7c --reason test-device'] });
};
