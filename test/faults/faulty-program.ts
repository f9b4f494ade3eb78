import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startPlainProgram, temporaryDirectory, type Running } from '../../scripts/demo/program.ts';
import { createApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import { createTestDatabase } from '../setup/test-database.ts';
import { addUser, signInAt } from '../setup/vitalgate.ts';
import type { World } from './use-cases.ts';

/** The whole program in a process of its own, whose files, cryptography and clock can be made to fail. */
export interface FaultyProgram extends Pick<Running, 'pid' | 'output'> {
  readonly world: World;
  readonly mailFolder: string;
  /** Tells the process what is to fail (`faulty-process.ts`), and answers how many calls there were before. */
  readonly tell: (plan: object) => Promise<string>;
  /** Ends it as systemd does, and answers its exit code. */
  readonly stop: () => Promise<number | null>;
}

/** Starts one on a database of its own. */
export const startFaultyProgram = async (settings: Readonly<Record<string, string>>): Promise<FaultyProgram> => {
  const [directory, database] = [temporaryDirectory(), await createTestDatabase()];
  const [socket, mailFolder] = [join(directory.path, 'faults'), join(directory.path, 'mail')];
  const serviceToken = randomBytes(32).toString('base64url');
  const { server, pid, output, stop } = await startPlainProgram(directory.path, {
    DATABASE_URL: database.url, SERVICE_TOKEN: serviceToken, PASSWORD_RESETS_PER_HOUR: '10000', UPLOADS_PER_MINUTE: '100000',
    NODE_OPTIONS: `--import ${join(import.meta.dirname, 'faulty-process.ts')}`, FAULTS_SOCKET: socket, ...settings,
  });
  const { bff = '', deviceManager = '', userManager = '' } = server.urls;
  const mailsTo = (address: string): Promise<string[]> => {
    const mails = readdirSync(mailFolder).filter((name) => name.endsWith('.eml')).toSorted();
    return Promise.resolve(mails.map((name) => readFileSync(join(mailFolder, name), 'utf8')).filter((mail) => mail.includes(address)));
  };
  return {
    pid, output, mailFolder,
    world: {
      urls: { bff, deviceManager, userManager }, serviceToken, database, dataDir: directory.path, mailsTo,
      addUser: (user) => addUser(database, user), signIn: (user) => signInAt(bff, user), createWebhookKey: (sender = 'medisante') => createApiKey(database.pool, { sender }),
    },
    tell: (plan) => {
      const asking = connect(socket);
      asking.write(JSON.stringify(plan));
      return text(asking);
    },
    stop: async () => {
      const code = await stop();
      await database.drop();
      directory.remove();
      return code;
    },
  };
};
