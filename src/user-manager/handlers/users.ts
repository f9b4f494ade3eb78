import type { operations, UserExport as WireExport } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { auditActorOf, type Caller } from '../caller.ts';
import type { PasswordFault } from '../domain/password-policy.ts';
import { accountDisabled, expirationIn, noExpiration, ownMembers, type MemberFault } from '../domain/user-account.ts';
import type { UserCommands } from '../domain/user-changes.ts';
import type { Activated, Registered, Registration } from '../registration.ts';
import type { Changed } from '../user-change.ts';
import type { UserExport } from '../user-export.ts';
import type { UserGroups } from '../user-groups.ts';
import { actorOf, isTaken, refused, unfitPassword, wireUserOf } from './user-record.ts';

/** What the handlers of users stand on. */
export interface UserPorts {
  readonly groups: UserGroups;
  readonly register: (person: Registration, sendResetMail: boolean) => Promise<Registered>;
  readonly activate: (id: string, password: string | undefined, updaterId: string, sendResetMail: boolean) => Promise<Activated | { readonly passwordFault: PasswordFault }>;
  readonly change: (id: string, commands: UserCommands, updaterId: string) => Promise<Changed>;
  /** Erases a user and what is kept of them everywhere; false when there is no such user. */
  readonly remove: (id: string, updaterId: string) => Promise<boolean>;
  readonly erase: (id: string, auditPseudonym: string) => Promise<Readonly<Record<string, number>>>;
  readonly exported: (id: string, actor: string) => Promise<UserExport | undefined>;
  /** Ends all sessions of a user; false when there is no such user. */
  readonly signOut: (id: string, updaterId: string) => Promise<boolean>;
}

type NewUser = Call<operations['createUser'], Caller>['body'] & { readonly authUserId?: string };
type Own = Pick<Registration, 'username' | 'email' | 'name' | 'blocked' | 'roles' | 'expirationDate'> & { readonly userGroup: string };

const settable = ['username', 'email', 'name', 'userGroup', 'blocked', 'expirationDate', 'roles', 'password'];

/** Parts a body into the members that every user has and the group's custom properties; a member that only the service sets is a fault. */
const readNewUser = (body: NewUser, mayBeSet: readonly string[], groups: UserGroups): { own: Own; properties: Record<string, unknown>; faults: MemberFault[] } => {
  const { username = body.email, email, name, userGroup = 'patient', blocked, expirationDate, roles } = body;
  const names = Object.keys(body);
  const expires = expirationDate === undefined ? undefined : expirationIn(expirationDate);
  const reserved = names.filter((member) => (ownMembers as readonly string[]).includes(member) && !mayBeSet.includes(member));
  const properties = Object.fromEntries(Object.entries(body).filter(([member]) => !(ownMembers as readonly string[]).includes(member)));
  const faults = [
    ...reserved.map((member) => ({ pointer: `/${member}`, code: 'immutable', message: 'Leave this out: the service sets it.' })),
    ...(/^[A-Za-z0-9._@+-]+$/.test(username) ? [] : [{ pointer: '/username', code: 'required', message: 'Send a user name: the e-mail address cannot be one.' }]),
    ...(expirationDate !== undefined && expires === undefined ? [{ pointer: '/expirationDate', ...noExpiration }] : []),
    ...groups.faultsOf(userGroup, properties),
  ];
  const own = { username, email, userGroup, ...(name !== undefined && { name }), ...(blocked !== undefined && { blocked }), ...(roles && { roles }), ...(expires && { expirationDate: expires }) };
  return { own, properties, faults };
};

const idOf = (outcome: Registered): { readonly _id: string } => {
  if ('taken' in outcome) throw isTaken(`/${outcome.taken}`);
  if ('passwordFault' in outcome) throw unfitPassword(outcome.passwordFault);
  return outcome;
};

const createUser = async (ports: UserPorts, { body, query, caller }: Call<operations['createUser'], Caller>): Promise<Reply<operations['createUser']>> => {
  const { own, properties, faults } = readNewUser(body, settable, ports.groups);
  const isPostponed = query.postponeAuthUserCreation === true || ports.groups.authUserCreationDisabled(own.userGroup);
  const needless = isPostponed && body.password !== undefined ? [{ pointer: '/password', code: 'no-account', message: 'Leave this out: the user does not sign in yet.' }] : [];
  if (faults.length + needless.length > 0) throw refused([...faults, ...needless]);
  const person = { ...own, properties, password: body.password, creatorId: actorOf(caller), ...(isPostponed && { account: 'postponed' as const }) };
  return { status: 200, body: idOf(await ports.register(person, query.sendResetPwdEmail === true)) };
};

