import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { migrateUserManager } from '../../src/schemas.ts';
import { openMailer } from '../../src/user-manager/mail.ts';
import type { Passwords } from '../../src/user-manager/password.ts';
import { createUserManager } from '../../src/user-manager/service.ts';
import { loadUserGroups } from '../../src/user-manager/user-groups.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

export const serviceToken = 's'.repeat(40);
export const password = 'correct horse battery staple';
export const asService = { authorization: `Bearer ${serviceToken}` };

/** A group with custom properties, and one whose members never sign in. */
const groups = [
  {
    userGroup: 'trial', label: 'Trial participants',
    crudSchema: {
      type: 'object',
      properties: {
        site: { type: 'string', maxLength: 20 }, visits: { type: 'integer', minimum: 0 }, consents: { type: 'array', items: { type: 'string' } },
        address: { type: 'object', properties: { city: { type: 'string' }, floor: { type: 'integer' } }, additionalProperties: false },
      },
    },
  },
  { userGroup: 'contact', label: 'Contacts', authUserCreationDisabled: true },
];

/** Settings of a User Manager that sends no mail. */
export const noMail = { mailer: openMailer({ smtpUrl: undefined, from: 'test@example.org', folder: join(tmpdir(), 'no-mail') }), publicUrl: () => undefined, passwordResetMinutes: 30, issuer: () => 'http://user-manager.example', mailFolder: join(tmpdir(), 'no-mail'), hasDeviceManager: false, deviceManagerUrl: () => undefined, patientIdOf: () => undefined, retentionDays: { sessions: 1, resets: 1, bulkJobs: 1, mails: 1 } };

/** The User Manager alone, on a database of its own. */
export interface RunningUserManager {
  readonly database: TestDatabase;
  readonly call: (path: string, init?: RequestInit) => Promise<Response>;
  /** Sends JSON with the service credential unless `headers` says otherwise. */
  readonly send: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>;
  /** Creates a user with the password of this file; answers the id. */
  readonly create: (username: string, more?: object, query?: string) => Promise<string>;
  readonly signIn: (username: string, headers?: Record<string, string>) => Promise<Response>;
  readonly tokens: (username: string) => Promise<{ accessToken: string; refreshToken: string; expireAt: string }>;
  /** Status of /userinfo for a bearer. */
  readonly statusOf: (accessToken: string) => Promise<number>;
  readonly stop: () => Promise<void>;
}

export const startUserManager = async (settings: { readonly userInfoMembers?: readonly string[]; readonly jobs?: readonly string[]; readonly passwords?: Passwords; readonly hasDeviceManager?: boolean } = {}): Promise<RunningUserManager> => {
  const database = await createTestDatabase();
  await migrateUserManager(database.pool);
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-groups-'));
  writeFileSync(join(folder, 'groups.json'), JSON.stringify(groups));
  const service = await createUserManager({
    pool: database.pool, jobPool: database.pool, jobs: settings.jobs ?? [], log: pino({ level: 'silent' }), version: '0.0.0', serviceTokens: [serviceToken],
    groups: loadUserGroups(join(folder, 'groups.json')), userInfoMembers: settings.userInfoMembers, ...noMail, ...(settings.passwords && { passwords: settings.passwords }), ...(settings.hasDeviceManager === true && { hasDeviceManager: true, patientIdOf: (user) => user.id }),
    sessionDurationSeconds: 3600, sessionIdleSeconds: 1800, refreshTokenDurationSeconds: 7200, secureCookies: true, validateResponses: true, warmUp: false,
  });
  const { url } = await service.listen(0, '127.0.0.1');
  const call = (path: string, init: RequestInit = {}) => fetch(`${url}${path}`, init);
  const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = asService) =>
    call(path, { method, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) }, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const signIn = (username: string, headers: Record<string, string> = {}) => send('POST', '/oauth/token', { username, password }, headers);
  return {
    database, call, send, signIn,
    create: async (username, more = {}, query = '') => {
      const answer = await send('POST', `/users${query}`, { username, email: `${username}@example.org`, password, ...more });
      if (answer.status !== 200) throw new Error(`creating answered ${String(answer.status)}: ${await answer.text()}`);
      return ((await answer.json()) as { _id: string })._id;
    },
    tokens: async (username) => (await (await signIn(username)).json()) as { accessToken: string; refreshToken: string; expireAt: string },
    statusOf: async (accessToken) => (await call('/userinfo', { headers: { authorization: `Bearer ${accessToken}` } })).status,
    stop: async () => {
      await service.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
