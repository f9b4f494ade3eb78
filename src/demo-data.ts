import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool, Queryable } from './database/pool.ts';
import { inTransaction } from './database/transaction.ts';
import { createApiKey, senderOfKey } from './device-manager/storage/api-key-table.ts';
import { recordAudit } from './device-manager/storage/audit-table.ts';
import { readServerFile, writePrivateFile } from './server-file.ts';
import { createPasswords, type Passwords } from './user-manager/password.ts';
import { register } from './user-manager/registration.ts';
import { findPassword } from './user-manager/storage/user-table.ts';

/** The people and keys of `--demo`, as DATA_DIR/demo.json holds them between starts. */
export interface DemoData {
  readonly username: string;
  readonly password: string;
  readonly patientId: string;
  readonly operatorUsername: string;
  readonly operatorPassword: string;
  readonly webhookKey: string;
}

/** Where the services are that the demo talks to. */
export interface DemoAddresses {
  readonly bff: string;
  readonly deviceManager: string;
  readonly userManager: string;
  readonly serviceToken: string;
}

const currentPath = (dataDir: string): string => join(dataDir, 'demo.json');
const previousPath = (dataDir: string): string => join(dataDir, 'demo-previous.json');

/** Takes the file of an earlier start out of the way, so that demo.json is there only once the program is ready. */
export const setAsideDemoFile = (dataDir: string): void => {
  if (existsSync(currentPath(dataDir)) && readServerFile(dataDir) === undefined) renameSync(currentPath(dataDir), previousPath(dataDir));
};

const previousData = (dataDir: string): Partial<DemoData> => {
  try {
    return JSON.parse(readFileSync(previousPath(dataDir), 'utf8')) as Partial<DemoData>;
  } catch {
    return {}; // never written, or written by half: the demo gets people of its own
  }
};

interface Person {
  readonly id: string;
  readonly username: string;
  readonly password: string;
}

const signsIn = async (db: Queryable, passwords: Passwords, username: string | undefined, password: string | undefined): Promise<Person | undefined> => {
  if (username === undefined || password === undefined) return undefined;
  const known = await findPassword(db, username);
  const { fits } = await passwords.check(password, known?.passwordHash);
  return fits && known?.maySignIn === true ? { id: known.userId, username, password } : undefined;
};

const makePerson = async (pool: Pool, passwords: Passwords, wanted: string, userGroup: string): Promise<Person> => {
  const password = randomBytes(18).toString('base64url');
  for (const username of [wanted, `${wanted}-${randomBytes(4).toString('hex')}`]) {
    const outcome = await inTransaction(pool, (client) => register(client, passwords, { username, email: `${username}@example.org`, name: `Demo ${userGroup}`, password, userGroup, creatorId: 'vitalgate' }));
    if ('_id' in outcome) return { id: outcome._id, username, password };
  }
  throw new Error('The demo found no free user name.');
};

const makeKey = (pool: Pool): Promise<string> =>
  inTransaction(pool, async (client) => {
    const { _id, key } = await createApiKey(client, { sender: 'medisante' });
    await recordAudit(client, { actor: 'vitalgate', action: 'create', resource: `api-key/${_id}` });
    return key;
  });

/**
 * Makes a patient, an operator and a webhook key, or takes those of the earlier start that still work.
 * `made` tells whether anything is new.
 */
export const provideDemoData = async (db: Pool, dataDir: string): Promise<{ data: DemoData; made: boolean }> => {
  const passwords = await createPasswords();
  const before = previousData(dataDir);
  const knownPatient = await signsIn(db, passwords, before.username, before.password);
  const knownOperator = await signsIn(db, passwords, before.operatorUsername, before.operatorPassword);
  const knownKey = before.webhookKey !== undefined && (await senderOfKey(db, before.webhookKey)) !== undefined ? before.webhookKey : undefined;
  const patient = knownPatient ?? (await makePerson(db, passwords, 'demo', 'patient'));
  const operator = knownOperator ?? (await makePerson(db, passwords, 'demo-operator', 'operator'));
  const webhookKey = knownKey ?? (await makeKey(db));
  return {
    made: knownPatient === undefined || knownOperator === undefined || knownKey === undefined,
    data: {
      username: patient.username, password: patient.password, patientId: patient.id,
      operatorUsername: operator.username, operatorPassword: operator.password, webhookKey,
    },
  };
};

/** Puts DATA_DIR/demo.json in place, whole and of mode 0600; returns its path. */
export const writeDemoFile = (dataDir: string, addresses: DemoAddresses, data: DemoData): string => {
  writePrivateFile(currentPath(dataDir), `${JSON.stringify({ ...addresses, ...data }, null, 2)}\n`);
  rmSync(previousPath(dataDir), { force: true });
  return currentPath(dataDir);
};
