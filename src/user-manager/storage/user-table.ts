import type { Queryable } from '../../database/pool.ts';
import type { UserAccount } from '../domain/user-account.ts';

/** What a new row needs; the password is a hash already. */
export interface NewUserRow {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly name: string | undefined;
  readonly passwordHash: string;
  readonly userGroup: string;
  readonly creatorId: string;
}

export interface UserRow {
  readonly _id: string;
  readonly username: string;
  readonly email: string;
  readonly name: string | null;
  readonly user_group: string;
  readonly blocked: boolean;
  readonly state: UserAccount['state'];
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly creator_id: string;
  readonly updater_id: string;
}

/** Columns of UserRow; never the password. */
export const userColumns = ['_id', 'username', 'email', 'name', 'user_group', 'blocked', 'state', 'created_at', 'updated_at', 'creator_id', 'updater_id']
  .map((column) => `u.${column}`)
  .join(', ');

export const userOf = (row: UserRow): UserAccount => ({
  id: row._id,
  username: row.username,
  email: row.email,
  ...(row.name !== null && { name: row.name }),
  userGroup: row.user_group,
  blocked: row.blocked,
  state: row.state,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  creatorId: row.creator_id,
  updaterId: row.updater_id,
});

/** Inserts a user, or tells which member somebody else has; compared without regard to case. */
export const insertUser = async (db: Queryable, user: NewUserRow): Promise<'inserted' | 'username' | 'email'> => {
  const { rowCount } = await db.query(
    `insert into user_manager.user_account (_id, username, email, name, password_hash, user_group, creator_id, updater_id)
     values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict do nothing`,
    [user.id, user.username, user.email, user.name ?? null, user.passwordHash, user.userGroup, user.creatorId],
  );
  if (rowCount === 1) return 'inserted';
  const taken = await db.query('select 1 from user_manager.user_account where lower(username) = lower($1)', [user.username]);
  return taken.rowCount === 0 ? 'email' : 'username';
};

/** Which users to list; `limit` and `skip` count users. */
export interface UserFilter {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly limit: number;
  readonly skip: number;
}

/** Users of a name, an address, or all, oldest first. */
export const findUsers = async (db: Queryable, { username, email, limit, skip }: UserFilter): Promise<UserAccount[]> => {
  const { rows } = await db.query<UserRow>(
    `select ${userColumns} from user_manager.user_account u
     where ($1::text is null or lower(u.username) = lower($1)) and ($2::text is null or lower(u.email) = lower($2)) and u.state = 'PUBLIC'
     order by u.created_at, u._id limit $3 offset $4`,
    [username ?? null, email ?? null, limit, skip],
  );
  return rows.map(userOf);
};

/** The stored hash of a user name, and whether its owner may sign in. */
export const findPassword = async (db: Queryable, username: string): Promise<{ userId: string; passwordHash: string; maySignIn: boolean } | undefined> => {
  const { rows } = await db.query<{ _id: string; password_hash: string; may_sign_in: boolean }>(
    `select _id, password_hash, (not blocked and state = 'PUBLIC') as may_sign_in from user_manager.user_account where lower(username) = lower($1)`,
    [username],
  );
  const [row] = rows;
  return row && { userId: row._id, passwordHash: row.password_hash, maySignIn: row.may_sign_in };
};

/** Replaces a hash by one with newer parameters, unless the password was changed meanwhile. */
export const renewPasswordHash = async (db: Queryable, userId: string, before: string, after: string): Promise<void> => {
  await db.query('update user_manager.user_account set password_hash = $3 where _id = $1 and password_hash = $2', [userId, before, after]);
};

/** Tells if a user still has a password, which then stays the same for the rest of the transaction. */
export const stillHasPassword = async (db: Queryable, userId: string, passwordHash: string): Promise<boolean> => {
  const { rowCount } = await db.query('select 1 from user_manager.user_account where _id = $1 and password_hash = $2 for share', [userId, passwordHash]);
  return rowCount === 1;
};

/** Gives a user another password; the user did it. */
export const setPasswordHash = async (db: Queryable, userId: string, passwordHash: string): Promise<void> => {
  await db.query('update user_manager.user_account set password_hash = $2, updated_at = now(), updater_id = _id where _id = $1', [userId, passwordHash]);
};

/** The address of a user, blocked or not, as long as the account is in use. */
export const findAddress = async (db: Queryable, userId: string): Promise<string | undefined> => {
  const { rows } = await db.query<{ email: string }>(`select email from user_manager.user_account where _id = $1 and state = 'PUBLIC'`, [userId]);
  return rows[0]?.email;
};

/** Blocks a user, or lets them sign in again; sessions of a blocked user count no more. */
export const setBlocked = async (db: Queryable, username: string, blocked: boolean): Promise<void> => {
  await db.query('update user_manager.user_account set blocked = $2, updated_at = now() where lower(username) = lower($1)', [username, blocked]);
};
