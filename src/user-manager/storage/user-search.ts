import type { Queryable } from '../../database/pool.ts';
import type { Comparison, Condition, MemberKind, SortKey } from '../domain/user-query.ts';
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
const casts: Readonly<Record<MemberKind, string>> = { text: 'text', name: 'text', instant: 'timestamptz', boolean: 'boolean', list: 'jsonb', custom: 'jsonb' };
const signs: Partial<Readonly<Record<Comparison, string>>> = { greater: '>', greaterOrEqual: '>=', less: '<', lessOrEqual: '<=' };

/** Builds SQL whose every value is a parameter. */
const createWriter = () => {
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const expression = (member: string, kind: MemberKind): string => (kind === 'custom' ? `u.properties #> ${parameter(member.split('.'))}::text[]` : (columns[member] ?? 'null'));
  const constant = (value: unknown, kind: MemberKind): string => {
    const cast = casts[kind];
    const kept = cast === 'jsonb' ? JSON.stringify(value) : kind === 'name' ? (value as string).toLowerCase() : value;
    return `${parameter(kept)}::${cast}`;
  };
  /** Lists and custom properties are JSON, where an array also equals what it holds. */
  const equal = (left: string, kind: MemberKind, value: unknown): string => {
    if (value === null) return casts[kind] === 'jsonb' ? `coalesce(${left} = 'null'::jsonb, true)` : `${left} is null`;
    return `coalesce(${left} ${casts[kind] === 'jsonb' ? '@>' : '='} ${constant(value, kind)}, false)`;
  };
  const compare = (left: string, kind: MemberKind, comparison: Comparison, list: readonly unknown[]): string => {
    const [first] = list;
    if (comparison === 'exists') return `${left} is ${first === true ? 'not ' : ''}null`;
    const sign = signs[comparison];
    if (sign !== undefined) {
      const right = constant(first, kind);
      return `coalesce(${left} ${sign} ${right}${casts[kind] === 'jsonb' ? ` and jsonb_typeof(${left}) = jsonb_typeof(${right})` : ''}, false)`;
    }
    const any = list.map((value) => equal(left, kind, value)).join(' or ') || 'false';
    return comparison === 'equal' || comparison === 'in' ? `(${any})` : `not (${any})`;
  };
  const where = (condition: Condition): string => {
    if ('all' in condition) return condition.all.length === 0 ? 'true' : `(${condition.all.map(where).join(' and ')})`;
    if ('any' in condition) return `(${condition.any.map(where).join(' or ')})`;
    return compare(expression(condition.member, condition.kind), condition.kind, condition.comparison, condition.values);
  };
  return { values, parameter, expression, where };
};

type Writer = ReturnType<typeof createWriter>;

const whereOf = ({ parameter, where }: Writer, filter: UserFilter): string => {
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
  const order = [...sort.map(({ member, kind, descending }) => `${writer.expression(member, kind)} ${descending ? 'desc nulls last' : 'asc nulls first'}`), 'u.created_at', 'u._id'];
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
