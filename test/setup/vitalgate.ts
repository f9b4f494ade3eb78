import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { readConfig, type Config } from '../../src/config.ts';
import { configurationDigest } from '../../src/config/digest.ts';
import { openPool, type Connection } from '../../src/database/pool.ts';
import { createApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import { createPasswords, type Passwords } from '../../src/user-manager/password.ts';
import { register } from '../../src/user-manager/registration.ts';
import { startVitalgate } from '../../src/vitalgate.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

/** A person who can sign in. */
export interface TestUser {
  readonly id: string;
  readonly username: string;
  readonly password: string;
}

/** The whole program in this process, on a database of its own. */
export interface TestVitalgate {
  readonly urls: { readonly bff: string; readonly deviceManager: string; readonly userManager: string };
  readonly serviceToken: string;
  /** What the operator was told at start. */
  readonly notices: readonly string[];
  readonly database: TestDatabase;
  readonly addUser: (user?: { readonly username?: string; readonly userGroup?: string }) => Promise<TestUser>;
  readonly createWebhookKey: (sender?: string) => Promise<{ _id: string; key: string }>;
  /** Signs in at the BFF and returns the Cookie header. */
  readonly signIn: (user: TestUser) => Promise<string>;
  /** Where its keys, mails and journal are. */
  readonly dataDir: string;
  /** Everything written to the log so far. */
  readonly logged: () => string;
  readonly stop: () => Promise<void>;
}

const inventory = (lines: string[]): Logger => pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });

let passwords: Promise<Passwords> | undefined;

/** Adds a person to the tables of a User Manager. */
export const addUser = async (database: Pick<TestDatabase, 'pool'>, { username = `user-${randomBytes(4).toString('hex')}`, userGroup = 'patient' } = {}): Promise<TestUser> => {
  const password = randomBytes(18).toString('base64url');
  const outcome = await register(database.pool, await (passwords ??= createPasswords()), { username, email: `${username}@example.org`, password, userGroup, creatorId: 'test' });
  if (!('_id' in outcome)) throw new Error('the user was refused');
  return { id: outcome._id, username, password };
};

/** Signs in at a BFF and returns the Cookie header. */
export const signInAt = async (bff: string, { username, password }: TestUser): Promise<string> => {
  const answer = await fetch(`${bff}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  if (!answer.ok || cookie === undefined) throw new Error(`sign-in answered ${answer.status}: ${await answer.text()}`);
  return cookie;
};

/** The database of a server of the program's own, which goes with it. */
const databaseOf = (connection: Connection | undefined): TestDatabase => {
  if (connection === undefined) throw new Error('the program has no database');
  const pool = openPool(connection, () => undefined);
  return { connection, url: '', pool, drop: () => pool.end() };
};

/**
 * Starts all three services on free ports; answers that break their contract are internal errors; jobs run. `by` names another way to
 * the database, or has the program start a server of its own.
 */
export const startTestVitalgate = async (settings: Partial<Config> = {}, by: 'own-server' | ((databaseUrl: string) => Promise<string>) = (url) => Promise.resolve(url)): Promise<TestVitalgate> => {
  const shared = by === 'own-server' ? undefined : await createTestDatabase('migrated');
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-test-data-'));
  const lines: string[] = [];
  const place = shared && by !== 'own-server' ? { DATABASE_URL: await by(shared.url) } : {};
  const config = { ...readConfig({ BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', DATA_DIR: dataDir }), ...place, ...settings };
  const vitalgate = await startVitalgate(config, {
    log: inventory(lines),
    validateResponses: true,
    configurationDigest: configurationDigest(config),
    warmUp: false,
    onFatal: (reason) => {
      throw new Error(reason);
    },
  });
  const database = shared ?? databaseOf(vitalgate.database);
  const { bff = '', deviceManager = '', userManager = '' } = vitalgate.urls;
  return {
    urls: { bff, deviceManager, userManager },
    serviceToken: vitalgate.serviceToken,
    notices: vitalgate.notices,
    database,
    addUser: (user) => addUser(database, user),
    createWebhookKey: (sender = 'medisante') => createApiKey(database.pool, { sender }),
    signIn: (user) => signInAt(bff, user),
    logged: () => lines.join(''),
    dataDir: config.DATA_DIR,
    stop: async () => {
      if (shared === undefined) await database.drop();
      await vitalgate.stop();
      await shared?.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};
