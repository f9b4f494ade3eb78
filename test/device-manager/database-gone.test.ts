import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, clientWith, eventually, heartRate, newPatient, refused, service, watch, type Client, type KeptRecord } from './client.ts';

/** A line to the database that can be cut, and joined again. */
interface Line {
  readonly url: string;
  readonly cut: () => void;
  readonly join: () => void;
  readonly close: () => Promise<void>;
}

const lineTo = async (databaseUrl: string): Promise<Line> => {
  const target = new URL(databaseUrl.replace('@/', '@socket/'));
  const folder = target.searchParams.get('host');
  const port = target.port === '' ? '5432' : target.port;
  const open = new Set<Socket>();
  let joined = true;
  const server: Server = createServer((near) => {
    const far = folder === null ? createConnection(Number(port), target.hostname) : createConnection(`${folder}/.s.PGSQL.${port}`);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
    }
    near.pipe(far).pipe(near);
    if (!joined) near.destroy();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  target.hostname = '127.0.0.1';
  target.port = String((server.address() as AddressInfo).port);
  target.searchParams.delete('host');
  const cut = () => {
    joined = false;
    for (const socket of open) socket.destroy();
  };
  return { url: target.href, cut, join: () => void (joined = true), close: () => new Promise((closed) => { cut(); server.close(() => closed()); }) };
};

let database: TestDatabase;
let line: Line;
let vitalgate: TestVitalgate;
let client: Client;
let sender: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  line = await lineTo(database.url);
  vitalgate = await startTestVitalgate({ DATABASE_URL: line.url });
  client = service(vitalgate, newPatient());
  await answered(client.post('/devices/assign', watch));
});
afterAll(async () => {
  await vitalgate.stop();
  await line.close();
  await database.drop();
});

test('with the database gone every answer is a 503 that says when to repeat; back again, the same requests succeed once', async () => {
  const items = [heartRate(0), heartRate(1)];
  const delivery = bloodPressure({ id: 'unknown' }, '2024-03-02T09:10:11Z');
  sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await createApiKey(database.pool, { sender: 'medisante' })).key });
  const requests: [string, () => Promise<Response>][] = [
    ['an upload', () => client.post('/health-data/healthkit', items)],
    ['a delivery', () => sender.post('/health-data/medisante', delivery)],
    ['an assignment', () => client.post('/devices/assign', { ...watch, deviceId: 'second' })],
    ['a list', () => client.get('/health-data')],
    ['a chart', () => client.get('/chart-data?normalizedDataType=heart-rate')],
  ];
  line.cut();
  for (const [name, request] of requests) {
    const answer = await request();
    expect([name, answer.status, answer.headers.get('retry-after'), ((await answer.json()) as { code: string }).code]).toEqual([name, 503, expect.stringMatching(/^[1-9]\d*$/), 'database-unavailable']);
  }
  expect((await client.get('/-/ready')).status).toBe(503);
  expect((await client.get('/-/healthz')).status).toBe(200);
  line.join();
  for (const [name, request] of requests) expect([name, (await request()).status]).toEqual([name, 200]);
  const records = await eventually(() => answered<KeptRecord[]>(client.get('/health-data')), (all) => all.every(({ state }) => state === 'normalized'));
  expect(records.map(({ state }) => state)).toEqual(['normalized', 'normalized']);
  expect(await refused(client.get('/health-data/unknown'))).toMatchObject({ status: 404 });
});
