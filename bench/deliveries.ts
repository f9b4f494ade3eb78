import { randomUUID } from 'node:crypto';
import { Pool as HttpPool } from 'undici';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool, type Pool } from '../src/database/pool.ts';
import { createApiKey } from '../src/device-manager/storage/api-key-table.ts';
import { simulatedDelivery, simulatedDevices, type SimulatedDevice } from '../src/simulator/medisante.ts';
import { createRandom } from '../src/simulator/random.ts';
import { inLanes, medianOf, spreadOf, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { createHeartRates } from './setup/heart-rates.ts';
import { normalizedIn } from './setup/normalized.ts';
import { startBenched, type BenchedProgram } from './setup/person.ts';
import { processorTimes } from './setup/processor-time.ts';
import { createWideTable, insertWide, wideValues } from './setup/wide-row.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const deliveriesPerRound = Number(process.env['BENCH_DELIVERIES'] ?? 1000);
const connections = 8;

const assign = async ({ deviceManager, serviceToken }: BenchedProgram, { deviceId, serialNumber, patientId }: SimulatedDevice): Promise<void> => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${serviceToken}`, miauserid: patientId };
  const device = { deviceId, serialNumber, deviceType: 'Medical', deviceProvider: 'medisante', assignedFrom: '2020-01-01T00:00:00Z' };
  const answer = await fetch(`${deviceManager}/devices/assign`, { method: 'POST', headers, body: JSON.stringify(device) });
  if (!answer.ok) throw new Error(`the device was not assigned: ${await answer.text()}`);
};

const sender = async (program: BenchedProgram, pool: Pool) => {
  const { key } = await createApiKey(pool, { sender: 'bench' });
  const http = new HttpPool(program.deviceManager, { connections });
  const deliver = async (body: string): Promise<void> => {
    const answer = await http.request({ path: '/health-data/medisante', method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': key }, body });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`a delivery was answered ${String(answer.statusCode)}: ${text}`);
  };
  return { deliver, close: () => http.close() };
};

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const program = await startBenched(directory.path);
  const pool = openPool(program.database, () => undefined, connections);
  try {
    await createWideTable(pool);
    const { deliver, close } = await sender(program, pool);
    const random = createRandom(1);
    const { run: name, nowMs } = { run: `bench-${randomUUID().slice(0, 8)}`, nowMs: Date.now() };
    const devices = simulatedDevices(random, connections, name);
    for (const device of devices) await assign(program, device);
    const heartRates = createHeartRates();
    const figures: Record<'inserts' | 'deliveries' | 'normalized' | 'program' | 'postgres', number[]> = { inserts: [], deliveries: [], normalized: [], program: [], postgres: [] };
    for (let round = -1; round < rounds; round += 1) {
      const rows = heartRates(deliveriesPerRound).map(wideValues);
      const bodies = Array.from({ length: deliveriesPerRound }, (_, index) => {
        const device = devices[index % devices.length];
        if (!device) throw new Error('there is no device');
        return simulatedDelivery(random, device, undefined, { run: name, nowMs, format: 'medisantestandard-json' }).body;
      });
      const insertsMs = await timeOf(() => inLanes(connections, rows, (values) => insertWide(pool, values)));
      const before = processorTimes(program.pid);
      const deliveriesMs = await timeOf(() => inLanes(connections, bodies, deliver));
      const normalizedMs = deliveriesMs + (await timeOf(() => normalizedIn(pool)));
      const after = processorTimes(program.pid);
      if (round < 0) continue; // warms up
      const rateOf = (ms: number) => (deliveriesPerRound * 1000) / ms;
      figures.inserts.push(rateOf(insertsMs));
      figures.deliveries.push(rateOf(deliveriesMs));
      figures.normalized.push(rateOf(normalizedMs));
      figures.program.push(((after.program - before.program) * 1000) / deliveriesPerRound);
      figures.postgres.push(((after.children - before.children) * 1000) / deliveriesPerRound);
    }
    await close();
    return {
      figures: [{
        what: 'deliveries of one measurement each until they are durable', against: 'INSERTs of one wide row each on as many connections',
        reached: medianOf(figures.deliveries) / medianOf(figures.inserts), bound: { is: 'at least', must: 0.5, aim: 0.8 },
      }],
      table: [
        ['', `${String(connections)} connections`],
        ['INSERT and commit, rows a second', spreadOf(figures.inserts)],
        ['durable, deliveries a second', spreadOf(figures.deliveries)],
        ['normalized, deliveries a second', spreadOf(figures.normalized)],
        ['processor time of the program, µs a delivery', spreadOf(figures.program)],
        ['processor time of PostgreSQL, µs a delivery', spreadOf(figures.postgres)],
      ],
    };
  } finally {
    await pool.end();
    await program.stop();
    directory.remove();
  }
};

/** Deliveries of medical devices beside single inserts. */
export const benchmark: Benchmark = {
  title: 'Deliveries',
  about: `Medisanté devices of ${String(connections)} patients deliver, one measurement a request, on ${String(connections)} connections, each with an identifier of its own. Durable is what
happens before the 200: the key, the byte gate, validation, the search for who held the device, encryption, one committed transaction with the audit row and the
job; normalization runs meanwhile. Beside it, as many connections insert one wide row a statement and commit it. Ways alternate; one round warms up.`,
  remarks: `A delivery is a transaction of its own of 13 statements, each of which waits for the one before (its name is noted, its device and holder are looked up, the keys
of installation and patient are read and held, payload, sample and group are inserted, the audit row and the job), and a fifth of a normalization of 18, because what waits of
a patient is normalized together. The bare INSERT is one statement. On this machine a statement costs about 0.25 ms of processor time whatever it does, of which the smaller
part is PostgreSQL's work: Node, the kernel and PostgreSQL wake each other for each. What would help is to send statements that do not need each other's answers together, and
to keep the deliveries that are under way at the same time in one transaction.`,
  run,
};
