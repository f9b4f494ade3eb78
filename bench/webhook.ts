import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { createApiKey } from '../src/device-manager/storage/api-key-table.ts';
import { simulatedDelivery, simulatedDevices } from '../src/simulator/medisante.ts';
import { createRandom } from '../src/simulator/random.ts';
import { formats } from '../src/simulator/writing.ts';
import type { Benchmark, Findings } from './setup/benchmark.ts';
import { startBenched, type BenchedProgram } from './setup/person.ts';
import { residentMiB } from './setup/processor-time.ts';

const perSecond = 50;
const deliveries = 1000;
const rounds = 7;
const MiB = 1024 * 1024;

const fill = (unit: string, bytes = 10 * MiB - 100): string => unit.repeat(Math.floor(bytes / unit.length));

const hostile: Readonly<Record<string, readonly [contentType: string, body: () => string]>> = {
  'XML: external entity': ['application/xml', () => '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/hostname">]><m>&x;</m>'],
  'XML: expanding entity, 2 MiB': ['application/xml', () => `<!DOCTYPE m [<!ENTITY a "${fill('a', MiB)}">]><m>${fill('&a;', MiB)}</m>`],
  'XML: 10,000 levels': ['application/xml', () => '<a>'.repeat(10_000)],
  'XML: 2.6 million elements, 10 MiB': ['application/xml', () => `<m>${fill('<a/>')}</m>`],
  'XML: a tag without end, 10 MiB': ['application/xml', () => `<m ${fill('a')}`],
  'XML: a text without end, 10 MiB': ['application/xml', () => `<m>${fill('a')}`],
  'JSON: 5 million levels, 5 MiB': ['application/json', () => fill('[', 5 * MiB)],
  'JSON: 5 million numbers, 10 MiB': ['application/json', () => `[${fill('1,')}1]`],
  'JSON: an object without end, 10 MiB': ['application/json', () => `{${fill('"a":{')}`],
  'JSON: a text without end, 10 MiB': ['application/json', () => `{"a":"${fill('a')}`],
  'JSON: one member a million times, 7 MiB': ['application/json', () => `{${fill('"a":1,', 7 * MiB)}"a":1}`],
  'JSON: 11 MiB': ['application/json', () => `{"a":"${'a'.repeat(11 * MiB)}"}`],
};

const percentile = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
const ms = (value: number): string => value.toFixed(1);

type Post = (contentType: string, body: string) => Promise<{ status: number; took: number }>;

const poster = async ({ database, deviceManager }: BenchedProgram): Promise<Post> => {
  const pool = openPool(database, () => undefined, 1);
  const { key } = await createApiKey(pool, { sender: 'bench' });
  await pool.end();
  return async (contentType, body) => {
    const started = performance.now();
    const answer = await fetch(`${deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': contentType, 'x-api-key': key }, body });
    await answer.arrayBuffer();
    return { status: answer.status, took: performance.now() - started };
  };
};

const keepPace = async (post: Post, format: (typeof formats)[number]): Promise<string[]> => {
  const random = createRandom(1);
  const run = { run: `bench-${format}`, nowMs: Date.now(), format };
  const [device] = simulatedDevices(random, 1, run.run);
  if (device === undefined) throw new Error('there is no device');
  const started = performance.now();
  const answers = await Promise.all(Array.from({ length: deliveries }, async (_, index) => {
    await sleep(Math.max(0, (1000 * index) / perSecond - (performance.now() - started)));
    const { contentType, body } = simulatedDelivery(random, device, undefined, run);
    return post(contentType, body);
  }));
  if (answers.some(({ status }) => status !== 200)) throw new Error(`a delivery in ${format} was not kept`);
  const took = answers.map((one) => one.took).toSorted((a, b) => a - b);
  return [`\`${format}\``, '200', ...[0.5, 0.95, 0.99, 1].map((share) => ms(percentile(took, share))), ''];
};

const attack = async (post: Post, pid: number, name: string): Promise<string[]> => {
  const [contentType, bodyOf] = hostile[name] ?? ['', () => ''];
  const body = bodyOf();
  const before = residentMiB(pid);
  const answers = [];
  for (let round = 0; round < rounds; round += 1) answers.push(await post(contentType, body));
  const took = answers.map((one) => one.took).toSorted((a, b) => a - b);
  return [name, String(answers[0]?.status), ms(percentile(took, 0.5)), '', '', ms(percentile(took, 1)), (residentMiB(pid) - before).toFixed(0)];
};

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const program = await startBenched(directory.path);
  try {
    const post = await poster(program);
    const rows: string[][] = [];
    for (const format of formats) rows.push(await keepPace(post, format));
    for (const name of Object.keys(hostile)) rows.push(await attack(post, program.pid, name));
    return { figures: [], table: [['body', 'status', 'p50, ms', 'p95', 'p99', 'most', 'growth of memory, MiB'], ...rows] };
  } finally {
    await program.stop();
    directory.remove();
  }
};

/** How soon the webhook answers. */
export const benchmark: Benchmark = {
  title: 'Answers of the webhook',
  about: `Posts ${deliveries.toLocaleString('en')} deliveries in each format, ${String(perSecond)} a second, to the whole program, then hostile bodies, ${String(rounds)} times each. Milliseconds from the first byte sent to the
last one read; of a large body most of it is its way to the program.`,
  run,
};
