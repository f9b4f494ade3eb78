/**
 * The story of this project on real input, by the public API only: a phone signs in, enrols a watch and uploads a month of
 * samples; a Medisanté device posts; both are charted; a second upload of the month adds nothing. Exits non-zero when a
 * figure is not as told. Uses a folder and ports of its own, and leaves nothing behind.
 */
import { SingleBar, Presets } from 'cli-progress';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectedSamples, readMonth, type Chunk } from './demo/month.ts';
import { signIn, type Counts, type Phone } from './demo/phone.ts';
import { startProgram, temporaryDirectory, type Demo } from './demo/program.ts';
import { dailyMeans } from './demo/terminal-chart.ts';

const fixtures = join(import.meta.dirname, '..', 'test', 'fixtures', 'medisante');
const glucoseDelivery = readFileSync(join(fixtures, 'captured', 'glucose-bg800-pryv.json'));
const bloodPressureDelivery = readFileSync(join(fixtures, 'synthetic', 'bp-bodytrace-bt105-pascal.json'));

/** HealthKit types with a rule, the normalized type they become, and how many series a sample of them makes. */
const ruled = [
  { identifier: 'HKQuantityTypeIdentifierHeartRate', becomes: 'heart-rate', series: 1 },
  { identifier: 'HKCorrelationTypeIdentifierBloodPressure', becomes: 'blood-pressure', series: 2 },
  { identifier: 'HKQuantityTypeIdentifierBodyMass', becomes: 'body-weight', series: 1 },
  { identifier: 'HKQuantityTypeIdentifierBodyTemperature', becomes: 'body-temperature', series: 1 },
  { identifier: 'HKQuantityTypeIdentifierOxygenSaturation', becomes: 'oxygen-saturation', series: 1 },
  { identifier: 'HKQuantityTypeIdentifierBloodGlucose', becomes: 'blood-glucose', series: 1 },
  { identifier: 'HKQuantityTypeIdentifierStepCount', becomes: 'step-count', series: 1 },
  { identifier: 'HKQuantityTypeIdentifierRespiratoryRate', becomes: 'respiratory-rate', series: 1 },
] as const;

const say = (text: string) => console.log(text);
const figure = (count: number) => count.toLocaleString('en');
const demand = (holds: boolean, what: string) => {
  if (!holds) throw new Error(`not as told: ${what}`);
};

const nothing: Counts = { received: 0, created: 0, duplicates: 0, conflicts: 0, rejected: 0 };
const plus = (a: Counts, b: Counts): Counts => ({
  received: a.received + b.received,
  created: a.created + b.created,
  duplicates: a.duplicates + b.duplicates,
  conflicts: a.conflicts + b.conflicts,
  rejected: a.rejected + b.rejected,
});

const uploadMonth = async (phone: Phone, month: readonly Chunk[], title: string): Promise<Counts> => {
  const total = month.reduce((sum, chunk) => sum + chunk.samples.length, 0);
  const bar = new SingleBar({ format: `${title} {bar} {value}/{total} samples`, noTTYOutput: true, notTTYSchedule: 5000, clearOnComplete: false }, Presets.shades_classic);
  bar.start(total, 0);
  let counts = nothing;
  for (const { type, unit, samples } of month) {
    counts = plus(counts, await phone.upload(type, unit, samples));
    bar.update(counts.received);
  }
  bar.stop();
  say(`  received ${figure(counts.received)} = created ${figure(counts.created)} + duplicates ${figure(counts.duplicates)} + conflicts ${figure(counts.conflicts)} + rejected ${figure(counts.rejected)}`);
  demand(counts.received === total, `${figure(total)} samples received`);
  demand(counts.created + counts.duplicates + counts.conflicts + counts.rejected === total, 'the figures add up');
  return counts;
};

const deliver = async (demo: Demo, body: Buffer): Promise<void> => {
  const response = await fetch(`${demo.deviceManager}/health-data/medisante`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', 'x-api-key': demo.webhookKey },
    body: new Uint8Array(body),
  });
  demand(response.status === 200, `the webhook answers 200, not ${response.status}`);
};

/** Waits until the chart of a type stands for as many values as expected: normalization runs in the background. */
const charted = async (phone: Phone, type: string, points: number): Promise<number> => {
  const count = async () => (await phone.chart(type)).reduce((sum, { data }) => sum + data.reduce((values, { count: some = 1 }) => values + some, 0), 0);
  let have = await count();
  for (let waitedMs = 0; have < points && waitedMs < 60_000; waitedMs += 250) {
    await sleep(250);
    have = await count();
  }
  demand(have === points, `${figure(points)} values of ${type}, not ${figure(have)}`);
  return have;
};

const tell = async (demo: Demo): Promise<void> => {
  const month = readMonth();
  const samplesOf = (identifier: string) => month.filter(({ type }) => type === identifier).reduce((sum, { samples }) => sum + samples.length, 0);

  const phone = await signIn(demo.bff, demo.username, demo.password);
  demand((await phone.profile()).sub === demo.patientId, 'the profile is the demo patient');
  await phone.assign({ deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
  say('A phone signed in and enrolled a watch.');

  const first = await uploadMonth(phone, month, 'A month of HealthKit  ');
  demand(first.created === expectedSamples(), 'every sample of the month is new');

  await deliver(demo, glucoseDelivery);
  for (const deviceId of ['90-TEST-01', 'BodyTrace:BT105:TEST-0002']) {
    await phone.assign({ deviceId, deviceType: 'Medical', deviceProvider: 'medisante', assignedFrom: '2020-01-01T00:00:00Z' });
  }
  await deliver(demo, bloodPressureDelivery);
  say('Two Medisanté devices posted: a glucose of 2020 before it was enrolled, a blood pressure in pascal after.');

  let normalized = 0;
  for (const { identifier, becomes, series } of ruled) {
    const fromWebhook = { 'blood-pressure': 3, 'blood-glucose': 1 }[becomes as string] ?? 0;
    await charted(phone, becomes, samplesOf(identifier) * series + fromWebhook);
    normalized += samplesOf(identifier);
  }
  const [pressure] = (await phone.chart('blood-pressure')).filter(({ name }) => name.startsWith('Systolic'));
  demand(pressure?.data.some(({ y }) => Math.abs(y - 123.01) < 0.005) ?? false, '16400 Pa is 123.01 mmHg');
  say(`  kept ${figure(first.created)} = normalized ${figure(normalized)} + waiting for a rule ${figure(first.created - normalized)}`);

  say('\nDaily means');
  for (const type of ['heart-rate', 'blood-pressure']) {
    for (const series of await phone.chart(type)) if (series.data.length > 1) say(`  ${dailyMeans(series)}`);
  }
  say('');
  const second = await uploadMonth(phone, month, 'The same month again  ');
  demand(second.created === 0 && second.duplicates === second.received, 'the second upload adds nothing');
  for (const { identifier, becomes, series } of ruled.slice(0, 1)) await charted(phone, becomes, samplesOf(identifier) * series);
  say(`\nWhile it runs (npm start -- --demo), the contract is at ${demo.bff}/documentation, ${demo.deviceManager}/documentation and ${demo.userManager}/documentation.`);
};

const directory = temporaryDirectory();
const program = await startProgram(directory.path);
const interrupted = async () => {
  await program.stop();
  directory.remove();
  process.exit(130);
};
process.once('SIGINT', () => void interrupted());
try {
  await tell(program.demo);
  say('All as told.');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await program.stop();
  directory.remove();
}
