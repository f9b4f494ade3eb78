import type { operations, User } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem, type ProblemError } from '../../http/problem.ts';
import { AccountRefusedError, type NewAccount } from '../accounts.ts';
import type { Caller } from '../authentication.ts';
import type { UserAccount } from '../domain/user-account.ts';
import type { UserFilter } from '../storage/user-table.ts';

/** What the handlers of users stand on. */
export interface UserPorts {
  /** Returns the new id. Throws AccountRefusedError. */
  readonly create: (account: NewAccount) => Promise<string>;
  readonly find: (filter: UserFilter) => Promise<readonly UserAccount[]>;
}

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

const refusal = ({ member, reason, message }: AccountRefusedError): ProblemError =>
  problem(reason === 'invalid' ? 'invalid-request' : 'already-exists', { errors: [{ pointer: `/${member}`, code: reason, message }] });

const createUser = async (ports: UserPorts, { body, caller }: Call<operations['createUser'], Caller>): Promise<Reply<operations['createUser']>> => {
  const creatorId = creatorOf(caller);
  try {
    return { status: 200, body: { _id: await ports.create({ ...body, userGroup: body.userGroup ?? 'patient', creatorId }) } };
  } catch (error) {
    throw error instanceof AccountRefusedError ? refusal(error) : error;
  }
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
