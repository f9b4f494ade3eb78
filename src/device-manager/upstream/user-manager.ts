import { createHash } from 'node:crypto';
import type { paths, User } from '../../../generated/user-manager.d.ts';
import specification from '../../../generated/user-manager.json' with { type: 'json' };
import type { AuditRecord } from '../../audit/audit-record.ts';
import { problem } from '../../http/problem.ts';
import { proving } from '../../http/request-source.ts';
import { createUpstream } from '../../http/upstream.ts';

/** An account of whom other services may know as a patient. */
export interface Account {
  readonly userId: string;
  readonly patientId: string;
  readonly createdAt: Date;
}

/** What the Device Manager asks of the User Manager about the person whose data it keeps, with the service credential. */
export interface Accounts {
  /** All that is kept of the person; undefined where nobody has that id, or the User Manager is another vendor's and does not tell. Throws 502 or 503. */
  readonly exportOf: (patientId: string) => Promise<object | undefined>;
  /** A page of its audit of the person, newest first, from after one of its events; empty where `exportOf` has nobody. Throws 502 or 503. */
  readonly auditOf: (patientId: string, after: string | undefined, limit: number) => Promise<readonly AuditRecord[]>;
  /** Erases the account of the person and answers what there was by kind; nothing where the User Manager is another vendor's. Throws 502 or 503. */
  readonly erase: (patientId: string, auditPseudonym: string) => Promise<Readonly<Record<string, number>>>;
  /** All accounts in any state, page by page; none where the User Manager is another vendor's and does not tell. Throws 502 or 503. */
  readonly pages: () => AsyncIterable<readonly Account[]>;
  readonly close: () => Promise<void>;
}

const PAGE = 200;

/** Claims of `/userinfo` that are made of members of another name (`claimsOf` at the User Manager). */
const madeOf: Readonly<Record<string, readonly string[]>> = { sub: [], name: ['name', 'username'], preferred_username: ['username'] };

/** The identifier by which the person is known as a patient: that of the account, unless a setting names another member. */
const accountOf = ({ _id: userId, createdAt, ...members }: User, customUserIdKey: string | undefined): Account[] => {
  const { authUserId, username, name = username } = members;
  const told: Readonly<Record<string, unknown>> = { ...members, _id: userId, sub: authUserId ?? userId, name, preferred_username: username };
  const patientId = told[customUserIdKey ?? '_id'];
  return typeof patientId === 'string' && patientId !== '' && createdAt !== undefined ? [{ userId, patientId, createdAt: new Date(createdAt) }] : [];
};

/** What was answered; undefined where nobody has the id or there is no such operation (404, 405). Any other refusal is trouble there, and throws: it says nothing about the person. */
const dataOf = <Data>({ data, response: { status } }: { readonly data?: Data; readonly response: { readonly status: number } }, act: string): Data | undefined => {
  if (data === undefined && status !== 404 && status !== 405) throw problem('upstream-invalid', { cause: new Error(`The User Manager answered ${String(status)} to ${act}.`) });
  return data;
};

/** Connects to the User Manager as a service; `customUserIdKey` is the member of its people that is the identifier of the patient. */
export const connectAccounts = (baseUrl: string, serviceToken: string, customUserIdKey?: string): Accounts => {
  const client = createUpstream<paths>({ baseUrl, spec: specification, timeoutMs: 20_000, maxBytes: 8_388_608 });
  const headers = { authorization: `Bearer ${serviceToken}` };
  return {
    exportOf: async (id) => dataOf(await client.GET('/users/{id}/export', { params: { path: { id } }, headers }), 'an export'),
    auditOf: async (id, after, limit) => {
      const query = { _l: limit, ...(after !== undefined && { _cursor: after }) };
      const data = dataOf(await client.GET('/users/{id}/audit', { params: { path: { id }, query }, headers }), 'a reading of its audit');
      return (data ?? []) as readonly AuditRecord[];
    },
    erase: async (id, auditPseudonym) => dataOf(await client.POST('/users/{id}/erasure', { params: { path: { id } }, body: { auditPseudonym }, headers }), 'an erasure') ?? {},
    pages: async function* () {
      // No name and address is asked for that is not the identifier.
      const named = customUserIdKey === undefined ? [] : (Object.hasOwn(madeOf, customUserIdKey) ? madeOf[customUserIdKey] : undefined) ?? [customUserIdKey];
      const shown = ['createdAt', 'authUserId', ...named].join(',');
      for (let skip = 0; ; skip += PAGE) {
        const query = { _p: shown, _st: 'PUBLIC,DRAFT,TRASH,DELETED', _l: PAGE, _sk: skip };
        const users = (dataOf(await client.GET('/users', { params: { query }, headers }), 'a list of accounts') ?? []) as readonly User[];
        yield users.flatMap((user) => accountOf(user, customUserIdKey));
        if (users.length < PAGE) return;
      }
    },
    close: client.close,
  };
};

/** Tells whose access token it is when that is an operator; asks the User Manager at most once a second per token. */
export interface Operators {
  readonly operatorOf: (token: string) => Promise<string | undefined>;
  readonly close: () => Promise<void>;
}

const believedMs = 1_000;
const mostRemembered = 1_000;

/** Connects to the User Manager. Throws 502 or 503 when it cannot tell. */
export const connectOperators = (baseUrl: string, serviceToken: string): Operators => {
  const client = createUpstream<paths>({ baseUrl, spec: specification, timeoutMs: 5_000, maxBytes: 1_048_576 });
  client.use(proving(serviceToken));
  const remembered = new Map<string, { operator: string | undefined; untilMs: number }>();
  return {
    operatorOf: async (token) => {
      const key = createHash('sha256').update(token).digest('base64');
      const known = remembered.get(key);
      if (known && known.untilMs > performance.now()) return known.operator;
      const { data } = await client.GET('/userinfo', { headers: { authorization: `Bearer ${token}` } });
      const operator = data?.userGroup === 'operator' ? (data._id ?? data.sub) : undefined;
      if (remembered.size >= mostRemembered) remembered.clear();
      remembered.set(key, { operator, untilMs: performance.now() + believedMs });
      return operator;
    },
    close: client.close,
  };
};
