/**
 * Two processes of each service on one PostgreSQL beside one of each: four phones upload 1,000 new heart rates a request, compressed, in
 * turn through the BFFs that run, until all is durable, and until all is normalized. While one of each is measured, the others are
 * stopped by SIGSTOP, so that all code is warm. Rounds alternate, medians are printed; exits non-zero when two are slower than one.
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

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const uploadsPerRound = Number(process.env['BENCH_UPLOADS'] ?? 24);
const samplesPerUpload = 1000;
const phones = 4;
const mustReach = 1;

const medianOf = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
const figure = (value: number) => Math.round(value).toLocaleString('en');

/** A process of each service, as machines of their own would run them. */
const startSet = async (installation: Installation, name: string): Promise<{ readonly bff: string; readonly userManager: string; readonly instances: readonly Instance[] }> => {
  const userManager = await installation.add(`user-manager ${name}`, ['user-manager']);
  const asked = { USER_MANAGER_URL: userManager.urls['user-manager'] ?? '' };
  const deviceManager = await installation.add(`device-manager ${name}`, ['device-manager'], asked);
  const bff = await installation.add(`bff ${name}`, ['bff'], { ...asked, DEVICE_MANAGER_URL: deviceManager.urls['device-manager'] ?? '' });
  const instances = [userManager, deviceManager, bff];
  for (const instance of instances) await instance.start();
  return { bff: bff.urls['bff'] ?? '', userManager: asked.USER_MANAGER_URL, instances };
};

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
  const upload = async (bff: string, cookie: string, body: Buffer): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', cookie, 'x-request-id': randomUUID() };
    const answer = await fetch(`${bff}/health-data?type=HeartRate&unit=bpm`, { method: 'POST', headers, body: new Uint8Array(body) });
    const text = await answer.text();
    if (!answer.ok || (JSON.parse(text) as { created?: number }).created !== samplesPerUpload) throw new Error(`an upload answered ${String(answer.status)} ${text.slice(0, 500)}`);
  };
  const measure = async (bffs: readonly string[]): Promise<{ readonly durable: number; readonly normalized: number }> => {
    const bodies = Array.from({ length: uploadsPerRound }, () => gzipSync(JSON.stringify(heartRates(samplesPerUpload))));
    const started = performance.now();
    const rate = () => (uploadsPerRound * samplesPerUpload * 1000) / (performance.now() - started);
    await Promise.all(cookies.map(async (cookie, phone) => {
      for (let turn = phone; turn < bodies.length; turn += phones) await upload(bffs[(turn + Math.floor(turn / phones)) % bffs.length] ?? '', cookie, bodies[turn] ?? Buffer.alloc(0));
    }));
    const durable = rate();
    await normalizedIn(pool);
    return { durable, normalized: rate() };
  };
  const measured: Record<'one' | 'two', { durable: number; normalized: number }[]> = { one: [], two: [] };
  for (let round = -1; round < rounds; round += 1) {
    for (const instance of second.instances) instance.signal('SIGSTOP');
    const one = await measure([first.bff]);
    for (const instance of second.instances) instance.signal('SIGCONT');
    const two = await measure([first.bff, second.bff]);
    // The first round warms up.
    if (round < 0) continue;
    measured.one.push(one);
    measured.two.push(two);
  }
  const ratios = (['durable', 'normalized'] as const).map((until) => {
    const of = (count: 'one' | 'two') => measured[count].map((rate) => rate[until]);
    const told = (count: 'one' | 'two') => `${figure(medianOf(of(count)))} (${figure(Math.min(...of(count)))} to ${figure(Math.max(...of(count)))})`;
    const ratio = medianOf(of('two').map((rate, round) => rate / (of('one')[round] ?? Number.NaN)));
    console.log(`  ${until.padEnd(11)} one ${told('one')}, two ${told('two')} samples a second, ratio ${ratio.toFixed(2)}`);
    return ratio;
  });
  const reached = ratios[0] ?? 0;
  console.log(`two of each service against one: ${reached.toFixed(2)} until durable, ${reached >= mustReach ? 'no loss' : `below ${String(mustReach)}`} (${String(rounds)} rounds of ${figure(uploadsPerRound * samplesPerUpload)} samples, ${String(phones)} phones)`);
  if (!(reached >= mustReach)) process.exitCode = 1;
} finally {
  await pool.end();
  await installation.stop();
  await server.stop();
  directory.remove();
}
