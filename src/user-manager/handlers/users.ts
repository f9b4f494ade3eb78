import type { operations, User } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller } from '../caller.ts';
import type { UserAccount } from '../domain/user-account.ts';
import type { Registered, Registration } from '../registration.ts';
import type { UserFilter } from '../storage/user-table.ts';

/** What the handlers of users stand on. */
export interface UserPorts {
  readonly register: (person: Registration) => Promise<Registered>;
  readonly find: (filter: UserFilter) => Promise<readonly UserAccount[]>;
}

/** Nobody signed in as a person gets here: the schemes of the operations say so. */
const creatorOf = (caller: Caller): string => {
  if (caller.kind === 'person') throw problem('forbidden');
  return caller.kind === 'operator' ? caller.userId : 'service';
};

const wireUserOf = (user: UserAccount): User => ({
  _id: user.id,
  username: user.username,
  email: user.email,
  ...(user.name !== undefined && { name: user.name }),
  userGroup: user.userGroup,
  blocked: user.blocked,
  createdAt: user.createdAt.toISOString(),
  updatedAt: user.updatedAt.toISOString(),
  creatorId: user.creatorId,
  updaterId: user.updaterId,
  __STATE__: user.state,
});

const createUser = async (ports: UserPorts, { body, caller }: Call<operations['createUser'], Caller>): Promise<Reply<operations['createUser']>> => {
  const outcome = await ports.register({ ...body, creatorId: creatorOf(caller) });
  if ('taken' in outcome) throw problem('already-exists', { errors: [{ pointer: `/${outcome.taken}`, code: 'already-exists', message: 'is taken' }] });
  if ('passwordFault' in outcome) throw problem('invalid-request', { errors: [{ pointer: '/password', code: 'password', message: outcome.passwordFault }] });
  return { status: 200, body: outcome };
};

/** Creating and finding people; for services and operators. */
export const userHandlers = (ports: UserPorts) => ({
  createUser: (call: Call<operations['createUser'], Caller>) => createUser(ports, call),
  findUsers: async ({ query, caller }: Call<operations['findUsers'], Caller>): Promise<Reply<operations['findUsers']>> => {
    creatorOf(caller);
    const users = await ports.find({ username: query.username, email: query.email, limit: query._l ?? 25, skip: query._sk ?? 0 });
    return { status: 200, body: users.map(wireUserOf) };
  },
});
