import type { Queryable } from '../../database/pool.ts';
import type { ChangeableUser } from '../domain/user-changes.ts';
import { statesBefore } from '../domain/user-state.ts';
import type { UserAccount, UserState } from '../domain/user-account.ts';

/** What a new row needs; the password is a hash already. */
export interface NewUserRow extends ChangeableUser {
  readonly id: string;
  readonly authUserId?: string | undefined;
  readonly passwordHash?: string | undefined;
  readonly creatorId: string;
}

export interface UserRow {
  readonly _id: string;
  readonly auth_user_id: string | null;
  readonly username: string;
  readonly email: string;
  readonly name: string | null;
  readonly user_group: string;
  readonly blocked: boolean;
  readonly expiration_date: Date | null;
  readonly roles: readonly string[];
  readonly properties: Readonly<Record<string, unknown>>;
  readonly state: UserAccount['state'];
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly creator_id: string;
  readonly updater_id: string;
}

/** Columns of UserRow; never the password. */
export const userColumns = [
  '_id', 'auth_user_id', 'username', 'email', 'name', 'user_group', 'blocked', 'expiration_date', 'roles', 'properties', 'state',
  'created_at', 'updated_at', 'creator_id', 'updater_id',
]
  .map((column) => `u.${column}`)
  .join(', ');

/** Condition, in SQL on `u`, for users who are neither blocked nor expired nor put aside. */
export const isAdmitted = `not u.blocked and u.state = 'PUBLIC' and (u.expiration_date is null or u.expiration_date > now())`;

/** Condition, in SQL on `u`, for users who may sign in now. */
export const maySignIn = `u.auth_user_id is not null and ${isAdmitted}`;

export const userOf = (row: UserRow): UserAccount => ({
  id: row._id,
  ...(row.auth_user_id !== null && { authUserId: row.auth_user_id }),
  username: row.username,
  email: row.email,
  ...(row.name !== null && { name: row.name }),
  userGroup: row.user_group,
  blocked: row.blocked,
  ...(row.expiration_date !== null && { expirationDate: row.expiration_date }),
  roles: row.roles,
  properties: row.properties,
  state: row.state,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  creatorId: row.creator_id,
  updaterId: row.updater_id,
});

/** The member of a user that somebody else has. */
export type TakenMember = 'username' | 'email' | 'authUserId';

const UNIQUE_VIOLATION = '23505';
const memberOfIndex: Readonly<Record<string, TakenMember>> = { user_account_username: 'username', user_account_email: 'email', user_account_auth_user: 'authUserId' };

/** Which member is taken, from an error of PostgreSQL; every other error is thrown again. */
export const takenMember = (error: unknown): TakenMember => {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  const member = code === UNIQUE_VIOLATION && typeof constraint === 'string' ? memberOfIndex[constraint] : undefined;
  if (member === undefined) throw error;
  return member;
};

/** Inserts a user, or tells which member somebody else has; compared without regard to case. An account never has the id of another user. */
export const insertUser = async (db: Queryable, user: NewUserRow): Promise<'inserted' | TakenMember> => {
  const { rowCount } = await db.query(
    `insert into user_manager.user_account
       (_id, auth_user_id, username, email, name, password_hash, user_group, blocked, expiration_date, roles, properties, creator_id, updater_id)
     select $1, $2, $3, $4, $5, $6, $7, $8, $9::timestamptz, $10, $11, $12, $12
     where not exists (select from user_manager.user_account where _id = $2 and _id <> $1) on conflict do nothing`,
    [
      user.id, user.authUserId ?? null, user.username, user.email, user.name ?? null, user.passwordHash ?? null, user.userGroup,
      user.blocked, user.expirationDate ?? null, user.roles, JSON.stringify(user.properties), user.creatorId,
    ],
  );
  if (rowCount === 1) return 'inserted';
  const { rows } = await db.query<{ taken: TakenMember }>(
    `select case when lower(username) = lower($1) then 'username' when lower(email) = lower($2) then 'email' else 'authUserId' end as taken
     from user_manager.user_account where (state <> 'DELETED' and (lower(username) = lower($1) or lower(email) = lower($2))) or $3 in (auth_user_id, _id)
     order by 1 desc limit 1`,
    [user.username, user.email, user.authUserId ?? null],
  );
  return rows[0]?.taken ?? 'username';
};

/** The user of an id, whatever the state. */
export const findUser = async (db: Queryable, id: string): Promise<UserAccount | undefined> => {
  const { rows } = await db.query<UserRow>(`select ${userColumns} from user_manager.user_account u where u._id = $1`, [id]);
  return rows[0] && userOf(rows[0]);
};

