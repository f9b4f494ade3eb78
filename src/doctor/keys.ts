import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { fileAccess } from '../file-access.ts';
import type { Queryable } from '../database/pool.ts';
import { examineMasterKeys } from '../keys/master-key-check.ts';
import { serviceTokenFault } from '../keys/service-token.ts';
import { findingsOf, type Finding } from './finding.ts';

const { well, warning, wrong } = findingsOf('keys');

/** Whether the tables of keys are those that this program reads. */
const hasTables = async (db: Queryable): Promise<boolean> =>
  (await db.query<{ there: boolean }>(`select to_regclass('device_manager_keys.master_key') is not null and to_regclass('device_manager_keys.data_key') is not null as there`)).rows[0]?.there === true;

const isForeign = (reason: string): boolean => /not the one/.test(reason);

/** Proves that the master keys of the settings open the keys of the database; makes none. */
export const examineMasterKey = async (db: Queryable, config: Config): Promise<Finding[]> => {
  if (!config.SERVICES.includes('device-manager')) return [];
  if (!(await hasTables(db))) return [well('master key', 'the database has no keys yet')];
  try {
    const state = await examineMasterKeys(db, config);
    return [well('master key', state === 'proved' ? 'opens the keys of the database' : 'the database has no keys yet')];
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be read';
    const [found = reason] = reason.split('. ');
    return [wrong('master key', found.replace(/[.]$/, ''), isForeign(reason) ? 'restore the master key that this database was used with' : reason.includes('schema device_manager_keys') ? 'restore the schema device_manager_keys from its backup' : 'restore the master key from its backup, or correct MASTER_KEY, MASTER_KEY_FILE or MASTER_KEY_COMMAND')];
  }
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Judges who may read a file that holds a secret. */
const fileMode = (looked: string, path: string, environment: Environment): Finding[] => {
  if (!existsSync(path)) return [];
  const { mode, group, others } = fileAccess(path, environment);
  const shown = mode.toString(8).padStart(4, '0');
  if (others !== 0) return [wrong(looked, `of mode ${shown}: everybody on this machine can get at it`, 'chmod 600 it, and change the secret if others have accounts here')];
  return group !== 0 ? [warning(looked, `of mode ${shown}: its group can get at it`, 'chmod 600 it')] : [well(looked, `of mode ${shown}`)];
};

const textIn = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // a start makes it, or says why it cannot be read
  }
};

/** Judges the service token that a start would read from its file, and refuse. */
export const examineServiceToken = ({ DATA_DIR, SERVICE_TOKEN }: Config): Finding[] => {
  const token = SERVICE_TOKEN === undefined ? textIn(join(DATA_DIR, 'service-token')) : undefined;
  const fault = token === undefined ? undefined : serviceTokenFault(token);
  return fault === undefined ? [] : [wrong('service token', `that of DATA_DIR/service-token ${fault}`, 'delete the file: the next start makes a new one')];
};

/** Looks at the modes of all files with secrets, those made in DATA_DIR and those that settings name; the environment says which are credentials. */
export const examineKeyFiles = ({ DATA_DIR, MASTER_KEY_FILE, MASTER_KEY_PREVIOUS_FILE, TLS_KEY }: Config, environment: Environment): Finding[] => [
  ...['master-key', 'service-token', 'server.json', 'demo.json'].flatMap((name) => fileMode(`DATA_DIR/${name}`, join(DATA_DIR, name), environment)),
  ...Object.entries({ MASTER_KEY_FILE, MASTER_KEY_PREVIOUS_FILE, TLS_KEY }).flatMap(([name, path]) => (path === undefined ? [] : fileMode(name, path, environment))),
];
