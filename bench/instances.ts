/**
 * Two processes of each service on one PostgreSQL beside one of each: four phones upload 1,000 new heart rates a request, compressed, in
 * turn through the BFFs that run, until all is durable; then job workers, in processes of their own, normalize all of it. What is not
 * measured is stopped by SIGSTOP, so that all code is warm and services and workers are not in each other's way. Rounds alternate, medians
 * are printed; exits non-zero when two are slower than one. Processor time is that of all processes and of PostgreSQL: it tells contention
 * also where others use the machine, whose scheduler gives two processes more than one.
 * Usage: npm run bench -- instances
 */
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { startEmbeddedServer } from '../src/database/embedded-server.ts';
import { openPool } from '../src/database/pool.ts';
import { openInstallation, type Installation, type Instance } from '../test/faults/installation.ts';
import { createHeartRates } from './heart-rates.ts';
import { normalizedIn } from './normalized.ts';
import { newPerson, signInWithWatch } from './person.ts';
import { processorTimes } from './processor-time.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const uploadsPerRound = Number(process.env['BENCH_UPLOADS'] ?? 24);
const uploadsToConnect = 16;
const samplesPerUpload = 1000;
const phones = 4;
const mustReach = 1;

const medianOf = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
const figure = (value: number) => Math.round(value).toLocaleString('en');

/** Samples a second: until durable, from then until normalized, and both; processor time of a sample in microseconds. */
interface Rates {
  readonly durable: number;
  readonly normalizing: number;
  readonly whole: number;
  readonly processorUs: number;
}

/** A process of each service and a job worker, as machines of their own would run them. */
interface ProcessSet {
  readonly bff: string;
  readonly userManager: string;
  readonly services: readonly Instance[];
  readonly worker: Instance;
}

const startSet = async (installation: Installation, name: string): Promise<ProcessSet> => {
  const userManager = await installation.add(`user-manager ${name}`, ['user-manager']);
  const asked = { USER_MANAGER_URL: userManager.urls['user-manager'] ?? '' };
  const deviceManager = await installation.add(`device-manager ${name}`, ['device-manager'], { ...asked, JOBS: 'none' });
  const bff = await installation.add(`bff ${name}`, ['bff'], { ...asked, DEVICE_MANAGER_URL: deviceManager.urls['device-manager'] ?? '' });
  const worker = await installation.add(`worker ${name}`, ['device-manager'], asked);
  const services = [userManager, deviceManager, bff];
  for (const instance of [...services, worker]) await instance.start();
  return { bff: bff.urls['bff'] ?? '', userManager: asked.USER_MANAGER_URL, services, worker };
};

const stop = (instances: readonly Instance[]): void => instances.forEach(({ signal }) => signal('SIGSTOP'));
const goOn = (instances: readonly Instance[]): void => instances.forEach(({ signal }) => signal('SIGCONT'));

