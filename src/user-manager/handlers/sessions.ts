import type { operations, UserInfo } from '../../../generated/user-manager.d.ts';
import { noBody, type Call, type Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { endedSessionCookie, sessionCookie, sidOf } from '../../http/request-credentials.ts';
import type { Caller } from '../caller.ts';
import type { UserAccount } from '../domain/user-account.ts';
import type { CheckPassword } from '../password-check.ts';
import type { OwnPasswordChange, OwnPasswordChanged } from '../password-change.ts';
import type { IssuedTokens, SignIn } from '../sign-in.ts';
import { claimsOf, hasToWait, refused, unfitPassword, wireUserOf } from './user-record.ts';

/** What the handlers of sessions stand on. */
export interface SessionPorts extends SignIn {
  readonly checkPassword: CheckPassword;
  readonly changePassword: (change: OwnPasswordChange) => Promise<OwnPasswordChanged>;
  /** Tells whether a member of a user is answered beside the claims. */
  readonly isAnswered: (member: string) => boolean;
  readonly durationSeconds: number;
  readonly secureCookies: boolean;
}

const userInfoOf = (user: UserAccount, isAnswered: SessionPorts['isAnswered']): UserInfo => {
  const members = Object.entries(wireUserOf(user)).filter(([member]) => isAnswered(member));
  return { ...Object.fromEntries(members), ...claimsOf(user) };
};

const tokensOf = ({ accessToken, refreshToken, expiresAt }: IssuedTokens) => ({ accessToken, refreshToken, expireAt: expiresAt.toISOString() });

const personOf = (caller: Caller): Extract<Caller, { kind: 'person' }> => {
  if (caller.kind !== 'person') throw problem('unauthenticated');
  return caller;
};

const cookieOf = ({ durationSeconds, secureCookies }: SessionPorts, token: string): string => sessionCookie(token, { maxAgeSeconds: durationSeconds, secure: secureCookies });

const issueToken = async (ports: SessionPorts, { body, headers, source }: Call<operations['issueToken'], undefined>): Promise<Reply<operations['issueToken']>> => {
  const outcome = await ports.checkPassword({ username: body.username, source }, body.password);
  if (outcome === 'refused') throw problem('sign-in-failed');
  if ('waitSeconds' in outcome) throw hasToWait(outcome);
  const { checked } = outcome;
  if (headers['client-type'] !== 'website') {
    const tokens = await ports.issue(checked, sidOf(headers));
    if (tokens === undefined) throw problem('sign-in-failed');
    return { status: 200, body: tokensOf(tokens) };
  }
  const session = await ports.open(checked, sidOf(headers));
  if (session === undefined) throw problem('sign-in-failed');
  return { status: 200, body: noBody, headers: { 'Set-Cookie': cookieOf(ports, session.token) } };
};

const listSessions = async ({ list }: SessionPorts, { caller }: Call<operations['listSessions'], Caller>): Promise<Reply<operations['listSessions']>> => {
  const { user, sessionId } = personOf(caller);
  const sessions = await list(user.id);
  const wire = sessions.map(({ id, kind, signedInAt, lastUsedAt, endsAt }) => (
    { _id: id, kind, signedInAt: signedInAt.toISOString(), lastUsedAt: lastUsedAt.toISOString(), endsAt: endsAt.toISOString(), current: id === sessionId }
  ));
  return { status: 200, body: wire };
};

const changeOwnPassword = async (
  ports: SessionPorts, { caller, body, source }: Call<operations['changeOwnPassword'], Caller>,
): Promise<Reply<operations['changeOwnPassword']>> => {
  const { user, session } = personOf(caller);
  const outcome = await ports.changePassword({ user, session, source, ...body });
  if (outcome === 'refused') throw problem('sign-in-failed', { detail: 'Check the current password.' });
  if ('waitSeconds' in outcome) throw hasToWait(outcome);
  if ('passwordFault' in outcome) throw unfitPassword(outcome.passwordFault);
  return { status: 204, ...(outcome.token !== undefined && { headers: { 'Set-Cookie': cookieOf(ports, outcome.token) } }) };
};

const refreshToken = async ({ refresh }: SessionPorts, { body }: Call<operations['refreshToken'], undefined>): Promise<Reply<operations['refreshToken']>> => {
  const presented = body.refreshToken ?? body.refresh_token;
  if (body.refreshToken !== undefined && body.refresh_token !== undefined && body.refreshToken !== body.refresh_token) {
    throw refused([{ pointer: '/refresh_token', code: 'duplicate-key', message: 'Send the refresh token under one of its two names.' }]);
  }
  const tokens = presented === undefined ? undefined : await refresh(presented);
  if (tokens === undefined) throw problem('sign-in-failed', { detail: 'Sign in again: this refresh token does not count.' });
  return { status: 200, body: tokensOf(tokens) };
};

/** Signing in, asking who it is, signing out. */
export const sessionHandlers = (ports: SessionPorts) => ({
  issueToken: (call: Call<operations['issueToken'], undefined>) => issueToken(ports, call),
  refreshToken: (call: Call<operations['refreshToken'], undefined>) => refreshToken(ports, call),
  getUserInfo: ({ caller }: Call<operations['getUserInfo'], Caller>): Reply<operations['getUserInfo']> => ({
    status: 200,
    body: userInfoOf(personOf(caller).user, ports.isAnswered),
  }),
  listSessions: (call: Call<operations['listSessions'], Caller>) => listSessions(ports, call),
  endSessionById: async ({ caller, path }: Call<operations['endSessionById'], Caller>): Promise<Reply<operations['endSessionById']>> => {
    if (!(await ports.end(personOf(caller).user.id, path.id))) throw problem('not-found');
    return { status: 204 };
  },
  changeOwnPassword: (call: Call<operations['changeOwnPassword'], Caller>) => changeOwnPassword(ports, call),
  endSession: async ({ caller }: Call<operations['endSession'], Caller>): Promise<Reply<operations['endSession']>> => {
    const { sessionId, session, user } = personOf(caller);
    await ports.end(user.id, sessionId);
    return { status: 204, ...(session === 'cookie' && { headers: { 'Set-Cookie': endedSessionCookie({ secure: ports.secureCookies }) } }) };
  },
});
