import type { Queryable } from '../../database/pool.ts';
import { createSqlWriter, type SqlWriter } from '../../query/condition-sql.ts';
import type { Condition, SortKey } from '../../query/condition.ts';
import type { UserAccount, UserState } from '../domain/user-account.ts';
import { userColumns, userOf, type UserRow } from './user-table.ts';

/** Which users are meant; all that is given must hold. */
export interface UserFilter {
  readonly id?: string | undefined;
  readonly authUserId?: string | undefined;
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly userGroup?: string | undefined;
  readonly blocked?: boolean | undefined;
  readonly condition?: Condition | undefined;
  readonly states: readonly UserState[];
}

const blocked = '(u.blocked or coalesce(u.expiration_date <= now(), false))';
const columns: Readonly<Record<string, string>> = {
  _id: 'u._id', authUserId: 'u.auth_user_id', username: 'lower(u.username)', email: 'lower(u.email)', name: 'u.name', userGroup: 'u.user_group', blocked,
  expirationDate: 'u.expiration_date', roles: 'to_jsonb(u.roles)', createdAt: 'u.created_at', updatedAt: 'u.updated_at', creatorId: 'u.creator_id', updaterId: 'u.updater_id', __STATE__: 'u.state',
};
const createWriter = (): SqlWriter => createSqlWriter(columns, 'u.properties');

const whereOf = ({ parameter, where }: SqlWriter, filter: UserFilter): string => {
  const { id, authUserId, username, email, userGroup, condition, states } = filter;
  return [
    `u.state = any(${parameter(states)})`,
    ...(id === undefined ? [] : [`u._id = ${parameter(id)}`]),
    ...(authUserId === undefined ? [] : [`u.auth_user_id = ${parameter(authUserId)}`]),
    ...(username === undefined ? [] : [`lower(u.username) = lower(${parameter(username)})`]),
    ...(email === undefined ? [] : [`lower(u.email) = lower(${parameter(email)})`]),
    ...(userGroup === undefined ? [] : [`u.user_group = ${parameter(userGroup)}`]),
    ...(filter.blocked === undefined ? [] : [`${blocked} = ${parameter(filter.blocked)}`]),
    ...(condition === undefined ? [] : [where(condition)]),
  ].join(' and ');
};

/** A page of users; `limit` and `skip` count users. */
export interface UserPage extends UserFilter {
  readonly sort: readonly SortKey[];
  readonly limit: number;
  readonly skip: number;
}

/** Users that a filter means, in a stable order: as asked for, then oldest first. */
export const findUsers = async (db: Queryable, { sort, limit, skip, ...filter }: UserPage): Promise<UserAccount[]> => {
  const writer = createWriter();
  const where = whereOf(writer, filter);
  const order = [...writer.order(sort), 'u.created_at', 'u._id'];
  const { rows } = await db.query<UserRow>(
    `select ${userColumns} from user_manager.user_account u where ${where} order by ${order.join(', ')} limit ${writer.parameter(limit)} offset ${writer.parameter(skip)}`,
    writer.values,
  );
  return rows.map(userOf);
};

/** How many users a filter means. */
export const countUsers = async (db: Queryable, filter: UserFilter): Promise<number> => {
  const writer = createWriter();
  const { rows } = await db.query<{ count: string }>(`select count(*) from user_manager.user_account u where ${whereOf(writer, filter)}`, writer.values);
  return Number(rows[0]?.count ?? 0);
};
