import { randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import type { Passwords } from './password.ts';
import { insertUser } from './storage/user-table.ts';

/** A person to be made known. */
export interface Registration {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly name?: string | undefined;
  readonly userGroup?: string | undefined;
  readonly creatorId: string;
}

/** Makes a person known who can sign in at once; answers the member that somebody else has, if any. */
export const register = async (db: Queryable, passwords: Passwords, person: Registration): Promise<{ _id: string } | { taken: 'username' | 'email' }> => {
  const _id = randomBytes(16).toString('hex');
  const outcome = await insertUser(db, {
    _id,
    username: person.username,
    email: person.email,
    name: person.name ?? null,
    password_hash: await passwords.hash(person.password),
    user_group: person.userGroup ?? 'patient',
    creator_id: person.creatorId,
  });
  return outcome === 'inserted' ? { _id } : { taken: outcome };
};
