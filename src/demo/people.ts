import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { createApiKey } from '../device-manager/storage/api-key-table.ts';
import { recordAudit } from '../device-manager/storage/audit-table.ts';
import { writePrivateFile } from '../server-file.ts';
import { createPasswords, type Passwords } from '../user-manager/password.ts';
import { register } from '../user-manager/registration.ts';

/** The people and keys of a demo, as its file `demo.json` names them. */
export interface DemoPeople {
  /** Ben Rossi, who has enrolled nothing and uploaded nothing yet. */
  readonly username: string;
  readonly password: string;
  readonly patientId: string;
  /** Anna Rossi of the specifications' examples, with her watch, her cuff and some weeks of data. */
  readonly annaUsername: string;
  readonly annaPassword: string;
  readonly annaPatientId: string;
  readonly operatorUsername: string;
  readonly operatorPassword: string;
  /** Opens the webhook for the sender `medisante`. */
  readonly webhookKey: string;
}

/** Where the services are that the demo talks to, and what services show each other. */
export interface DemoAddresses {
  readonly bff: string;
  readonly deviceManager: string;
  readonly userManager: string;
  readonly serviceToken: string;
}

interface Person {
  readonly id: string;
  readonly username: string;
  readonly password: string;
}

const makePerson = async (pool: Pool, passwords: Passwords, username: string, name: string, userGroup: string): Promise<Person> => {
  // No password is the same in two demos: a demo that listens where others reach it is no open door.
  const password = randomBytes(18).toString('base64url');
  const email = `${name.toLowerCase().replace(' ', '.')}@example.org`;
  const outcome = await inTransaction(pool, (client) => register(client, passwords, { username, email, name, password, userGroup, creatorId: 'vitalgate' }));
  if (!('_id' in outcome)) throw new Error(`The user ${username} of the demo cannot be made.`);
  return { id: outcome._id, username, password };
};

const makeKey = (pool: Pool): Promise<string> =>
  inTransaction(pool, async (client) => {
    const { _id, key } = await createApiKey(client, { sender: 'medisante' });
    await recordAudit(client, { actor: 'vitalgate', action: 'create', resource: `api-key/${_id}` });
    return key;
  });

/** Makes the people and the webhook key of a demo in a database that has none of them; throws when a name is taken. */
export const makeDemoPeople = async (pool: Pool): Promise<DemoPeople> => {
  const passwords = await createPasswords();
  const ben = await makePerson(pool, passwords, 'ben', 'Ben Rossi', 'patient');
  const anna = await makePerson(pool, passwords, 'anna', 'Anna Rossi', 'patient');
  const operator = await makePerson(pool, passwords, 'demo-operator', 'Olga Operator', 'operator');
  return {
    username: ben.username, password: ben.password, patientId: ben.id,
    annaUsername: anna.username, annaPassword: anna.password, annaPatientId: anna.id,
    operatorUsername: operator.username, operatorPassword: operator.password,
    webhookKey: await makeKey(pool),
  };
};

/** Puts `demo.json` in place, whole and of mode 0600; returns its path. */
export const writeDemoFile = (dataDir: string, addresses: DemoAddresses, people: DemoPeople): string => {
  const path = join(dataDir, 'demo.json');
  writePrivateFile(path, `${JSON.stringify({ ...addresses, ...people }, null, 2)}\n`);
  return path;
};
