import { temporaryDirectory } from '../scripts/demo/program.ts';
import { startEmbeddedServer } from '../src/database/embedded-server.ts';
import { openPool } from '../src/database/pool.ts';
import { openInstallation, type Installation, type Instance } from '../test/faults/installation.ts';
import { medianOf, spreadOf, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { createHeartRates } from './setup/heart-rates.ts';
import { normalizedIn } from './setup/normalized.ts';
import { benchedSettings, newPerson, signInWithWatch } from './setup/person.ts';
import { bodyOf, SAMPLES_PER_UPLOAD, uploadTo } from './setup/uploading.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const uploadsPerRound = Number(process.env['BENCH_UPLOADS'] ?? 24);
const phones = 4;

interface Set {
  readonly bff: string;
  readonly userManager: string;
  readonly instances: readonly Instance[];
}

/** A process of each service, as machines of their own would run them. */
const startSet = async (installation: Installation, name: string): Promise<Set> => {
  const userManager = await installation.add(`user-manager ${name}`, ['user-manager'], benchedSettings);
  const asked = { ...benchedSettings, USER_MANAGER_URL: userManager.urls['user-manager'] ?? '' };
  const deviceManager = await installation.add(`device-manager ${name}`, ['device-manager'], asked);
  const bff = await installation.add(`bff ${name}`, ['bff'], { ...asked, DEVICE_MANAGER_URL: deviceManager.urls['device-manager'] ?? '' });
  const instances = [userManager, deviceManager, bff];
  for (const instance of instances) await instance.start();
  return { bff: bff.urls['bff'] ?? '', userManager: asked.USER_MANAGER_URL, instances };
};

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const server = await startEmbeddedServer({ dataDir: directory.path });
  const { host, user, password, database } = server.connection;
  const installation = openInstallation(`postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}`);
  const pool = openPool(server.connection, () => undefined, 2);
  try {
    const [first, second] = [await startSet(installation, 'one'), await startSet(installation, 'two')];
    const heartRates = createHeartRates();
    const cookies = await Promise.all(Array.from({ length: phones }, async () => {
      const place = { ...first, serviceToken: installation.serviceToken };
      return signInWithWatch(place, await newPerson(place));
    }));
    const measure = async (bffs: readonly string[]) => {
      const bodies = Array.from({ length: uploadsPerRound }, () => bodyOf(heartRates(SAMPLES_PER_UPLOAD)));
      const durableMs = await timeOf(() => Promise.all(cookies.map(async (cookie, phone) => {
        for (let turn = phone; turn < bodies.length; turn += phones) await uploadTo({ bff: bffs[(turn + Math.floor(turn / phones)) % bffs.length] ?? '' }, cookie, bodies[turn] ?? Buffer.alloc(0));
      })));
      const normalizedMs = durableMs + (await timeOf(() => normalizedIn(pool)));
      const rateOf = (ms: number) => (uploadsPerRound * SAMPLES_PER_UPLOAD * 1000) / ms;
      return { durable: rateOf(durableMs), normalized: rateOf(normalizedMs) };
    };
    const figures: Record<'one' | 'two' | 'oneNormalized' | 'twoNormalized', number[]> = { one: [], two: [], oneNormalized: [], twoNormalized: [] };
    for (let round = -1; round < rounds; round += 1) {
      // Stopped, not ended, so that the code of all is warm.
      for (const instance of second.instances) instance.signal('SIGSTOP');
      const one = await measure([first.bff]);
      for (const instance of second.instances) instance.signal('SIGCONT');
      const two = await measure([first.bff, second.bff]);
      if (round < 0) continue; // warms up
      figures.one.push(one.durable);
      figures.two.push(two.durable);
      figures.oneNormalized.push(one.normalized);
      figures.twoNormalized.push(two.normalized);
    }
    return {
      figures: [{ what: 'two processes of each service, uploads until they are durable', against: 'one of each', reached: medianOf(figures.two) / medianOf(figures.one), bound: { is: 'at least', must: 1 } }],
      table: [
        ['processes of each service', 'durable, samples a second', 'normalized, samples a second'],
        ['one', spreadOf(figures.one), spreadOf(figures.oneNormalized)],
        ['two', spreadOf(figures.two), spreadOf(figures.twoNormalized)],
      ],
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
  about: `Two processes of each service on one PostgreSQL beside one of each: ${String(phones)} phones upload new heart rates, 1,000 a request, in turn through the BFFs that run. While one of each
is measured, the others are stopped by SIGSTOP. Ways alternate; one round warms up.`,
  run,
};
