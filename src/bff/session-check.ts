import { createHash } from 'node:crypto';
import type { HeaderView } from '../http/authentication.ts';
import { sidOf } from '../http/request-credentials.ts';
import type { Caller } from './caller.ts';
import type { UserInfo, UserManager } from './upstream/user-manager.ts';

/** How long an answer of the User Manager is believed: a session that ended elsewhere is seen within this time. */
const believedMs = 1_000;
const mostRemembered = 10_000;

/** Asks who a session belongs to, at most once a second per session. */
export interface SessionCheck {
  readonly caller: (request: HeaderView) => Promise<Caller | null>;
  /** Forgets a session at once. */
  readonly forget: (sid: string) => void;
  /** Forgets all sessions at once: each is asked for again, once. */
  readonly forgetAll: () => void;
}

/** Sessions are remembered by their digest, so that a memory dump holds no session; by a clock that nobody sets, so that none is believed for longer. */
export const createSessionCheck = (
  userManager: Pick<UserManager, 'userInfo'>, patientIdOf: (profile: UserInfo) => string, cookieName: string, now: () => number = () => performance.now(),
): SessionCheck => {
  const remembered = new Map<string, { caller: Promise<Caller | null>; untilMs: number }>();
  const keyOf = (sid: string) => createHash('sha256').update(sid).digest('base64');
  const ask = async (sid: string): Promise<Caller | null> => {
    const profile = await userManager.userInfo(sid);
    return profile === undefined ? null : { patientId: patientIdOf(profile), profile, sid };
  };
  return {
    caller: async ({ headers }) => {
      const sid = sidOf(headers, cookieName);
      if (sid === undefined) return null;
      const key = keyOf(sid);
      const known = remembered.get(key);
      if (known && known.untilMs > now()) return known.caller;
      if (remembered.size >= mostRemembered) remembered.clear();
      const caller = ask(sid);
      remembered.set(key, { caller, untilMs: now() + believedMs });
      try {
        return await caller;
      } catch (error) {
        remembered.delete(key);
        throw error;
      }
    },
    forget: (sid) => void remembered.delete(keyOf(sid)),
    forgetAll: () => remembered.clear(),
  };
};
