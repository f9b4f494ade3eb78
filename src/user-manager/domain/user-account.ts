import { parseBound } from '../../measurement/instant.ts';
import { recordStates, type RecordState } from '../../query/condition.ts';

/** A person as the User Manager knows them; instants are UTC. */
export interface UserAccount {
  /** 32 hex characters. */
  readonly id: string;
  /** Identifier of what the person signs in with, answered as `sub`; absent while that is postponed, and after it was taken away. */
  readonly authUserId?: string;
  readonly username: string;
  readonly email: string;
  readonly name?: string;
  /** `patient`, `operator`, `clinician`, or a group of the installation's own. */
  readonly userGroup: string;
  /** Blocked by somebody; an expiration that has passed blocks as well. */
  readonly blocked: boolean;
  /** From then on the person is blocked. */
  readonly expirationDate?: Date;
  readonly roles: readonly string[];
  /** Custom properties; the group says which there are. */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly state: UserState;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly creatorId: string;
  readonly updaterId: string;
}

export const userStates = recordStates;
export type UserState = RecordState;

/** How a session is presented: a cookie never counts as a bearer token, nor the other way round. */
export type SessionKind = 'cookie' | 'bearer';

/** A sign-in that counts, as its person sees it; instants are UTC. */
export interface OpenSession {
  /** Names the sign-in and opens nothing. */
  readonly id: string;
  readonly kind: SessionKind;
  readonly signedInAt: Date;
  /** To the minute. */
  readonly lastUsedAt: Date;
  /** It ends then at the latest. */
  readonly endsAt: Date;
}

/** The group whose members may use the operations of services. */
export const OPERATOR_GROUP = 'operator';

/** Reads the expiration that somebody sends; undefined for an instant that does not exist, which the specification's format lets through. */
export const expirationIn = (text: string): Date | undefined => {
  const instant = parseBound(text);
  return typeof instant === 'object' ? new Date(instant.epochMs) : undefined;
};

/** What is said of an expiration that does not exist. */
export const noExpiration = { code: 'invalid-date', message: 'Send an instant that exists, with an offset.' } as const;

/** Tells whether a person may not sign in at an instant: blocked by somebody, or expired. */
export const isBlockedAt = ({ blocked, expirationDate }: Pick<UserAccount, 'blocked' | 'expirationDate'>, nowMs: number): boolean =>
  blocked || (expirationDate !== undefined && expirationDate.getTime() <= nowMs);

/** Members of a user that are no custom properties, and so cannot be the name of one. */
export const ownMembers = [
  '_id', 'authUserId', 'username', 'email', 'name', 'userGroup', 'blocked', 'expirationDate', 'expirationId', 'roles', 'password',
  'createdAt', 'updatedAt', 'creatorId', 'updaterId', '__STATE__',
] as const;

/** One fault inside a request; see ProblemItem. */
export interface MemberFault {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** The fault of a member that would give an account to somebody of a group whose users never sign in. */
export const accountDisabled = (pointer: string): MemberFault => ({ pointer, code: 'account-disabled', message: 'Users of this group do not sign in.' });