const createUserWithId = async (ports: UserPorts, { body, caller }: Call<operations['createUserWithId'], Caller>): Promise<Reply<operations['createUserWithId']>> => {
  const { authUserId } = body;
  const { own, properties, faults } = readNewUser(body, [...settable.filter((member) => member !== 'password'), 'authUserId'], ports.groups);
  const disabled = ports.groups.authUserCreationDisabled(own.userGroup) ? [accountDisabled('/userGroup')] : [];
  if (faults.length + disabled.length > 0) throw refused([...faults, ...disabled]);
  return { status: 200, body: idOf(await ports.register({ ...own, properties, account: { authUserId }, creatorId: actorOf(caller) }, false)) };
};

const registerUser = async (ports: UserPorts, { body, query, caller }: Call<operations['registerUser'], Caller>): Promise<Reply<operations['registerUser']>> => {
  const outcome = await ports.activate(body._id, body.password, actorOf(caller), query.sendResetPwdEmail === true);
  if (typeof outcome === 'object') throw unfitPassword(outcome.passwordFault);
  if (outcome === 'not-found') throw problem('not-found');
  if (outcome === 'active-already') throw problem('already-exists', { errors: [{ pointer: '/_id', code: 'active-already', message: 'The user is active already.' }] });
  if (outcome === 'account-disabled') throw refused([accountDisabled('/_id')]);
  return { status: 204 };
};

const updateUser = async (ports: UserPorts, { path, body, caller }: Call<operations['updateUser'], Caller>): Promise<Reply<operations['updateUser']>> => {
  const changed = await ports.change(path.id, body, actorOf(caller));
  if (changed === 'not-found') throw problem('not-found');
  if ('faults' in changed) throw refused(changed.faults);
  if ('taken' in changed) throw isTaken(`/$set/${changed.taken}`);
  return { status: 200, body: wireUserOf(changed.user) };
};

/** All of a user as it is answered. */
export const exportOf = ({ user, sessions, refreshTokens, resets }: UserExport): WireExport => ({
  user: wireUserOf(user),
  sessions: sessions.map((session) => ({ kind: session.kind, createdAt: session.created_at.toISOString(), lastUsedAt: session.last_used_at.toISOString(), expiresAt: session.expires_at.toISOString() })),
  refreshTokens: refreshTokens.map((token) => ({ createdAt: token.created_at.toISOString(), ...(token.used_at && { usedAt: token.used_at.toISOString() }), expiresAt: token.expires_at.toISOString() })),
  passwordResets: resets.map((reset) => ({ createdAt: reset.created_at.toISOString(), ...(reset.sent_at && { sentAt: reset.sent_at.toISOString() }) })),
});

/** Creating, activating, changing, handing out and removing people; for services and operators. */
export const userHandlers = (ports: UserPorts) => ({
  createUser: (call: Call<operations['createUser'], Caller>) => createUser(ports, call),
  createUserWithId: (call: Call<operations['createUserWithId'], Caller>) => createUserWithId(ports, call),
  registerUser: (call: Call<operations['registerUser'], Caller>) => registerUser(ports, call),
  updateUser: (call: Call<operations['updateUser'], Caller>) => updateUser(ports, call),
  exportUser: async ({ path, caller }: Call<operations['exportUser'], Caller>): Promise<Reply<operations['exportUser']>> => {
    const found = await ports.exported(path.id, auditActorOf(caller));
    if (found === undefined) throw problem('not-found');
    return { status: 200, body: exportOf(found) };
  },
  eraseUser: async ({ path, body }: Call<operations['eraseUser'], Caller>): Promise<Reply<operations['eraseUser']>> => ({ status: 200, body: await ports.erase(path.id, body.auditPseudonym) }),
  deleteUser: async ({ path, caller }: Call<operations['deleteUser'], Caller>): Promise<Reply<operations['deleteUser']>> => {
    if (!(await ports.remove(path.id, actorOf(caller)))) throw problem('not-found');
    return { status: 204 };
  },
  endUserSessions: async ({ path, caller }: Call<operations['endUserSessions'], Caller>): Promise<Reply<operations['endUserSessions']>> => {
    if (!(await ports.signOut(path.id, actorOf(caller)))) throw problem('not-found');
    return { status: 204 };
  },
});
