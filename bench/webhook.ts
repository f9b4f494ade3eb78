/**
 * How soon the webhook answers: one measurement per delivery at a steady pace in each format, and hostile bodies, with what they add
 * to the memory of the program. Prints percentiles, and medians of several rounds. Usage: npm run bench -- webhook
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram, temporaryDirectory } from '../scripts/demo/program.ts';
import { simulatedDelivery, simulatedDevices } from '../src/simulator/medisante.ts';
import { createRandom } from '../src/simulator/random.ts';
import { formats } from '../src/simulator/writing.ts';

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
const residentMiB = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1024;

const directory = temporaryDirectory();
const program = await startProgram(directory.path, { LOG_LEVEL: 'error' });
const post = async (contentType: string, body: string): Promise<{ status: number; took: number }> => {
  const started = performance.now();
  const answer = await fetch(`${program.demo.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': contentType, 'x-api-key': program.demo.webhookKey }, body });
  await answer.arrayBuffer();
  return { status: answer.status, took: performance.now() - started };
};

const keepPace = async (format: (typeof formats)[number]): Promise<void> => {
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
  console.log(`| ${format} | ${[0.5, 0.95, 0.99, 1].map((share) => ms(percentile(took, share))).join(' | ')} |`);
};

const attack = async (name: string): Promise<void> => {
  const [contentType, bodyOf] = hostile[name] ?? ['', () => ''];
  const body = bodyOf();
  const before = residentMiB(program.pid);
  const answers = [];
  for (let round = 0; round < rounds; round += 1) answers.push(await post(contentType, body));
  const took = answers.map((one) => one.took).toSorted((a, b) => a - b);
  console.log(`| ${name} | ${String(answers[0]?.status)} | ${ms(percentile(took, 0.5))} | ${ms(percentile(took, 1))} | ${(residentMiB(program.pid) - before).toFixed(0)} |`);
};

try {
  console.log(`${String(deliveries)} deliveries in each format, ${String(perSecond)} a second: p50, p95, p99, most in ms`);
  for (const format of formats) await keepPace(format);
  console.log(`hostile bodies, ${String(rounds)} times each: status, median and most in ms, growth of resident memory in MiB`);
  for (const name of Object.keys(hostile)) await attack(name);
} finally {
  await program.stop();
  directory.remove();
}
