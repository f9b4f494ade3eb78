import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { openKeys } from '../keys/master-key-check.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import type { UserAccount } from '../user-manager/domain/user-account.ts';
import { patientIdOf } from '../user-manager/patient-id.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { userNamed } from './named-user.ts';

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
