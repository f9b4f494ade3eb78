import { randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import { passwordFault } from './domain/password-policy.ts';
import type { PasswordHashing } from './password-hashing.ts';
import { findTaken, insertUser } from './storage/user-table.ts';

/** A user to create; the password is in clear and goes no further than its hash. */
export interface NewAccount {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly name?: string | undefined;
  readonly userGroup: string;
  /** Who creates it: the id of an operator, `service`, or `vitalgate` for the command line. */
  readonly creatorId: string;
}

/** The new account cannot be; `member` names the field at fault. */
export class AccountRefusedError extends Error {
  readonly member: 'username' | 'email' | 'password';
  readonly reason: 'already-exists' | 'invalid';

  constructor(member: AccountRefusedError['member'], reason: AccountRefusedError['reason'], message: string) {
    super(message);
    this.name = 'AccountRefusedError';
    this.member = member;
    this.reason = reason;
  }
}

/**
 * Creates a user who can sign in at once, and returns the new id.
 * Throws AccountRefusedError when the password breaks the policy or name or address are taken (without regard to case).
 */
export const createAccount = async (db: Queryable, hashing: PasswordHashing, account: NewAccount): Promise<string> => {
  const fault = passwordFault(account.password);
  if (fault !== undefined) throw new AccountRefusedError('password', 'invalid', fault);
  const id = randomBytes(16).toString('hex');
  const passwordHash = await hashing.hash(account.password);
  const { username, email, name, userGroup, creatorId } = account;
  if (!(await insertUser(db, { id, username, email, name, passwordHash, userGroup, creatorId }))) {
    const member = (await findTaken(db, account)).username ? 'username' : 'email';
    throw new AccountRefusedError(member, 'already-exists', 'is taken');
  }
  return id;
};
