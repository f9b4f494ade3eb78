import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { openKeys } from '../keys/master-key-check.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import type { MemberKind } from '../query/condition.ts';
import { ownMembers, type UserAccount } from '../user-manager/domain/user-account.ts';
import { patientIdOf } from '../user-manager/patient-id.ts';
import { findUsers } from '../user-manager/storage/user-search.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { findUserNamed, userNamed } from './named-user.ts';

/** Who is meant: a person with an account here, or a patient by identifier. */
export interface PatientOptions {
  readonly user?: string;
  readonly patient?: string;
}

/** Adds the options that say who is meant. */
export const withWhom = (command: Command): Command =>
  command.option('--user <user>', 'name or _id of the person').option('--patient <patientId>', 'identifier of a patient who has no account here');

/** A patient, and what is needed to read or erase what is kept of them. */
export interface NamedPatient {
  readonly config: Config;
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  readonly patientId: string;
  readonly user: UserAccount | undefined;
  /** Whether anything of them is known here. */
  readonly isKnown: boolean;
}

/** Runs a command about one patient, on the tables of both services. Throws RefusedError for nobody, and for two at once. */
export const withPatient = async <Result>(context: CommandContext, { user: name, patient }: PatientOptions, work: (patient: NamedPatient) => Promise<Result>): Promise<Result> => {
  if ((name === undefined) === (patient === undefined)) throw new RefusedError('Say who is meant: --user or --patient.', 'wrong-use');
  const config = context.config();
  return withDatabase({ config, say: context.say, owners: ['user-manager', 'device-manager'] }, async (pool) => {
    const { keyRing } = await openKeys(pool, config);
    const user = name === undefined ? undefined : await userNamed(pool, name);
    const patientId = user === undefined ? patient : patientIdOf(user, config.CUSTOM_USER_ID_KEY);
    if (patientId === undefined) throw new RefusedError('The person has nothing under the name that CUSTOM_USER_ID_KEY gives: use --patient.', 'wrong-use');
    const isKnown = user !== undefined || (await keyRing.knownKeysOf(pool, `patient:${patientId}`)) !== undefined;
    return work({ config, pool, keyRing, patientId, user, isKnown });
  });
};

const textMembers: Readonly<Record<string, { readonly member: string; readonly kind: MemberKind }>> = {
  sub: { member: 'authUserId', kind: 'text' }, authUserId: { member: 'authUserId', kind: 'text' }, name: { member: 'name', kind: 'text' },
  username: { member: 'username', kind: 'name' }, email: { member: 'email', kind: 'name' },
};
const notSought: readonly string[] = ownMembers;

/** The identifier of a patient that was given as it is; undefined where no account has it under the key. */
const patientIdGiven = async (pool: Pool, key: string | undefined, given: string): Promise<string | undefined> => {
  const sought = key === undefined ? undefined : (textMembers[key] ?? (notSought.includes(key) ? undefined : { member: key, kind: 'custom' as const }));
  if (sought === undefined) return undefined;
  const users = await findUsers(pool, { states: ['PUBLIC', 'DRAFT', 'TRASH'], sort: [], limit: 100, skip: 0, condition: { ...sought, comparison: 'equal', values: [given] } });
  return users.map((user) => patientIdOf(user, key)).find((id) => id !== undefined && (id === given || (sought.kind === 'name' && id.toLowerCase() === given.toLowerCase())));
};

/**
 * The identifier of the patient whom a name, an `_id` or that identifier itself means: what CUSTOM_USER_ID_KEY names, as the BFF reads
 * it. Where people are in another installation, what was given is taken for it. Throws RefusedError.
 */
export const patientNamed = async (pool: Pool, name: string, { SERVICES, CUSTOM_USER_ID_KEY: key }: Pick<Config, 'SERVICES' | 'CUSTOM_USER_ID_KEY'>): Promise<string> => {
  const { rows } = await pool.query<{ there: boolean }>(`select to_regclass('user_manager.user_account') is not null as there`);
  if (!SERVICES.includes('user-manager') && rows[0]?.there !== true) {
    if (name === '' || name.length > 128) throw new RefusedError('--patient is an _id of at most 128 characters.', 'wrong-use');
    return name;
  }
  const given = await patientIdGiven(pool, key, name);
  const user = given === undefined ? await userNamed(pool, name) : await findUserNamed(pool, name);
  const patientId = user === undefined ? given : patientIdOf(user, key);
  if (patientId === undefined) throw new RefusedError('The person has nothing under the name that CUSTOM_USER_ID_KEY gives, and so is no patient.', 'wrong-use');
  if (given !== undefined && given !== patientId) throw new RefusedError('This is the identifier of one patient, and the name or _id of somebody else: use the _id of whom is meant.');
  return patientId;
};
