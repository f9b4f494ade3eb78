import type { User } from '../../../generated/user-manager.d.ts';
import { problem, type ProblemError } from '../../http/problem.ts';
import type { Caller } from '../caller.ts';
import type { PasswordFault } from '../domain/password-policy.ts';
import { isBlockedAt, type MemberFault, type UserAccount } from '../domain/user-account.ts';

/** Who is written down as creator or updater. No person and no client gets here: the schemes of the operations say so. */
export const actorOf = (caller: Caller): string => {
  if (caller.kind === 'person' || caller.kind === 'client') throw problem('forbidden');
  return caller.kind === 'operator' ? caller.userId : 'service';
};

/** A user as it is answered: custom properties beside the others, an expiration that has passed as blocked. */
export const wireUserOf = (user: UserAccount): User => ({
  ...user.properties,
  _id: user.id,
  ...(user.authUserId !== undefined && { authUserId: user.authUserId }),
  username: user.username,
  email: user.email,
  ...(user.name !== undefined && { name: user.name }),
  userGroup: user.userGroup,
  blocked: isBlockedAt(user, Date.now()),
  ...(user.expirationDate && { expirationDate: user.expirationDate.toISOString() }),
  roles: user.roles,
  createdAt: user.createdAt.toISOString(),
  updatedAt: user.updatedAt.toISOString(),
  creatorId: user.creatorId,
  updaterId: user.updaterId,
  __STATE__: user.state,
});

/** Members of `/userinfo` that are claims of OpenID Connect, and so come whatever is answered beside them (OpenID Connect Core 1.0, 5.1). */
export const claimsOf = (user: UserAccount) => ({
  sub: user.authUserId ?? user.id,
  name: user.name ?? user.username,
  preferred_username: user.username,
  email: user.email,
  email_verified: false,
  updated_at: Math.floor(user.updatedAt.getTime() / 1000),
});

/** 400 that names what is wrong, one by one. */
export const refused = (errors: readonly MemberFault[]): ProblemError => problem('invalid-request', { errors });

/** 400 for a password that cannot be used, with what to do. */
export const unfitPassword = ({ code, message }: PasswordFault): ProblemError => problem(code, { errors: [{ pointer: '/password', code, message }] });

/** 429 for who has failed too often. */
export const hasToWait = ({ waitSeconds }: { readonly waitSeconds: number }): ProblemError => problem('too-many-requests', { retryAfterSeconds: waitSeconds });

/** 409 that names what somebody else has. */
export const isTaken = (pointer: string): ProblemError => problem('already-exists', { errors: [{ pointer, code: 'already-exists', message: 'is taken' }] });
