import type { operations, UserInfo } from '../../../generated/user-manager.d.ts';
import { noBody, type Call, type Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { endedSessionCookie, sessionCookie, sidOf } from '../../http/session-cookie.ts';
import type { Caller } from '../caller.ts';
import type { SessionKind, UserAccount } from '../domain/user-account.ts';

/** Whose password was right, and which of their passwords that was. */
export interface CheckedUser {
  readonly userId: string;
  readonly passwordHash: string;
}

/** What the handlers of sessions stand on. */
export interface SessionPorts {
  /** The user that name and password belong to; undefined for unknown, wrong and blocked alike. */
  readonly checkPassword: (username: string, password: string) => Promise<CheckedUser | undefined>;
  /** Opens a session and ends the one it replaces; undefined, and no session, when the password was changed since it was checked. */
  readonly open: (checked: CheckedUser, kind: SessionKind, replacedSid: string | undefined) => Promise<{ token: string; expiresAt: Date } | undefined>;
  readonly end: (tokenHash: Buffer) => Promise<void>;
  readonly durationSeconds: number;
  readonly secureCookies: boolean;
}

const userInfoOf = (user: UserAccount): UserInfo => ({
  sub: user.id,
  _id: user.id,
  name: user.name ?? user.username,
  preferred_username: user.username,
  username: user.username,
  email: user.email,
  email_verified: false,
  updated_at: Math.floor(user.updatedAt.getTime() / 1000),
  userGroup: user.userGroup,
});

const personOf = (caller: Caller): Extract<Caller, { kind: 'person' }> => {
  if (caller.kind !== 'person') throw problem('unauthenticated');
  return caller;
};

const issueToken = async (ports: SessionPorts, { body, headers }: Call<operations['issueToken'], undefined>): Promise<Reply<operations['issueToken']>> => {
  const checked = await ports.checkPassword(body.username, body.password);
  if (checked === undefined) throw problem('sign-in-failed');
  const kind = headers['client-type'] === 'website' ? 'cookie' : 'bearer';
  const session = await ports.open(checked, kind, sidOf(headers));
  if (session === undefined) throw problem('sign-in-failed');
  const { token, expiresAt } = session;
  if (kind === 'bearer') return { status: 200, body: { accessToken: token, expireAt: expiresAt.toISOString() } };
  const cookie = sessionCookie(token, { maxAgeSeconds: ports.durationSeconds, secure: ports.secureCookies });
  return { status: 200, body: noBody, headers: { 'Set-Cookie': cookie } };
};

/** Signing in, asking who it is, signing out. */
export const sessionHandlers = (ports: SessionPorts) => ({
  issueToken: (call: Call<operations['issueToken'], undefined>) => issueToken(ports, call),
  getUserInfo: ({ caller }: Call<operations['getUserInfo'], Caller>): Reply<operations['getUserInfo']> => ({
    status: 200,
    body: userInfoOf(personOf(caller).user),
  }),
  endSession: async ({ caller }: Call<operations['endSession'], Caller>): Promise<Reply<operations['endSession']>> => {
    const { tokenHash, session } = personOf(caller);
    await ports.end(tokenHash);
    return { status: 204, ...(session === 'cookie' && { headers: { 'Set-Cookie': endedSessionCookie(ports.secureCookies) } }) };
  },
});
