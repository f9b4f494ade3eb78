import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { z } from 'zod';
import { createPasswords } from '../user-manager/password.ts';
import { register, type Registered } from '../user-manager/registration.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { readPassword } from './password-input.ts';

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
  if ('passwordFault' in outcome) throw new RefusedError(`The password ${outcome.passwordFault}.`);
  return outcome._id;
};

const addUser = async (context: CommandContext, options: AddOptions): Promise<void> => {
  const checked = newUser.safeParse(options);
  if (!checked.success) throw new RefusedError(checked.error.issues.map(({ path, message }) => `--${String(path[0])} ${message}`).join('\n'));
  const config = context.config();
  const given = options.passwordStdin === true ? await readPassword(context.say) : undefined;
  const password = given ?? randomBytes(18).toString('base64url');
  const userGroup = options.operator === true ? 'operator' : 'patient';
  const id = await withDatabase(config, context.say, async (pool) =>
    idOf(await register(pool, await createPasswords(), { ...checked.data, password, userGroup, creatorId: 'vitalgate' })),
  );
  const { username } = checked.data;
  const shown = given === undefined ? { password } : {};
  const words = given === undefined ? `\npassword: ${password}   (shown only now)` : '';
  context.result({ _id: id, username, userGroup, ...shown }, `${userGroup} ${username} added, _id ${id}${words}`);
};

/** Adds `vitalgate users …`. */
export const addUserCommands = (program: Command, context: CommandContext): void => {
  const users = program.command('users').description('people who can sign in');
  users
    .command('add')
    .description('add a user; without --password-stdin a password is made and shown once')
    .requiredOption('--username <name>', 'name to sign in with')
    .requiredOption('--email <address>', 'e-mail address')
    .option('--name <name>', 'full name')
    .option('--operator', 'may use the operations of services, not only the own data')
    .option('--password-stdin', 'read the password from standard input (at least 15 characters)')
    .action((options: AddOptions) => addUser(context, options));
};
