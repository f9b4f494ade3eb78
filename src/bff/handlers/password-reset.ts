import type { Handlers } from '../../http/operation.ts';
import type { Caller, Operations } from '../caller.ts';
import type { ResetUpstream } from '../upstream/password-reset.ts';

export interface PasswordResetDependencies {
  readonly resets: Omit<ResetUpstream, 'close'>;
  /** Counts one wish for a link of a source. Throws too-many-requests, whatever the address. */
  readonly countWish: (source: string) => Promise<unknown>;
  /** Told that somebody's sessions ended. */
  readonly sessionsEnded: () => void;
  /** Told when the User Manager refused to mail a link, with the status it answered. */
  readonly refusedReset: (requestId: string, status: number | undefined) => void;
}

/** The operations of a password reset; who has forgotten a password has no session. */
export type OpenReset = 'askForPasswordReset' | 'setNewPassword';

/** An id that nobody has: who asks with an unknown address causes the same calls as the others. */
const nobody = '0'.repeat(32);

/** The way back for who has forgotten the password; no answer tells whether an address is known. */
export const passwordReset = ({ resets, countWish, sessionsEnded, refusedReset }: PasswordResetDependencies): Pick<Handlers<Operations, Caller, OpenReset>, OpenReset> => ({
  askForPasswordReset: async ({ body, requestId, source }) => {
    await countWish(source);
    const authUserId = (await resets.userIdOf(body.email, requestId)) ?? nobody;
    const outcome = await resets.requestReset(authUserId, requestId);
    if (outcome !== 'taken') refusedReset(requestId, outcome.refusedWith);
    return { status: 204 };
  },
  setNewPassword: async ({ body, requestId }) => {
    await resets.resetPassword(body.token, body.password, requestId);
    sessionsEnded();
    return { status: 204 };
  },
});
