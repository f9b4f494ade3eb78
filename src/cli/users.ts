import type { Command } from 'commander';
import { z } from 'zod';
import { inTransaction } from '../database/transaction.ts';
import { isBlockedAt, userStates, type UserAccount } from '../user-manager/domain/user-account.ts';
import { createPasswords } from '../user-manager/password.ts';
import { register, type Registered } from '../user-manager/registration.ts';
import { findUsers } from '../user-manager/storage/user-search.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';
import { firstPage, withPaging, type PageOptions } from './page-options.ts';
import { givenOrMadePassword } from './password-input.ts';
import { table } from './table.ts';
import { addAccessCommands } from './user-access.ts';

/** The bounds of NewUser in the specification of the User Manager. */
const newUser = z.object({
  username: z.string().max(100, 'is longer than 100 characters').regex(/^[A-Za-z0-9._@+-]+$/, 'has characters other than letters, digits and . _ @ + -'),
  email: z.email('is no e-mail address').max(254, 'is longer than 254 characters'),
  name: z.string().min(1, 'is empty').max(300, 'is longer than 300 characters').optional(),
});

interface AddOptions {
  readonly username: string;
  readonly email: string;
  readonly name?: string;
  readonly operator?: true;
  readonly passwordStdin?: true;
}

const idOf = (outcome: Registered): string => {
  if ('taken' in outcome) throw new RefusedError(`--${outcome.taken} is taken by another user.`);
  if ('passwordFault' in outcome) throw new RefusedError(outcome.passwordFault.message, 'wrong-use');
  return outcome._id;
};

const addUser = async ({ config, say, result }: CommandContext, options: AddOptions): Promise<void> => {
  const checked = newUser.safeParse(options);
  if (!checked.success) throw new RefusedError(checked.error.issues.map(({ path, message }) => `--${String(path[0])} ${message}`).join('\n'), 'wrong-use');
  const access = { config: config(), say, owners: ['user-manager'] } as const;
  const { password, isMade } = await givenOrMadePassword(options.passwordStdin === true, say);
  const userGroup = options.operator === true ? 'operator' : 'patient';
  const id = await withDatabase(access, async (pool) => {
    const passwords = await createPasswords(access.config.PASSWORD_MIN_LENGTH);
    return idOf(await inTransaction(pool, (client) => register(client, passwords, { ...checked.data, password, userGroup, creatorId: 'vitalgate' })));
  });
  const { username } = checked.data;
  result({ _id: id, username, userGroup, ...(isMade && { password }) }, `${userGroup} ${username} added, _id ${id}${isMade ? `\npassword: ${password}   (shown only now)` : ''}`);
};

const rowOf = ({ id, username, userGroup, blocked, state, createdAt }: UserAccount, isBlocked: boolean): string[] => {
  const said = isBlocked ? (blocked ? 'blocked' : 'expired') : 'may sign in';
  return [id, username, userGroup, state === 'PUBLIC' ? said : state, createdAt.toISOString()];
};

const listUsers = async ({ config, say, result }: CommandContext, options: PageOptions): Promise<void> => {
  const { rows, more } = await withDatabase({ config: config(), say, owners: ['user-manager'] }, (pool) =>
    firstPage(options, (limit) => findUsers(pool, { states: userStates, sort: [], limit, skip: 0 })),
  );
  const users = rows.map((user) => ({ user, isBlocked: isBlockedAt(user, Date.now()) }));
  result(
    users.map(({ user: { id, username, userGroup, state, createdAt }, isBlocked }) => ({ _id: id, username, userGroup, state, blocked: isBlocked, createdAt })),
    table(['_id', 'username', 'group', 'state', 'created'], users.map(({ user, isBlocked }) => rowOf(user, isBlocked)), 'no users'),
  );
  if (more !== undefined) say(more);
};

/** Adds `vitalgate users …`. */
export const addUserCommands = (program: Command, context: CommandContext): void => {
  const users = program.command('users').description('People who can sign in: add, list, block, and give passwords.');
  withManual(users, { examples: ['npx vitalgate users list', 'npx vitalgate users add --help'] });
  const add = users
    .command('add')
    .description('Adds a person who can sign in at once, and prints the _id. Without --password-stdin a password is made and shown once.')
    .requiredOption('--username <name>', 'name to sign in with: letters, digits and . _ @ + -')
    .requiredOption('--email <address>', 'e-mail address; no other user has it')
    .option('--name <name>', 'full name')
    .option('--operator', 'may use the operations of services, not only the own data')
    .option('--password-stdin', 'read the password from standard input, at least PASSWORD_MIN_LENGTH and at most 128 characters')
    .action((options: AddOptions) => addUser(context, options));
  withManual(add, {
    examples: ['npx vitalgate users add --username anna --email anna@example.org', 'npx vitalgate users add --operator --username olga --email olga@example.org --password-stdin < password.txt'],
  });
  const list = users.command('list').description('Lists people, oldest first: _id, name, group, whether they may sign in, and since when they are known.');
  withManual(withPaging(list).action((options: PageOptions) => listUsers(context, options)), {
    notes: ['The state is `may sign in`, `blocked` or `expired`, else DRAFT, TRASH or DELETED.'],
    examples: ['npx vitalgate users list', 'npx vitalgate --json users list --all'],
  });
  addAccessCommands(users, context);
};
