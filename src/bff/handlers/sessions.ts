import type { Handlers } from '../../http/operation.ts';
import { endedSessionCookie, sessionCookie, sidOf } from '../../http/request-credentials.ts';
import type { Caller, Operations } from '../caller.ts';
import type { SessionCheck } from '../session-check.ts';
import type { UserManager } from '../upstream/user-manager.ts';

export interface SessionDependencies {
  readonly userManager: UserManager;
  readonly sessionCheck: SessionCheck;
  readonly secureCookies: boolean;
}

/** Signing in and out; the cookie is ours, whatever attributes the User Manager gave its own. */
export const sessions = ({ userManager, sessionCheck, secureCookies }: SessionDependencies): Pick<Handlers<Operations, Caller, 'signIn'>, 'signIn' | 'signOut'> => ({
  signIn: async ({ body, headers }) => {
    const presented = sidOf(headers);
    const { sid, maxAgeSeconds } = await userManager.signIn(body.username, body.password, presented);
    if (presented !== undefined) sessionCheck.forget(presented);
    return { status: 200, headers: { 'Set-Cookie': sessionCookie(sid, { maxAgeSeconds, secure: secureCookies }) } };
  },
  signOut: async ({ caller }) => {
    sessionCheck.forget(caller.sid);
    await userManager.signOut(caller.sid);
    sessionCheck.forget(caller.sid);
    return { status: 204, headers: { 'Set-Cookie': endedSessionCookie(secureCookies) } };
  },
});
