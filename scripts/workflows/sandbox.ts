import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { readConfig } from '../../src/config.ts';
import { configurationDigest } from '../../src/config/digest.ts';
import { openPool } from '../../src/database/pool.ts';
import { createApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import { mailFolderIn } from '../../src/data-files.ts';
import { startVitalgate, type Vitalgate } from '../../src/vitalgate.ts';
import { temporaryDirectory } from '../demo/program.ts';

/** The whole program on data of its own, with Anna Rossi and the key of a webhook sender. */
export interface Sandbox {
  readonly urls: Vitalgate['urls'];
  readonly serviceToken: string;
  readonly webhookKey: string;
  readonly anna: { readonly username: string; readonly password: string; readonly email: string };
  /** Token of the link that is mailed to Anna; waits for the mail. */
  readonly mailedToken: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Shorter than settings allow: nobody waits for an hour to see a session end. */
const SESSION_SECONDS = 15;
const MAIL_WITHIN_MS = 60_000;

const anna = { username: 'anna', password: 'correct horse battery staple', email: 'anna.rossi@example.org' };

const createAnna = async ({ urls, serviceToken }: Vitalgate): Promise<void> => {
  const answer = await fetch(`${urls.userManager ?? ''}/users`, {
    method: 'POST',
    headers: { authorization: `Bearer ${serviceToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...anna, name: 'Anna Rossi', userGroup: 'patient' }),
  });
  if (!answer.ok) throw new Error(`Anna was refused: ${answer.status} ${await answer.text()}`);
};

const createKey = async ({ database }: Vitalgate): Promise<string> => {
  if (database === undefined) throw new Error('the program has no database');
  const pool = openPool(database, () => undefined, 1);
  try {
    return (await createApiKey(pool, { sender: 'medisante' })).key;
  } finally {
    await pool.end();
  }
};

const tokenIn = async (folder: string): Promise<string> => {
  for (let waitedMs = 0; waitedMs < MAIL_WITHIN_MS; waitedMs += 100) {
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.eml')) : [];
    const mails = names.map((name) => readFileSync(join(folder, name), 'utf8'));
    const token = mails.map((mail) => /#token=([\w-]+)/.exec(mail)?.[1]).find((one) => one !== undefined);
    if (token !== undefined) return token;
    await sleep(100);
  }
  throw new Error(`no link was mailed within ${MAIL_WITHIN_MS} ms`);
};

/** Starts it on free ports. Rejects when it does not start. */
export const startSandbox = async (): Promise<Sandbox> => {
  const folder = temporaryDirectory();
  const settings = readConfig({ BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', DATA_DIR: folder.path });
  const config = { ...settings, SESSION_DURATION_SECONDS: SESSION_SECONDS };
  const program = await startVitalgate(config, {
    log: pino({ level: 'silent' }),
    validateResponses: true,
    configurationDigest: configurationDigest(config),
    onFatal: (reason) => {
      throw new Error(reason);
    },
  });
  const stop = async (): Promise<void> => {
    await program.stop();
    folder.remove();
  };
  try {
    await createAnna(program);
    return { urls: program.urls, serviceToken: program.serviceToken, webhookKey: await createKey(program), anna, mailedToken: () => tokenIn(mailFolderIn(config)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
