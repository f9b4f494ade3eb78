import { expirationIn, noExpiration, ownMembers, type MemberFault, type UserAccount } from './user-account.ts';

/** The commands of a change, each with values by member; checked against the specification before. */
export interface UserCommands {
  readonly $set?: Readonly<Record<string, unknown>>;
  readonly $unset?: Readonly<Record<string, unknown>>;
  readonly $inc?: Readonly<Record<string, number>>;
  readonly $push?: Readonly<Record<string, unknown>>;
  readonly $pull?: Readonly<Record<string, unknown>>;
  readonly $addToSet?: Readonly<Record<string, unknown>>;
}

/** What can be changed of a user. */
export interface ChangeableUser {
  readonly username: string;
  readonly email: string;
  readonly name?: string;
  readonly userGroup: string;
  readonly blocked: boolean;
  readonly expirationDate?: Date;
  readonly roles: readonly string[];
  readonly properties: Readonly<Record<string, unknown>>;
}

type Json = Record<string, unknown>;
type Command = keyof UserCommands;

const settable = ['username', 'email', 'name', 'userGroup', 'blocked', 'expirationDate', 'roles'];
const removable = ['name', 'expirationDate', 'roles'];
const LONGEST_NAME = 200;
const MOST_PARTS = 32;
/** What an answer tells of a change with many faults, and of a name that is too long to be one. */
const MOST_FAULTS = 20;
const LONGEST_POINTER = 256;

const order: readonly Command[] = ['$set', '$unset', '$inc', '$push', '$pull', '$addToSet'];

/** A change that cannot be made; thrown and caught in this file. */
class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

const listOf = (current: unknown): readonly unknown[] => {
  if (current !== undefined && !Array.isArray(current)) throw new Refusal('wrong-type', 'Use this command on arrays alone.');
  return current ?? [];
};

/** The new value of a member; undefined removes it. */
const newValue: Readonly<Record<Command, (current: unknown, operand: unknown) => unknown>> = {
  $set: (_current, operand) => operand,
  $unset: () => undefined,
  $inc: (current, operand) => {
    if (current !== undefined && typeof current !== 'number') throw new Refusal('wrong-type', 'Use this command on numbers alone.');
    return (current ?? 0) + (operand as number);
  },
  $push: (current, operand) => [...listOf(current), operand],
  $pull: (current, operand) => (current === undefined ? undefined : listOf(current).filter((value) => !same(value, operand))),
  $addToSet: (current, operand) => (listOf(current).some((value) => same(value, operand)) ? current : [...listOf(current), operand]),
};

const checkMember = (command: Command, member: string): void => {
  if (member.length > LONGEST_NAME) throw new Refusal('invalid-name', 'Name a member in at most 200 characters.');
  const [root = '', ...rest] = member.split('.');
  if (rest.length >= MOST_PARTS) throw new Refusal('invalid-name', 'Reach at most 32 parts deep.');
  if ([root, ...rest].some((part) => part === '' || part.startsWith('$') || ['__proto__', 'constructor', 'prototype'].includes(part))) throw new Refusal('invalid-name', 'Name a member, with dots between its parts.');
  if (!(ownMembers as readonly string[]).includes(root)) return;
  if (!settable.includes(root)) throw new Refusal('immutable', root === 'password' ? 'Passwords are changed by a reset.' : 'This member cannot be changed.');
  if (rest.length > 0) throw new Refusal('invalid-name', 'Dots reach into custom properties alone.');
  if (command === '$unset' && !removable.includes(root)) throw new Refusal('required', 'This member cannot be removed.');
  if (['$push', '$pull', '$addToSet'].includes(command) && root !== 'roles') throw new Refusal('wrong-type', 'Use this command on arrays alone.');
  if (command === '$inc') throw new Refusal('wrong-type', 'Use this command on numbers alone.');
};

const put = (object: Json, path: readonly string[], change: (current: unknown) => unknown): Json => {
  const [name = '', ...rest] = path;
  const current = Object.hasOwn(object, name) ? object[name] : undefined;
  if (rest.length > 0 && current !== undefined && (typeof current !== 'object' || current === null || Array.isArray(current))) throw new Refusal('wrong-type', 'Dots reach into objects alone.');
  const next = rest.length === 0 ? change(current) : put((current ?? {}) as Json, rest, change);
  const others = Object.entries(object).filter(([member]) => member !== name);
  return Object.fromEntries(next === undefined ? others : [...others, [name, next]]);
};

const withOwnMembers = ({ properties, expirationDate, ...own }: ChangeableUser): Json => ({ ...properties, ...own, ...(expirationDate && { expirationDate: expirationDate.toISOString() }) });

const isRoles = (value: unknown): value is string[] => Array.isArray(value) && value.length <= 100 && value.every((role) => typeof role === 'string' && role.length > 0 && role.length <= 100);

const userOf = (document: Json): ChangeableUser => {
  const { username, email, name, userGroup, blocked, expirationDate: expires, roles = [], ...properties } = document;
  const expirationDate = typeof expires === 'string' ? expirationIn(expires) : undefined;
  return {
    username: username as string, email: email as string, userGroup: userGroup as string, blocked: blocked as boolean, roles: roles as string[], properties,
    ...(name !== undefined && { name: name as string }),
    ...(expirationDate && { expirationDate }),
  };
};

/** The user after all commands, or the first 20 commands that cannot be carried out. Custom properties are the group's to judge. */
export const applyCommands = (user: UserAccount, commands: UserCommands): { readonly user: ChangeableUser } | { readonly faults: readonly MemberFault[] } => {
  const { username, email, name, userGroup, blocked, expirationDate, roles, properties } = user;
  let document = withOwnMembers({ username, email, userGroup, blocked, roles, properties, ...(name !== undefined && { name }), ...(expirationDate && { expirationDate }) });
  const faults: MemberFault[] = [];
  for (const command of order) {
    for (const [member, operand] of Object.entries(commands[command] ?? {})) {
      try {
        checkMember(command, member);
        document = put(document, member.split('.'), (current) => newValue[command](current, operand));
        if (member === 'roles' && command !== '$unset' && !isRoles(document['roles'])) throw new Refusal('wrong-type', 'Roles are at most 100 texts of at most 100 characters.');
        if (member === 'expirationDate' && command === '$set' && expirationIn(operand as string) === undefined) throw new Refusal(noExpiration.code, noExpiration.message);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        faults.push({ pointer: `/${command}/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`.slice(0, LONGEST_POINTER).toWellFormed(), code: error.code, message: error.message });
      }
    }
  }
  return faults.length > 0 ? { faults: faults.slice(0, MOST_FAULTS) } : { user: userOf(document) };
};
