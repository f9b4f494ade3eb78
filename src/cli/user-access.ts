import type { Command } from 'commander';
import type { UserAccount } from '../user-manager/domain/user-account.ts';
import { isBlockedAt } from '../user-manager/domain/user-account.ts';
import { createPasswords } from '../user-manager/password.ts';
import { setPassword, type PasswordChanged } from '../user-manager/password-change.ts';
import { changeUser, type Changed } from '../user-manager/user-change.ts';
import { loadUserGroups } from '../user-manager/user-groups.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';
import { userNamed } from './named-user.ts';
import { givenOrMadePassword } from './password-input.ts';

/** Who does it, as updaters are named. */
const updaterId = 'vitalgate';
const gone = () => new RefusedError('The user was deleted meanwhile.', 'unknown');

const changedUser = (outcome: Changed): UserAccount => {
  if (outcome === 'not-found') throw gone();
  if (!('user' in outcome)) throw new RefusedError('The user cannot be changed.');
  return outcome.user;
};

const wordsOf = ({ username, expirationDate }: UserAccount, blocked: boolean, isBlocked: boolean): string => {
  if (blocked) return `${username} is blocked; all sessions have ended`;
  return isBlocked ? `${username} is not blocked any more, but expired on ${expirationDate?.toISOString() ?? ''}` : `${username} is not blocked any more`;
};

const setBlocked = async ({ config, say, result }: CommandContext, name: string, blocked: boolean): Promise<void> => {
  const settings = config();
  const groups = loadUserGroups(settings.USER_GROUPS_FILE);
  const user = await withDatabase({ config: settings, say, owners: ['user-manager'] }, async (pool) => {
    const { id } = await userNamed(pool, name);
    return changedUser(await changeUser(pool, groups, id, { $set: { blocked } }, updaterId));
  });
  const isBlocked = isBlockedAt(user, Date.now());
  result({ _id: user.id, username: user.username, blocked: isBlocked }, wordsOf(user, blocked, isBlocked));
};

const demandChanged = (outcome: PasswordChanged): void => {
  if (outcome === 'not-found') throw gone();
  if (outcome === 'no-account') throw new RefusedError('The user has nothing to sign in with yet: activate the account first.');
  if (outcome !== 'changed') throw new RefusedError(outcome.passwordFault.message, 'wrong-use');
};

const changePassword = async ({ config, say, result }: CommandContext, name: string, fromStandardInput: boolean): Promise<void> => {
  const access = { config: config(), say, owners: ['user-manager'] } as const;
  const { password, isMade } = await givenOrMadePassword(fromStandardInput, say);
  const { id, username } = await withDatabase(access, async (pool) => {
    const user = await userNamed(pool, name);
    demandChanged(await setPassword(pool, await createPasswords(access.config.PASSWORD_MIN_LENGTH), { id: user.id, password, updaterId }));
    return user;
  });
  const words = `${username} has another password; all sessions have ended`;
  result({ _id: id, username, ...(isMade && { password }) }, isMade ? `${words}\npassword: ${password}   (shown only now)` : words);
};

/** Adds `block`, `unblock` and `passwd` to `vitalgate users`. */
export const addAccessCommands = (users: Command, context: CommandContext): void => {
  const block = users
    .command('block')
    .description('Blocks a person from signing in, and ends all sessions at once.')
    .argument('<user>', 'name or _id')
    .action((user: string) => setBlocked(context, user, true));
  withManual(block, { examples: ['npx vitalgate users block anna'] });
  const unblock = users
    .command('unblock')
    .description('Lets a blocked person sign in again.')
    .argument('<user>', 'name or _id')
    .action((user: string) => setBlocked(context, user, false));
  withManual(unblock, { notes: ['Who has expired stays blocked until the expiration is moved.'], examples: ['npx vitalgate users unblock anna'] });
  const passwd = users
    .command('passwd')
    .description('Gives a person another password, and ends all sessions at once. Without --password-stdin it is made and shown once.')
    .argument('<user>', 'name or _id')
    .option('--password-stdin', 'read the password from standard input, at least PASSWORD_MIN_LENGTH and at most 128 characters')
    .action((user: string, { passwordStdin }: { readonly passwordStdin?: true }) => changePassword(context, user, passwordStdin === true));
  withManual(passwd, {
    notes: ['A password is never taken from the command line, where other accounts of the machine could read it.'],
    examples: ['npx vitalgate users passwd anna', 'npx vitalgate users passwd anna --password-stdin < password.txt'],
  });
};
