import type { operations, User } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { QueryFault, readCondition, readSort, readStates, type Vocabulary } from '../../query/condition.ts';
import type { Caller } from '../caller.ts';
import type { UserAccount } from '../domain/user-account.ts';
import { readProjection, userVocabulary } from '../domain/user-query.ts';
import type { UserFilter, UserPage } from '../storage/user-search.ts';
import { actorOf, refused, wireUserOf } from './user-record.ts';

/** What the handlers of the search stand on. */
export interface UserSearchPorts {
  /** Names of the custom properties of all groups. */
  readonly propertyNames: ReadonlySet<string>;
  readonly find: (page: UserPage) => Promise<readonly UserAccount[]>;
  readonly count: (filter: UserFilter) => Promise<number>;
}

type Query = Call<operations['countUsers'], Caller>['query'];

const filterOf = ({ _id, authUserId, username, email, userGroup, blocked, _q, _st = 'PUBLIC' }: Query, names: Vocabulary): UserFilter => ({
  id: _id, authUserId, username, email, userGroup, blocked,
  condition: _q === undefined ? undefined : readCondition(_q, names),
  states: readStates(_st),
});

/** Faults of the query are the client's. */
const orRefused = <Result>(read: () => Result): Result => {
  try {
    return read();
  } catch (error) {
    throw error instanceof QueryFault ? refused([error.fault]) : error;
  }
};

/** Finding and counting people; for services and operators. */
export const userSearchHandlers = ({ propertyNames, find, count }: UserSearchPorts, vocabulary = userVocabulary(propertyNames)) => ({
  findUsers: async ({ query, caller }: Call<operations['findUsers'], Caller>): Promise<Reply<operations['findUsers']>> => {
    actorOf(caller);
    const { _s, _p, _l = 25, _sk = 0 } = query;
    const page = orRefused(() => ({ ...filterOf(query, vocabulary), sort: _s === undefined ? [] : readSort(_s, vocabulary), limit: _l, skip: _sk }));
    const shown = orRefused(() => (_p === undefined ? undefined : readProjection(_p, vocabulary)));
    const users = (await find(page)).map(wireUserOf);
    if (shown === undefined) return { status: 200, body: users };
    return { status: 200, body: users.map((user) => Object.fromEntries(Object.entries(user).filter(([member]) => shown.has(member))) as unknown as User) };
  },
  countUsers: async ({ query, caller }: Call<operations['countUsers'], Caller>): Promise<Reply<operations['countUsers']>> => {
    actorOf(caller);
    return { status: 200, body: await count(orRefused(() => filterOf(query, vocabulary))) };
  },
});
