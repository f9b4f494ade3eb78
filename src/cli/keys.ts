import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { endApiKey, issueApiKey } from '../device-manager/sender-keys.ts';
import { listApiKeys, type ApiKey } from '../device-manager/storage/api-key-table.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { addEncryptionKeyCommands } from './encryption-keys.ts';
import { withManual } from './manual.ts';

/** How the command line appears in the audit. */
const act = () => ({ actor: 'vitalgate', requestId: `cli-${randomUUID()}` });

const accessOf = ({ config, say }: CommandContext) => ({ config: config(), say, owners: ['device-manager'] }) as const;

interface CreateOptions {
  readonly sender: string;
  readonly expiresInDays?: string;
  readonly device?: readonly string[];
}

const createKey = async (context: CommandContext, { sender, expiresInDays, device }: CreateOptions): Promise<void> => {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(sender)) throw new RefusedError('--sender is lower-case letters, digits and -, starting with a letter, at most 64.', 'wrong-use');
  const days = expiresInDays === undefined ? undefined : Number(expiresInDays);
  if (days !== undefined && !(Number.isInteger(days) && days >= 1 && days <= 3650)) throw new RefusedError('--expires-in-days is a whole number from 1 to 3650.', 'wrong-use');
  const issued = await withDatabase(accessOf(context), (pool) => issueApiKey(pool, { sender, expiresInDays: days, deviceIds: device }, act()));
  if (issued === 'two-live-keys') throw new RefusedError(`${sender} has two keys that live: revoke one first.`);
  const { _id, key } = issued;
  context.result({ _id, sender, key }, `key of ${sender} created, _id ${_id}\nkey: ${key}   (shown only now)`);
};

const listKeys = async (context: CommandContext): Promise<void> => {
  const keys = await withDatabase(accessOf(context), (pool) => listApiKeys(pool));
  const stateOf = ({ revoked_at: revoked, expires_at: expires }: ApiKey): string => {
    if (revoked !== null) return `revoked ${revoked.toISOString()}`;
    if (expires === null) return 'live';
    return `${expires.getTime() <= Date.now() ? 'ended' : 'live until'} ${expires.toISOString()}`;
  };
  const lines = keys.map((key) => [key.prefix, key.sender, `created ${key.created_at.toISOString()}`, `used ${key.last_used_at?.toISOString() ?? 'never'}`, stateOf(key)].join('  '));
  context.result(keys, lines.length === 0 ? 'no keys' : lines.join('\n'));
};

const revokeKey = async (context: CommandContext, key: string): Promise<void> => {
  const found = await withDatabase(accessOf(context), (pool) => endApiKey(pool, key, act()));
  if (!found) throw new RefusedError('There is no key with this _id or prefix.', 'unknown');
  context.result({ revoked: key }, `${key} is revoked`);
};

/** Adds `vitalgate keys …`. */
export const addKeyCommands = (program: Command, context: CommandContext): void => {
  const keys = program.command('keys').description('Keys by which senders of a webhook are known (create, list, revoke), and those that encrypt (status, rotate).');
  withManual(keys, { examples: ['npx vitalgate keys list', 'npx vitalgate keys create --help'] });
  const create = keys
    .command('create')
    .description('Creates a key of a sender and shows it once; only its hash is kept.')
    .requiredOption('--sender <name>', 'who will send with it: lower-case letters, digits and -')
    .option('--expires-in-days <days>', 'when it ends by itself, 1 to 3650; never unless given')
    .option('--device <id...>', 'the only devices it may send for, by id or serial number as registered; all unless given')
    .action((options: CreateOptions) => createKey(context, options));
  withManual(create, {
    notes: ['A sender has at most two keys that live: make the second, change it at the sender, revoke the first.'],
    examples: ['npx vitalgate keys create --sender medisante', 'npx vitalgate keys create --sender medisante --expires-in-days 365'],
  });
  const list = keys.command('list').description('Lists keys of senders by their beginning, never the keys themselves: sender, age, last use, state.');
  withManual(list.action(() => listKeys(context)), { examples: ['npx vitalgate keys list', 'npx vitalgate --json keys list'] });
  const revoke = keys
    .command('revoke')
    .description('Revokes a key of a sender at once: what is sent with it is refused.')
    .argument('<key>', '_id, or the beginning that `keys list` shows')
    .action((key: string) => revokeKey(context, key));
  withManual(revoke, { examples: ['npx vitalgate keys revoke vg_3f9a1c2b'] });
  addEncryptionKeyCommands(keys, context);
};
