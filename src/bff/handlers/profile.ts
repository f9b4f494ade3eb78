import type { Handlers } from '../../http/operation.ts';
import type { Caller, Operations } from '../caller.ts';

/** The person who is signed in. */
export const profile = (): Pick<Handlers<Operations, Caller>, 'getProfile'> => ({
  getProfile: ({ caller }) => ({ status: 200, body: caller.profile }),
});
