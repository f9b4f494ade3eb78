import { randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import type { PasswordFault } from './domain/password-policy.ts';
import type { Passwords } from './password.ts';
import { actorNamed, recordAudit } from './storage/audit-table.ts';
import { activateUser, insertUser, lockUser, type TakenMember } from './storage/user-table.ts';

/** A person to be made known. */
export interface Registration {
  readonly username: string;
  readonly email: string;
  /** Without one the person chooses it by a reset. */
  readonly password?: string | undefined;
  readonly name?: string | undefined;
  readonly userGroup?: string | undefined;
  readonly blocked?: boolean | undefined;
  readonly expirationDate?: Date | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, unknown>> | undefined;
  /** What the person signs in with: made here (when left out), made later, or one that exists elsewhere. */
  readonly account?: 'postponed' | { readonly authUserId: string } | undefined;
  /** Who does it: the id of an operator, `service`, or `vitalgate` for the command line. */
  readonly creatorId: string;
}

/** What became of it: the new id, the member that somebody else has, or what is wrong with the password. */
export type Registered = { readonly _id: string } | { readonly taken: TakenMember } | { readonly passwordFault: PasswordFault };

const authUserIdOf = (account: Registration['account'], id: string): string | undefined => {
  if (account === 'postponed') return undefined;
  return account === undefined ? id : account.authUserId;
};

/** Makes a person known in a transaction of the caller's, who can sign in at once when a password is given and the account is not postponed. */
export const register = async (db: Queryable, passwords: Pick<Passwords, 'hash' | 'faultOf'>, person: Registration): Promise<Registered> => {
  const { password, account, creatorId } = person;
  const fault = password === undefined ? undefined : passwords.faultOf(password, person);
  if (fault !== undefined) return { passwordFault: fault };
  const id = randomBytes(16).toString('hex');
  const outcome = await insertUser(db, {
    id,
    authUserId: authUserIdOf(account, id),
    username: person.username,
    email: person.email,
    ...(person.name !== undefined && { name: person.name }),
    passwordHash: password === undefined ? undefined : await passwords.hash(password),
    userGroup: person.userGroup ?? 'patient',
    blocked: person.blocked ?? false,
    ...(person.expirationDate && { expirationDate: person.expirationDate }),
    roles: person.roles ?? [],
    properties: person.properties ?? {},
    creatorId,
  });
  if (outcome !== 'inserted') return { taken: outcome };
  await recordAudit(db, { event: 'user-created', actor: actorNamed(creatorId), patientId: id, resource: 'user' });
  return { _id: id };
};

/** What became of an activation. */
export type Activated = 'activated' | 'active-already' | 'not-found' | 'account-disabled';

/** Gives a postponed person an account, in a transaction of the caller's; a group may have no accounts at all. */
export const activate = async (
  db: Queryable, { id, passwordHash, updaterId }: { readonly id: string; readonly passwordHash?: string | undefined; readonly updaterId: string }, isDisabled: (userGroup: string) => boolean,
): Promise<Activated> => {
  const user = await lockUser(db, id);
  if (user === undefined || user.state === 'DELETED') return 'not-found';
  if (user.authUserId !== undefined) return 'active-already';
  if (isDisabled(user.userGroup)) return 'account-disabled';
  await activateUser(db, id, passwordHash, updaterId);
  await recordAudit(db, { event: 'user-activated', actor: actorNamed(updaterId), patientId: id, resource: 'user' });
  return 'activated';
};
