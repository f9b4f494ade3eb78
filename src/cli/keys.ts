import type { Command } from 'commander';
import { createApiKey, listApiKeys, revokeApiKey } from '../device-manager/storage/api-key-table.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';

const createKey = async (context: CommandContext, sender: string): Promise<void> => {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(sender)) throw new RefusedError('--sender is lower-case letters, digits and -, starting with a letter, at most 64.');
  const { _id, key } = await withDatabase(context.config(), context.say, (pool) => createApiKey(pool, { sender }));
  context.result({ _id, sender, key }, `key of ${sender} created, _id ${_id}\nkey: ${key}   (shown only now)`);
};

const listKeys = async (context: CommandContext): Promise<void> => {
  const keys = await withDatabase(context.config(), context.say, (pool) => listApiKeys(pool));
  const stateOf = (revoked: Date | null): string => (revoked === null ? 'live' : `revoked ${revoked.toISOString()}`);
  const lines = keys.map((key) => [key.prefix, key.sender, `created ${key.created_at.toISOString()}`, `used ${key.last_used_at?.toISOString() ?? 'never'}`, stateOf(key.revoked_at)].join('  '));
  context.result(keys, lines.length === 0 ? 'no keys' : lines.join('\n'));
};

const revokeKey = async (context: CommandContext, key: string): Promise<void> => {
  const found = await withDatabase(context.config(), context.say, (pool) => revokeApiKey(pool, key));
  if (!found) throw new RefusedError('There is no key with this _id or prefix.');
  context.result({ revoked: key }, `${key} is revoked`);
};

/** Adds `vitalgate keys …`. */
export const addKeyCommands = (program: Command, context: CommandContext): void => {
  const keys = program.command('keys').description('API keys of webhook senders');
  keys
    .command('create')
    .description('create a key and show it once')
    .requiredOption('--sender <name>', 'who will send with it, for example medisante')
    .action(({ sender }: { readonly sender: string }) => createKey(context, sender));
  keys.command('list').description('list keys, never the keys themselves').action(() => listKeys(context));
  keys
    .command('revoke')
    .description('revoke a key at once')
    .argument('<key>', '_id or prefix as `keys list` shows it')
    .action((key: string) => revokeKey(context, key));
};
