import type { UserInfo } from '../../../generated/bff.d.ts';
import type { KnownMembers } from '../../http/known-members.ts';
import type { Handlers } from '../../http/operation.ts';
import type { Caller, Operations } from '../caller.ts';

/** The person who is signed in, with the claims of the User Manager in use as far as they fit. */
export const profile = (known: KnownMembers): Pick<Handlers<Operations, Caller>, 'getProfile'> => ({
  getProfile: ({ caller }) => ({ status: 200, body: known(caller.profile) as unknown as UserInfo }),
});
