import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startPlainProgram, temporaryDirectory, type Running } from '../../scripts/demo/program.ts';
import { createApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { answered } from '../device-manager/client.ts';
import type { Cut } from '../players/network.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { addUser, signInAt } from '../setup/vitalgate.ts';
import { jobUseCases } from './job-use-cases.ts';
import { sweep, sweptJobs, type FailingCalls } from './sweep.ts';
import { useCases, type World } from './use-cases.ts';

const directory = temporaryDirectory();
const socket = join(directory.path, 'failing-calls');
const mailFolder = join(directory.path, 'mail');

let [database, tmm, program, world]: [TestDatabase, TherapyMonitoringPlayer, Running, World] = [] as never;

/** Tells the program what is to fail, and answers how many calls there were before. */
const tell = (plan: object): Promise<string> => {
  const asking = connect(socket);
  asking.write(JSON.stringify(plan));
  return text(asking);
};

const callsOf = (kind: 'files' | 'cryptography'): FailingCalls => ({
  calls: async () => Number(await tell({})),
  cutAt: (at, cut) => tell({ kind, at, isAfter: cut === 'after', seen: 0 }),
  mend: () => tell({ at: 0 }),
});

const mailsTo = (address: string): Promise<string[]> => {
  const mails = readdirSync(mailFolder).filter((name) => name.endsWith('.eml')).toSorted();
  return Promise.resolve(mails.map((name) => readFileSync(join(mailFolder, name), 'utf8')).filter((mail) => mail.includes(address)));
};

beforeAll(async () => {
  [database, tmm] = [await createTestDatabase(), await startTherapyMonitoring()];
  const serviceToken = randomBytes(32).toString('base64url');
  const started = await startPlainProgram(directory.path, {
    DATABASE_URL: database.url, SERVICE_TOKEN: serviceToken, JOBS: sweptJobs.join(','), TMM_SERVICE_URL: tmm.url, TMM_RETRY_SECONDS: '1', PASSWORD_RESETS_PER_HOUR: '10000', UPLOADS_PER_MINUTE: '100000',
    NODE_OPTIONS: `--import ${join(import.meta.dirname, 'failing-calls.ts')}`, FAILING_CALLS: socket,
  });
  program = started;
  const { bff = '', deviceManager = '', userManager = '' } = started.server.urls;
  tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${deviceManager}/prototypes`)));
  world = {
    urls: { bff, deviceManager, userManager }, serviceToken, database, dataDir: directory.path, mailsTo,
    addUser: (user) => addUser(database, user), signIn: (user) => signInAt(bff, user), createWebhookKey: (sender = 'medisante') => createApiKey(database.pool, { sender }),
  };
});
afterAll(async () => {
  expect(await program.stop()).toBe(0);
  await tmm.kill();
  await database.drop();
  directory.remove();
});

const swept = async (name: string, kind: 'files' | 'cryptography', cut: Cut): Promise<number> => {
  const prepare = { ...useCases(world), ...jobUseCases(world, tmm) }[name];
  if (prepare === undefined) throw new Error(name);
  return sweep({ world, name, prepare, calls: callsOf(kind), cut, mayBreak: true });
};

describe('when the n-th call of cryptography throws', () => {
  test.each([...Object.keys(useCases({} as World)), ...Object.keys(jobUseCases({} as World, {} as TherapyMonitoringPlayer))])('%s is answered by a problem or done, and done once when it is repeated', async (name) => {
    expect(await swept(name, 'cryptography', 'before')).toBeGreaterThan(0);
  });
});

describe.each(['before', 'after'] as const)('when the n-th call to files fails %s it is done', (cut) => {
  test.each(['a wish for a new password', 'setting a new password', 'an erasure of all of a patient'])('%s is done once in the end', async (name) => {
    expect(await swept(name, 'files', cut)).toBeGreaterThan(0);
    // No part of a mail stays behind: it holds a link, or an address.
    expect(readdirSync(mailFolder).filter((file) => !file.endsWith('.eml'))).toEqual([]);
  });
});
