import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPool, type Pool } from '../../src/database/pool.ts';
import { addJob, prepareJobs, startRunner } from '../../src/jobs/runner.ts';
import { startDatabaseNetwork, type DatabaseNetwork } from '../players/database-network.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
let network: DatabaseNetwork;
let pool: Pool;
let done: string[];
let told: string[];
const log = { info: () => undefined, error: (_fields: object, message: string) => void told.push(message) };
const gaveUp = 'the job worker gave up and is started again';
beforeAll(async () => {
  database = await createTestDatabase();
  network = await startDatabaseNetwork(database.url);
  pool = openPool({ connectionString: network.url }, () => undefined, 10, 30_000);
  await prepareJobs(pool);
  await database.pool.query(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`);
});
beforeEach(() => {
  [done, told] = [[], []];
});
afterAll(async () => {
  await pool.end();
  await network.stop();
  await database.drop();
});

const until = async (isSo: () => boolean, withinMs = 40_000): Promise<void> => {
  for (let waitedMs = 0; !isSo() && waitedMs < withinMs; waitedMs += 50) await sleep(50);
};
const times = (name: string): number => done.filter((one) => one === name).length;
const nameOf = (payload: unknown): string => (payload as { name: string }).name;

test('a job whose outcome the database does not hear for a while is done once, and those behind it in its queue are done', async () => {
  const task = (payload: unknown): Promise<void> => {
    done.push(nameOf(payload));
    // Whatever the worker says next, the database does not hear it.
    if (done.length === 1) network.cutAll(true);
    return Promise.resolve();
  };
  const runner = await startRunner({ service: 'test', pool, tasks: { task }, log, pollMs: 200 });
  try {
    for (const name of ['first', 'second']) await addJob(database.pool, { task: 'task', payload: { name }, queue: 'one' });
    await until(() => done.length > 0);
    await sleep(1_000);
    network.cutAll(false);
    await until(() => done.includes('second'));
    expect(done).toEqual(['first', 'second']);
    expect(told).not.toContain(gaveUp);
  } finally {
    await runner.stop();
  }
}, 90_000);

/** Has the database refuse the outcomes of jobs, until it is told otherwise. */
const refuseOutcomes = async (exceptOf: string): Promise<() => Promise<unknown>> => {
  await database.pool.query(`create trigger refusal before delete on graphile_worker._private_jobs for each row when (old.payload->>'name' <> '${exceptOf}') execute function refuse()`);
  return () => database.pool.query('drop trigger refusal on graphile_worker._private_jobs');
};

test('jobs whose outcomes are refused, several at once while another runs, are done once more when they are taken', async () => {
  const all = Promise.withResolvers<undefined>();
  // The outcome of each is a statement of its own; the worker is still at the last job when they have failed.
  const endsAfterMs: Readonly<Record<string, number>> = { first: 0, second: 100, third: 200, fourth: 2_000 };
  const task = async (payload: unknown): Promise<void> => {
    done.push(nameOf(payload));
    if (done.length > 4) return;
    if (done.length === 4) all.resolve(undefined);
    await all.promise;
    await sleep(endsAfterMs[nameOf(payload)]);
  };
  const accept = await refuseOutcomes('fourth');
  const runner = await startRunner({ service: 'test', pool, tasks: { task }, log, concurrency: 4, pollMs: 200 });
  try {
    for (const name of Object.keys(endsAfterMs)) await addJob(database.pool, { task: 'task', payload: { name } });
    await all.promise;
    await sleep(1_000);
    await accept();
    await until(() => ['first', 'second', 'third'].every((name) => times(name) === 2), 60_000);
    expect(done.toSorted()).toEqual(['first', 'first', 'fourth', 'second', 'second', 'third', 'third']);
    expect(told).toContain(gaveUp);
  } finally {
    await runner.stop();
  }
}, 90_000);

test('a worker that has given up is stopped once the job that it is at has ended', async () => {
  const ended: string[] = [];
  const task = async (payload: unknown): Promise<void> => {
    done.push(nameOf(payload));
    await until(() => done.length === 2);
    await sleep(nameOf(payload) === 'long' ? 1_500 : 0);
    ended.push(nameOf(payload));
  };
  const accept = await refuseOutcomes('long');
  const runner = await startRunner({ service: 'test', pool, tasks: { task }, log, pollMs: 200 });
  for (const name of ['short', 'long']) await addJob(database.pool, { task: 'task', payload: { name } });
  await until(() => ended.includes('short'));
  await sleep(500);
  await runner.stop();
  expect(ended).toEqual(['short', 'long']);
  await accept();
  await database.pool.query('delete from graphile_worker._private_jobs');
}, 30_000);

test('a worker whose first statement was refused is started again, and works', async () => {
  await database.pool.query('create trigger refusal before insert on graphile_worker._private_tasks for each statement execute function refuse()');
  const task = (payload: unknown): Promise<void> => Promise.resolve(void done.push(nameOf(payload)));
  const runner = await startRunner({ service: 'test', pool, tasks: { task }, log, pollMs: 200 });
  try {
    await sleep(500);
    await database.pool.query('drop trigger refusal on graphile_worker._private_tasks');
    await addJob(database.pool, { task: 'task', payload: { name: 'first' } });
    await until(() => done.length > 0, 20_000);
    expect(done).toEqual(['first']);
  } finally {
    await runner.stop();
  }
}, 60_000);

/** A database that is starting: it refuses whoever comes (PostgreSQL, frontend/backend protocol: ErrorResponse). */
const startStartingDatabase = async () => {
  const fields = ['SFATAL', 'VFATAL', 'C57P03', 'Mthe database system is starting up'].map((field) => `${field}\0`).join('') + '\0';
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + Buffer.byteLength(fields));
  let asked = 0;
  const server = createServer((socket) => {
    asked += 1;
    socket.on('error', () => undefined).once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)])));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { to: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, asked: () => asked, stop: () => server.close() };
};

test('a worker asks at each poll while a database is starting, and goes on once it takes connections', async () => {
  const task = (payload: unknown): Promise<void> => Promise.resolve(void done.push(nameOf(payload)));
  const runner = await startRunner({ service: 'test', pool, tasks: { task }, log, pollMs: 200 });
  const starting = await startStartingDatabase();
  try {
    await addJob(database.pool, { task: 'task', payload: { name: 'before' } });
    await until(() => done.length > 0);
    await network.down(true);
    network.lead(starting.to);
    await network.down(false);
    await sleep(4_000);
    // Two workers each 200 ms; what else asks does so about once a second.
    expect(starting.asked()).toBeGreaterThan(25);
    await network.down(true);
    network.swallow(false);
    await addJob(database.pool, { task: 'task', payload: { name: 'first' } });
    await network.down(false);
    await until(() => done.length > 1, 1_500);
    expect(done).toEqual(['before', 'first']);
  } finally {
    await runner.stop();
    starting.stop();
  }
}, 60_000);
