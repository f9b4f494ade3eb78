import type { Session } from '../../../generated/bff.d.ts';
import type { KnownMembers } from '../../http/known-members.ts';
import type { Handlers } from '../../http/operation.ts';
import { endedSessionCookie, sessionCookie, sidOf, type CookieOptions } from '../../http/request-credentials.ts';
import type { Caller, Operations } from '../caller.ts';
import type { SessionCheck } from '../session-check.ts';
import type { UserManager } from '../upstream/user-manager.ts';

export interface SessionDependencies {
  readonly userManager: UserManager;
  readonly sessionCheck: SessionCheck;
  readonly cookie: CookieOptions;
  readonly known: KnownMembers;
}

type SessionHandlers = Pick<Handlers<Operations, Caller, 'signIn'>, 'signIn' | 'signOut' | 'listOwnSessions' | 'endOwnSession' | 'changePassword'>;

/** Signing in and out, and what people see and end of their sign-ins; the cookie is ours, whatever attributes the User Manager gave its own. */
export const sessions = ({ userManager, sessionCheck, cookie, known }: SessionDependencies): SessionHandlers => ({
  signIn: async ({ body, headers, source }) => {
    const presented = sidOf(headers, cookie.name);
    const { sid, maxAgeSeconds } = await userManager.signIn(body.username, body.password, presented, source);
    if (presented !== undefined) sessionCheck.forget(presented);
    return { status: 200, headers: { 'Set-Cookie': sessionCookie(sid, { ...cookie, maxAgeSeconds }) } };
  },
  signOut: async ({ caller }) => {
    sessionCheck.forget(caller.sid);
    await userManager.signOut(caller.sid);
    sessionCheck.forget(caller.sid);
    return { status: 204, headers: { 'Set-Cookie': endedSessionCookie(cookie) } };
  },
  listOwnSessions: async ({ caller }) => ({ status: 200, body: (await userManager.sessions(caller.sid)).map((session) => known(session) as unknown as Session) }),
  endOwnSession: async ({ caller, path }) => {
    await userManager.endSession(caller.sid, path.id);
    // Which of the person's cookies that was is not known here.
    sessionCheck.forgetAll();
    return { status: 204 };
  },
  changePassword: async ({ caller, body, source }) => {
    const session = await userManager.changePassword(caller.sid, body, source);
    sessionCheck.forgetAll();
    const set = session === undefined ? endedSessionCookie(cookie) : sessionCookie(session.sid, { ...cookie, maxAgeSeconds: session.maxAgeSeconds });
    return { status: 204, headers: { 'Set-Cookie': set } };
  },
});
