import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ownMembers, type MemberFault } from './domain/user-account.ts';

/** A group of users and the custom properties that its members may have. */
interface UserGroup {
  readonly userGroup: string;
  readonly label: string;
  /** JSON schema (2020-12) of all custom properties of one user. */
  readonly crudSchema: Readonly<Record<string, unknown>>;
  /** Members never sign in. */
  readonly authUserCreationDisabled: boolean;
}

/** The groups of this installation. */
export interface UserGroups {
  readonly has: (userGroup: string) => boolean;
  readonly authUserCreationDisabled: (userGroup: string) => boolean;
  /** What is wrong with custom properties by the schema of a group; pointers start at `base`. An unknown group is the only fault. */
  readonly faultsOf: (userGroup: string, properties: Readonly<Record<string, unknown>>, base?: string) => readonly MemberFault[];
  /** Names of the custom properties of all groups. */
  readonly propertyNames: ReadonlySet<string>;
  /** Tells whether a member is a text in some group: its values are then never read as JSON. */
  readonly isText: (member: string) => boolean;
}

const none = { type: 'object', properties: {}, additionalProperties: false };
const builtIn: readonly UserGroup[] = [['patient', 'Patients'], ['clinician', 'Clinicians'], ['operator', 'Operators']].map(([userGroup = '', label = '']) => ({
  userGroup, label, crudSchema: none, authUserCreationDisabled: false,
}));

const fileSchema = z.array(
  z.strictObject({
    userGroup: z.string().regex(/^[a-z][a-z0-9-]{0,99}$/, 'is lower-case letters, digits and -'),
    label: z.string().min(1).max(300),
    crudSchema: z.record(z.string(), z.unknown()).default(none),
    authUserCreationDisabled: z.boolean().default(false),
  }),
);

/** USER_GROUPS_FILE cannot be used; the message is for the operator. */
export class UserGroupsError extends Error {
  constructor(reason: string) {
    super(`USER_GROUPS_FILE ${reason}`);
    this.name = 'UserGroupsError';
  }
}

const read = (path: string): UserGroup[] => {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserGroupsError(error instanceof SyntaxError ? 'is no JSON' : `cannot be read (${String((error as NodeJS.ErrnoException).code)})`);
  }
  const checked = fileSchema.safeParse(value);
  if (!checked.success) throw new UserGroupsError(checked.error.issues.map(({ path: place, message }) => `/${place.join('/')}: ${message}`).join('; '));
  return checked.data;
};

const namesOf = ({ userGroup, crudSchema }: UserGroup): string[] => {
  const properties = crudSchema['properties'];
  const names = typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  const reserved = names.filter((name) => (ownMembers as readonly string[]).includes(name) || !/^[A-Za-z_][\w-]{0,99}$/.test(name));
  if (reserved.length > 0) throw new UserGroupsError(`gives ${userGroup} properties that users have already, or that are no names: ${reserved.join(', ')}`);
  return names;
};

const texts = ['username', 'email', 'name', 'userGroup'];

const typeOf = ({ crudSchema }: UserGroup, name: string): unknown =>
  (crudSchema['properties'] as Record<string, { type?: unknown } | undefined> | undefined)?.[name]?.type;

const compile = (ajv: Ajv2020, { userGroup, crudSchema }: UserGroup): ValidateFunction => {
  try {
    // What a schema does not name is refused unless it says otherwise: a typing error must not become a property.
    return ajv.compile({ additionalProperties: false, ...crudSchema });
  } catch (error) {
    throw new UserGroupsError(`has no JSON schema for ${userGroup}: ${(error as Error).message}`);
  }
};

const faultsBy = (validate: ValidateFunction, properties: unknown, base: string): MemberFault[] => {
  if (validate(properties)) return [];
  return (validate.errors ?? []).slice(0, 20).map(({ instancePath, keyword, message, params }) => {
    const { additionalProperty, missingProperty } = params as { additionalProperty?: string; missingProperty?: string };
    const member = additionalProperty ?? missingProperty;
    const pointer = member === undefined ? instancePath : `${instancePath}/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return { pointer: `${base}${pointer}`.slice(0, 256), code: keyword, message: additionalProperty === undefined ? (message ?? 'does not fit') : 'is no property of the group' };
  });
};

/** The built-in groups and those of a JSON file, which may describe a built-in one anew. Throws UserGroupsError. */
export const loadUserGroups = (path?: string): UserGroups => {
  const groups = new Map([...builtIn, ...(path === undefined ? [] : read(path))].map((group) => [group.userGroup, group]));
  // Ours are known to be schemas: to judge that takes longer than to compile them.
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateSchema: path !== undefined });
  formats.default(ajv);
  const names = new Set([...groups.values()].flatMap(namesOf));
  const validators = new Map([...groups.values()].map((group) => [group.userGroup, compile(ajv, group)]));
  return {
    has: (userGroup) => groups.has(userGroup),
    authUserCreationDisabled: (userGroup) => groups.get(userGroup)?.authUserCreationDisabled === true,
    faultsOf: (userGroup, properties, base = '') => {
      const validate = validators.get(userGroup);
      return validate === undefined ? [{ pointer: `${base}/userGroup`, code: 'unknown-group', message: 'Use a group of this installation.' }] : faultsBy(validate, properties, base);
    },
    propertyNames: names,
    isText: (member) => texts.includes(member) || [...groups.values()].map((group) => typeOf(group, member)).some((type) => type === 'string'),
  };
};
