import { afterAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import { mailsTo } from './mails.ts';
import { chartedPoints, signIn } from './app.ts';
import type { Crowd, Person } from './apps.ts';
import { startCrashingDatabase, type CrashingDatabase } from './crashing-database.ts';
import { openInstallation, type Installation, type Instance } from './installation.ts';
import { untilJobsAreDone } from './jobs-left.ts';
import { readLedger } from './ledger.ts';
import { faultsOf, type Found } from './ledger-check.ts';
import { haunt } from './nemesis.ts';
import { addUser } from './phones.ts';
import { temporaryDirectory } from '../../scripts/demo/program.ts';

/** How often each service is killed and the database crashes: few in CI, more in full size. */
const killsEach = Number(process.env['SERVICE_KILLS'] ?? 50);
const crashes = Number(process.env['DATABASE_CRASHES'] ?? 20);
const seed = Number(process.env['SEED'] ?? 20260801);
const people = 4;
/** Shows that the test can fail: the database answers before a commit is on the disk. */
const hasPlantedFault = process.env['UNWRITTEN_COMMITS'] === '1';

interface Apps {
  readonly acknowledged: () => number;
  /** Each app finishes what it is at, which must be possible now. */
  readonly stop: () => Promise<void>;
  readonly kill: () => void;
}

const startApps = (crowd: Crowd): Apps => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'apps.ts'), JSON.stringify(crowd)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  let acknowledged = 0;
  createInterface({ input: child.stdout }).on('line', () => (acknowledged += 1));
  return {
    acknowledged: () => acknowledged,
    stop: async () => {
      child.stdin.end();
      const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
      expect(await ended).toEqual([0, null]);
      clearTimeout(late);
    },
    kill: () => child.kill('SIGKILL'),
  };
};

const directory = temporaryDirectory();
let database: CrashingDatabase;
let installation: Installation;
let apps: Apps | undefined;
afterAll(async () => {
  apps?.kill(); // after a test that failed they are still at it
  await installation.stop();
  await database.stop();
  directory.remove();
});

interface Services {
  readonly userManager: Instance;
  readonly deviceManager: Instance;
  readonly bff: Instance;
}

const startServices = async (): Promise<Services> => {
  const userManager = await installation.add('user-manager', ['user-manager'], { PUBLIC_URL: 'https://vitalgate.example.org', DEVICE_MANAGER_URL: 'http://127.0.0.1:9' });
  const others = { USER_MANAGER_URL: userManager.urls['user-manager'] ?? '' };
  const deviceManager = await installation.add('device-manager', ['device-manager'], others);
  const bff = await installation.add('bff', ['bff'], { ...others, DEVICE_MANAGER_URL: deviceManager.urls['device-manager'] ?? '' });
  await Promise.all([userManager, deviceManager, bff].map((service) => service.start()));
  return { userManager, deviceManager, bff };
};

const newPerson = async (userManager: string, index: number): Promise<Person> => {
  const added = await addUser({ userManager, serviceToken: installation.serviceToken });
  const { key: webhookKey } = await createApiKey(database.pool, { sender: added._id });
  return { ...added, webhookKey, ledger: join(directory.path, `ledger-${String(index)}`), seed: seed + 100 + index };
};

const keysOf = async (text: string, patientId: string): Promise<string[]> => (await database.pool.query<{ key: string }>(text, [patientId])).rows.map(({ key }) => key);

/** Everything of a person that is there, by the database and by the chart in the app. */
const foundOf = async ({ bff, userManager }: Services, { _id, username, password, email, ledger }: Person): Promise<Found> => {
  const { rows: samples } = await database.pool.query<{ recorded_at: Date; state: string }>('select recorded_at, state from device_manager.whole_sample where patient_id = $1', [_id]);
  const uploads = readLedger(ledger).filter(({ act }) => act === 'upload').flatMap(({ keys }) => keys);
  const latest = uploads.reduce((last, at) => Math.max(last, Date.parse(at)), Date.UTC(2024, 0, 1));
  const seconds = (latest - Date.UTC(2024, 0, 1)) / 1000 + 1;
  const points = await chartedPoints(await signIn({ bff: bff.urls['bff'] ?? '', username, password }), seconds);
  return {
    samples: samples.map(({ recorded_at: at, state }) => ({ at: at.toISOString(), state })),
    charted: points.map((at) => new Date(at).toISOString()),
    deliveries: await keysOf(`select correlation_id as key from device_manager.delivery join device_manager.quarantined_delivery using (sender, correlation_id) where sender = $1`, _id),
    devices: await keysOf('select device_id as key from device_manager.device where owner_patient_id = $1', _id),
    mails: mailsTo(userManager.dataDirectory, email),
  };
};

test(`each of three services is killed ${String(killsEach)} times, their database crashes ${String(crashes)} times: nothing acknowledged is lost, nothing doubled`, async () => {
  database = await startCrashingDatabase();
  installation = openInstallation(hasPlantedFault ? `${database.url}&options=-c%20synchronous_commit%3Doff` : database.url);
  const services = await startServices();
  const crowd: Crowd = {
    bff: services.bff.urls['bff'] ?? '', deviceManager: services.deviceManager.urls['device-manager'] ?? '',
    people: await Promise.all(Array.from({ length: people }, (_, index) => newPerson(services.userManager.urls['user-manager'] ?? '', index))),
  };
  const started = (apps = startApps(crowd));
  const deeds = await haunt({ services: [services.userManager, services.deviceManager, services.bff], database, killsEach, crashes, seed, acknowledged: started.acknowledged });
  await started.stop();
  await untilJobsAreDone(database.pool);
  const faults = await Promise.all(crowd.people.map(async (person) => faultsOf(readLedger(person.ledger), await foundOf(services, person))));
  expect(faults).toEqual(crowd.people.map(() => []));
  expect(deeds).toMatchObject({ kills: { 'user-manager': killsEach, 'device-manager': killsEach, bff: killsEach }, crashes });
  process.stderr.write(`${JSON.stringify({ ...deeds, acknowledged: started.acknowledged() })}\n`);
}, 300_000 + killsEach * 30_000);
