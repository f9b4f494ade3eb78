import { temporaryDirectory } from '../scripts/demo/program.ts';
import { startEmbeddedServer } from '../src/database/embedded-server.ts';
import { openPool } from '../src/database/pool.ts';
import { openInstallation, type Installation, type Instance } from '../test/faults/installation.ts';
import { medianOf, spreadOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { createHeartRates } from './setup/heart-rates.ts';
import { normalizedIn } from './setup/normalized.ts';
import { benchedSettings, newPerson, signInWithWatch } from './setup/person.ts';
import { processorTimes } from './setup/processor-time.ts';
import { bodyOf, SAMPLES_PER_UPLOAD, uploadTo } from './setup/uploading.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const uploadsPerRound = Number(process.env['BENCH_UPLOADS'] ?? 24);
const uploadsToConnect = 8;
const phones = 4;

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
  const userManager = await installation.add(`user-manager ${name}`, ['user-manager'], { ...benchedSettings, DEVICE_MANAGER_URL: 'http://127.0.0.1:9' }); // nobody is erased
  const asked = { ...benchedSettings, USER_MANAGER_URL: userManager.urls['user-manager'] ?? '' };
  const deviceManager = await installation.add(`device-manager ${name}`, ['device-manager'], { ...asked, JOBS: 'none' });
  const bff = await installation.add(`bff ${name}`, ['bff'], { ...asked, DEVICE_MANAGER_URL: deviceManager.urls['device-manager'] ?? '' });
  const worker = await installation.add(`worker ${name}`, ['device-manager'], asked);
  const services = [userManager, deviceManager, bff];
  for (const instance of [...services, worker]) await instance.start();
  return { bff: bff.urls['bff'] ?? '', userManager: asked.USER_MANAGER_URL, services, worker };
};

const stop = (instances: readonly Instance[]): void => instances.forEach(({ signal }) => signal('SIGSTOP'));
const goOn = (instances: readonly Instance[]): void => instances.forEach(({ signal }) => signal('SIGCONT'));

const run = async (): Promise<Findings> => {
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
    const bodiesOf = (uploads: number): Buffer[] => Array.from({ length: uploads }, () => bodyOf(heartRates(SAMPLES_PER_UPLOAD)));
    const uploadAll = (running: readonly ProcessSet[], bodies: readonly Buffer[]): Promise<unknown> =>
      Promise.all(cookies.map(async (cookie, phone) => {
        for (let turn = phone; turn < bodies.length; turn += phones) await uploadTo({ bff: running[(turn + Math.floor(turn / phones)) % running.length]?.bff ?? '' }, cookie, bodies[turn] ?? Buffer.alloc(0));
      }));
    const normalizeAll = async (running: readonly ProcessSet[]): Promise<void> => {
      goOn(running.map(({ worker }) => worker));
      await normalizedIn(pool);
      stop(sets.map(({ worker }) => worker));
    };
    const measure = async (running: readonly ProcessSet[]): Promise<Rates> => {
      const samples = uploadsPerRound * SAMPLES_PER_UPLOAD;
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
      const [one, two] = [await measure(sets.slice(0, 1)), await measure(sets)];
      if (round < 0) continue; // warms up
      measured.one.push(one);
      measured.two.push(two);
    }
    const ratioOf = (what: keyof Rates): number => medianOf(measured.two.map((two, round) => two[what] / (measured.one[round]?.[what] ?? Number.NaN)));
    const rowOf = (count: 'one' | 'two'): string[] => [count, ...(['durable', 'normalizing', 'whole', 'processorUs'] as const).map((what) => spreadOf(measured[count].map((rates) => rates[what])))];
    const bound = { is: 'at least', must: 1 } as const;
    return {
      figures: [
        { what: 'two processes of each service, uploads until they are durable', against: 'one of each', reached: ratioOf('durable'), bound },
        { what: 'two processes of each service and two job workers, until all is normalized', against: 'one of each', reached: ratioOf('whole'), bound },
      ],
      table: [['processes of each', 'durable, samples a second', 'normalizing them', 'both, one after the other', 'processor time of all, µs a sample'], rowOf('one'), rowOf('two')],
    };
  } finally {
    await pool.end();
    await installation.stop();
    await server.stop();
    directory.remove();
  }
};

/** Whether more processes on the same machine get into each other's way. */
export const benchmark: Benchmark = {
  title: 'Instances',
  about: `Two processes of each service on one PostgreSQL beside one of each: ${String(phones)} phones upload new heart rates, ${SAMPLES_PER_UPLOAD.toLocaleString('en')} a request, in turn through the BFFs that run, until all is durable; then
job workers, in processes of their own, normalize all of it. What is not measured is stopped by SIGSTOP, so that all code is warm and services and workers are not in each
other's way. Ways alternate; one round warms up. Processor time is that of all processes and of PostgreSQL: it tells contention also where others use the machine, whose
scheduler gives two processes more than one.`,
  run,
};
