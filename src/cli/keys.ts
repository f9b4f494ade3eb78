import type { Command } from 'commander';
import { createApiKey, listApiKeys, revokeApiKey } from '../device-manager/storage/api-key-table.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';

const accessOf = ({ config, say }: CommandContext) => ({ config: config(), say, owners: ['device-manager'] }) as const;

const createKey = async (context: CommandContext, sender: string): Promise<void> => {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(sender)) throw new RefusedError('--sender is lower-case letters, digits and -, starting with a letter, at most 64.', 'wrong-use');
  const { _id, key } = await withDatabase(accessOf(context), (pool) => createApiKey(pool, { sender }));
  context.result({ _id, sender, key }, `key of ${sender} created, _id ${_id}\nkey: ${key}   (shown only now)`);
};

const listKeys = async (context: CommandContext): Promise<void> => {
  const keys = await withDatabase(accessOf(context), (pool) => listApiKeys(pool));
  const stateOf = (revoked: Date | null): string => (revoked === null ? 'live' : `revoked ${revoked.toISOString()}`);
  const lines = keys.map((key) => [key.prefix, key.sender, `created ${key.created_at.toISOString()}`, `used ${key.last_used_at?.toISOString() ?? 'never'}`, stateOf(key.revoked_at)].join('  '));
  context.result(keys, lines.length === 0 ? 'no keys' : lines.join('\n'));
};

const revokeKey = async (context: CommandContext, key: string): Promise<void> => {
  const found = await withDatabase(accessOf(context), (pool) => revokeApiKey(pool, key));
  if (!found) throw new RefusedError('There is no key with this _id or prefix.', 'unknown');
  context.result({ revoked: key }, `${key} is revoked`);
};

/** Adds `vitalgate keys …`. */
export const addKeyCommands = (program: Command, context: CommandContext): void => {
  const keys = program.command('keys').description('Keys by which senders of a webhook are known: create, list, revoke.');
  withManual(keys, { examples: ['npx vitalgate keys list', 'npx vitalgate keys create --help'] });
  const create = keys
    .command('create')
    .description('Creates a key and shows it once; only its hash is kept.')
    .requiredOption('--sender <name>', 'who will send with it: lower-case letters, digits and -')
    .action(({ sender }: { readonly sender: string }) => createKey(context, sender));
  withManual(create, { examples: ['npx vitalgate keys create --sender medisante'] });
  const list = keys.command('list').description('Lists keys by their beginning, never the keys themselves: sender, age, last use, state.');
  withManual(list.action(() => listKeys(context)), { examples: ['npx vitalgate keys list', 'npx vitalgate --json keys list'] });
  const revoke = keys
    .command('revoke')
    .description('Revokes a key at once: what is sent with it is refused.')
    .argument('<key>', '_id, or the beginning that `keys list` shows')
    .action((key: string) => revokeKey(context, key));
  withManual(revoke, { examples: ['npx vitalgate keys revoke vg_3f9a1c2b'] });
};
