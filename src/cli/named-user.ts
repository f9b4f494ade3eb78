import type { Queryable } from '../database/pool.ts';
import type { UserAccount } from '../user-manager/domain/user-account.ts';
import { findUsers } from '../user-manager/storage/user-search.ts';
import { RefusedError } from './command-context.ts';

const states = ['PUBLIC', 'DRAFT', 'TRASH'] as const;
const page = { states, sort: [], limit: 1, skip: 0 };

/** The user of a name or `_id`, if there is one; deleted ones have none. Throws RefusedError for two whom the same text names. */
export const findUserNamed = async (db: Queryable, name: string): Promise<UserAccount | undefined> => {
  const [byId] = await findUsers(db, { ...page, id: name });
  const [byName] = await findUsers(db, { ...page, username: name });
  if (byId && byName && byId.id !== byName.id) throw new RefusedError('This is the _id of one user and the name of another: use the name of the one or the _id of the other.');
  return byId ?? byName;
};

/** As `findUserNamed`, but throws RefusedError for nobody too. */
export const userNamed = async (db: Queryable, name: string): Promise<UserAccount> => {
  const user = await findUserNamed(db, name);
  if (user === undefined) throw new RefusedError('There is no user of this name or _id.', 'unknown');
  return user;
};
