import { randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import { passwordFault } from './domain/password-policy.ts';
import type { Passwords } from './password.ts';
import { insertUser } from './storage/user-table.ts';

/** A person to be made known. */
export interface Registration {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly name?: string | undefined;
  readonly userGroup?: string | undefined;
  /** Who does it: the id of an operator, `service`, or `vitalgate` for the command line. */
  readonly creatorId: string;
}

/** What became of it: the new id, the member that somebody else has, or what is wrong with the password. */
export type Registered = { readonly _id: string } | { readonly taken: 'username' | 'email' } | { readonly passwordFault: string };

/** Makes a person known who can sign in at once. */
export const register = async (db: Queryable, passwords: Pick<Passwords, 'hash'>, person: Registration): Promise<Registered> => {
  const fault = passwordFault(person.password);
  if (fault !== undefined) return { passwordFault: fault };
  const id = randomBytes(16).toString('hex');
  const outcome = await insertUser(db, {
    id,
    username: person.username,
    email: person.email,
    name: person.name,
    passwordHash: await passwords.hash(person.password),
    userGroup: person.userGroup ?? 'patient',
    creatorId: person.creatorId,
  });
  return outcome === 'inserted' ? { _id: id } : { taken: outcome };
};