/** The user of an id, locked until the transaction ends. */
export const lockUser = async (db: Queryable, id: string): Promise<UserAccount | undefined> => {
  const { rows } = await db.query<UserRow>(`select ${userColumns} from user_manager.user_account u where u._id = $1 for update`, [id]);
  return rows[0] && userOf(rows[0]);
};

/** Writes what was changed of a user. Throws PostgreSQL's unique violation; see takenMember. */
export const updateUser = async (db: Queryable, id: string, user: ChangeableUser, updaterId: string): Promise<UserAccount> => {
  const { rows } = await db.query<UserRow>(
    `update user_manager.user_account u set username = $2, email = $3, name = $4, user_group = $5, blocked = $6, expiration_date = $7, roles = $8,
       properties = $9, updater_id = $10, updated_at = now()
     where _id = $1 returning ${userColumns}`,
    [
      id, user.username, user.email, user.name ?? null, user.userGroup, user.blocked, user.expirationDate ?? null, user.roles,
      JSON.stringify(user.properties), updaterId,
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('A locked user can be updated.');
  return userOf(row);
};

/** Removes a user with all sessions; false when there is none. */
export const deleteUser = async (db: Queryable, id: string): Promise<boolean> =>
  (await db.query('delete from user_manager.user_account where _id = $1', [id])).rowCount === 1;

/**
 * Moves a user to a state if the one it is in allows that. `DELETED` takes away what the user signed in with. Throws PostgreSQL's unique
 * violation when a deleted user comes back whose name was given away; see takenMember.
 */
export const moveUser = async (db: Queryable, id: string, stateTo: UserState, updaterId: string): Promise<boolean> => {
  const { rowCount } = await db.query(
    `update user_manager.user_account set state = $2, updater_id = $4, updated_at = now(),
       auth_user_id = case when $2 = 'DELETED' then null else auth_user_id end,
       password_hash = case when $2 = 'DELETED' then null else password_hash end
     where _id = $1 and state = any($3)`,
    [id, stateTo, statesBefore(stateTo), updaterId],
  );
  return rowCount === 1;
};

/** Gives a user an account to sign in with; without a password one is chosen by a reset. */
export const activateUser = async (db: Queryable, id: string, passwordHash: string | undefined, updaterId: string): Promise<void> => {
  await db.query('update user_manager.user_account set auth_user_id = _id, password_hash = $2, updater_id = $3, updated_at = now() where _id = $1', [id, passwordHash ?? null, updaterId]);
};

/** The stored hash of a user name, and whether its owner may sign in. */
export const findPassword = async (db: Queryable, username: string): Promise<{ userId: string; passwordHash: string; maySignIn: boolean } | undefined> => {
  const { rows } = await db.query<{ _id: string; password_hash: string; may_sign_in: boolean }>(
    `select _id, password_hash, (${maySignIn}) as may_sign_in from user_manager.user_account u
     where lower(username) = lower($1) and state <> 'DELETED' and password_hash is not null`,
    [username],
  );
  const [row] = rows;
  return row && { userId: row._id, passwordHash: row.password_hash, maySignIn: row.may_sign_in };
};

/** Replaces a hash by one with newer parameters, unless the password was changed meanwhile. */
export const renewPasswordHash = async (db: Queryable, userId: string, before: string, after: string): Promise<void> => {
  await db.query('update user_manager.user_account set password_hash = $3 where _id = $1 and password_hash = $2', [userId, before, after]);
};

/** Tells if a user may still sign in with a password; both then stay as they are for the rest of the transaction. */
export const stillHasPassword = async (db: Queryable, userId: string, passwordHash: string): Promise<boolean> => {
  const { rowCount } = await db.query(`select 1 from user_manager.user_account u where u._id = $1 and u.password_hash = $2 and ${maySignIn} for share`, [userId, passwordHash]);
  return rowCount === 1;
};

/** Gives a user another password; `updaterId` says who did it. */
export const setPasswordHash = async (db: Queryable, userId: string, passwordHash: string, updaterId: string): Promise<void> => {
  await db.query('update user_manager.user_account set password_hash = $2, updated_at = now(), updater_id = $3 where _id = $1', [userId, passwordHash, updaterId]);
};

/** The address of a user, blocked or not, as long as the account is in use. */
export const findAddress = async (db: Queryable, userId: string): Promise<string | undefined> => {
  const { rows } = await db.query<{ email: string }>(`select email from user_manager.user_account where _id = $1 and state = 'PUBLIC'`, [userId]);
  return rows[0]?.email;
};

/** The user of an account who may sign in, and so reset the password. */
export const findResettableUser = async (db: Queryable, authUserId: string): Promise<string | undefined> => {
  const { rows } = await db.query<{ _id: string }>(`select u._id from user_manager.user_account u where u.auth_user_id = $1 and ${maySignIn}`, [authUserId]);
  return rows[0]?._id;
};
