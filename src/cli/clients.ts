import type { Command } from 'commander';
import { createClient, endClient } from '../user-manager/client-tokens.ts';
import { listClients } from '../user-manager/storage/client-table.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';

const accessOf = ({ config, say }: CommandContext) => ({ config: config(), say, owners: ['user-manager'] }) as const;

/** A token carries them all, and has at most 8 kB. */
const mostDevices = 50;

const create = async (context: CommandContext, { sender, device }: { readonly sender: string; readonly device?: readonly string[] }): Promise<void> => {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(sender)) throw new RefusedError('--sender is lower-case letters, digits and -, starting with a letter, at most 64.', 'wrong-use');
  if (device !== undefined && device.length > mostDevices) throw new RefusedError(`--device names at most ${String(mostDevices)} devices: a token carries them all.`, 'wrong-use');
  const { clientId, clientSecret } = await withDatabase(accessOf(context), (pool) => createClient(pool, { sender, deviceIds: device }));
  context.result({ clientId, sender, clientSecret }, `client of ${sender} created\nclient_id: ${clientId}\nclient_secret: ${clientSecret}   (shown only now)`);
};

const list = async (context: CommandContext): Promise<void> => {
  const clients = await withDatabase(accessOf(context), (pool) => listClients(pool));
  const lines = clients.map(({ client_id, sender, device_ids, created_at, revoked_at, last_used_at }) =>
    [client_id, sender, `created ${created_at.toISOString()}`, `used ${last_used_at?.toISOString() ?? 'never'}`, ...(device_ids === null ? [] : [`only ${device_ids.join(', ')}`]), revoked_at === null ? 'live' : `revoked ${revoked_at.toISOString()}`].join('  '),
  );
  context.result(clients, lines.length === 0 ? 'no clients' : lines.join('\n'));
};

const revoke = async (context: CommandContext, clientId: string): Promise<void> => {
  if (!(await withDatabase(accessOf(context), (pool) => endClient(pool, clientId)))) throw new RefusedError('There is no client with this client_id.', 'unknown');
  context.result({ revoked: clientId }, `${clientId} is revoked: it gets no more tokens, and those it has end within ten minutes`);
};

/** Adds `vitalgate clients …`. */
export const addClientCommands = (program: Command, context: CommandContext): void => {
  const clients = program.command('clients').description('Clients of OAuth 2.0 that post to the webhook: create, list, revoke.');
  withManual(clients, { examples: ['npx vitalgate clients create --sender medisante'] });
  const made = clients
    .command('create')
    .description('Creates a client and shows its secret once; only the hash of it is kept.')
    .requiredOption('--sender <name>', 'who will send with it: lower-case letters, digits and -')
    .option('--device <id...>', 'the only devices it may send for, by id or serial number as registered; at most 50, all unless given')
    .action((options: { readonly sender: string; readonly device?: readonly string[] }) => create(context, options));
  withManual(made, { notes: ['The client takes tokens at /oauth2/token of the User Manager, by client credentials.'], examples: ['npx vitalgate clients create --sender medisante'] });
  withManual(clients.command('list').description('Lists clients, never their secrets.').action(() => list(context)), { examples: ['npx vitalgate clients list'] });
  const revoked = clients
    .command('revoke')
    .description('Revokes a client: it gets no more tokens.')
    .argument('<client_id>', 'as `clients list` shows it')
    .action((clientId: string) => revoke(context, clientId));
  withManual(revoked, { examples: ['npx vitalgate clients revoke vgc_3f9a1c2b'] });
};