const directory = temporaryDirectory();
const server = await startEmbeddedServer({ dataDir: directory.path });
const { host, user, password, database } = server.connection;
const installation = openInstallation(`postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}`);
const pool = openPool(server.connection, () => undefined, 2);
try {
  const sets = [await startSet(installation, 'one'), await startSet(installation, 'two')];
  const [first] = sets;
  if (first === undefined) throw new Error('nothing runs');
  const heartRates = createHeartRates();
  const cookies = await Promise.all(Array.from({ length: phones }, async () => {
    const place = { ...first, serviceToken: installation.serviceToken };
    return signInWithWatch(place, await newPerson(place));
  }));
  const upload = async (bff: string, cookie: string, body: Buffer): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', cookie, 'x-request-id': randomUUID() };
    const answer = await fetch(`${bff}/health-data?type=HeartRate&unit=bpm`, { method: 'POST', headers, body: new Uint8Array(body) });
    const text = await answer.text();
    if (!answer.ok || (JSON.parse(text) as { created?: number }).created !== samplesPerUpload) throw new Error(`an upload answered ${String(answer.status)} ${text.slice(0, 500)}`);
  };
  const bodiesOf = (uploads: number): Buffer[] => Array.from({ length: uploads }, () => gzipSync(JSON.stringify(heartRates(samplesPerUpload))));
  const uploadAll = (running: readonly ProcessSet[], bodies: readonly Buffer[]): Promise<unknown> =>
    Promise.all(cookies.map(async (cookie, phone) => {
      for (let turn = phone; turn < bodies.length; turn += phones) await upload(running[(turn + Math.floor(turn / phones)) % running.length]?.bff ?? '', cookie, bodies[turn] ?? Buffer.alloc(0));
    }));
  const normalizeAll = async (running: readonly ProcessSet[]): Promise<void> => {
    goOn(running.map(({ worker }) => worker));
    await normalizedIn(pool);
    stop(sets.map(({ worker }) => worker));
  };
  const measure = async (running: readonly ProcessSet[]): Promise<Rates> => {
    const samples = uploadsPerRound * samplesPerUpload;
    goOn(running.flatMap(({ services }) => services));
    // Connections that were idle while a process was stopped are gone.
    await uploadAll(running, bodiesOf(uploadsToConnect));
    await normalizeAll(running);
    const bodies = bodiesOf(uploadsPerRound);
    const [started, before] = [performance.now(), processorTimes(process.pid).children];
    await uploadAll(running, bodies);
    const durable = performance.now();
    stop(sets.flatMap(({ services }) => services));
    await normalizeAll(running);
    const ended = performance.now();
    const rate = (ms: number) => (samples * 1000) / ms;
    return { durable: rate(durable - started), normalizing: rate(ended - durable), whole: rate(ended - started), processorUs: ((processorTimes(process.pid).children - before) * 1000) / samples };
  };
  stop(sets.flatMap(({ services, worker }) => [...services, worker]));
  const measured: Record<'one' | 'two', Rates[]> = { one: [], two: [] };
  for (let round = -1; round < rounds; round += 1) {
    // Each comes first in turn.
    const [a, b] = round % 2 === 0 ? [sets.slice(0, 1), sets] : [sets, sets.slice(0, 1)];
    const [before, after] = [await measure(a), await measure(b)];
    const [one, two] = a.length === 1 ? [before, after] : [after, before];
    // The first round warms up.
    if (round < 0) continue;
    measured.one.push(one);
    measured.two.push(two);
  }
  const ratioOf = (what: keyof Rates): number => medianOf(measured.two.map((two, round) => two[what] / (measured.one[round]?.[what] ?? Number.NaN)));
  for (const what of ['durable', 'normalizing', 'whole', 'processorUs'] as const) {
    const told = (count: 'one' | 'two') => {
      const figures = measured[count].map((rates) => rates[what]);
      return `${figure(medianOf(figures))} (${figure(Math.min(...figures))} to ${figure(Math.max(...figures))})`;
    };
    console.log(`  ${what.padEnd(12)} one ${told('one')}, two ${told('two')} ${what === 'processorUs' ? 'a sample' : 'samples a second'}, ratio ${ratioOf(what).toFixed(2)}`);
  }
  const reached = { durable: ratioOf('durable'), whole: ratioOf('whole') };
  const holds = Math.min(reached.durable, reached.whole) >= mustReach;
  const size = `${String(rounds)} rounds of ${figure(uploadsPerRound * samplesPerUpload)} samples, ${String(phones)} phones`;
  console.log(`two of each service against one: ${reached.durable.toFixed(2)} until durable, ${reached.whole.toFixed(2)} until normalized, ${holds ? 'no loss' : `below ${String(mustReach)}`} (${size})`);
  if (!holds) process.exitCode = 1;
} finally {
  await pool.end();
  await installation.stop();
  await server.stop();
  directory.remove();
}
