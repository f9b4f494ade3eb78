import type { operations } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { auditActorOf, type Caller } from '../caller.ts';
import type { Reset } from '../resetting.ts';
import { unfitPassword } from './user-record.ts';

/** What the handlers of the password reset stand on. */
export interface PasswordResetPorts {
  readonly requestReset: (authUserId: string, actor: string) => Promise<void>;
  readonly resetPassword: (token: string, password: string) => Promise<Reset>;
}

const resetPassword = async (ports: PasswordResetPorts, { body }: Call<operations['resetPassword'], Caller>): Promise<Reply<operations['resetPassword']>> => {
  const outcome = await ports.resetPassword(body.token, body.password);
  if (outcome === 'token-invalid') throw problem('reset-token-invalid');
  if (outcome !== 'set') throw unfitPassword(outcome.passwordFault);
  return { status: 204 };
};

/** Asking for a link and using it. */
export const passwordResetHandlers = (ports: PasswordResetPorts) => ({
  requestPasswordReset: async ({ body, caller }: Call<operations['requestPasswordReset'], Caller>): Promise<Reply<operations['requestPasswordReset']>> => {
    await ports.requestReset(body.authUserId, auditActorOf(caller));
    return { status: 204 };
  },
  resetPassword: (call: Call<operations['resetPassword'], Caller>) => resetPassword(ports, call),
});
