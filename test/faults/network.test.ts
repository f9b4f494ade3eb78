import { expect, test } from '@jest/globals';
import type { Config } from '../../src/config.ts';
import { answered, eventually, service, watch } from '../device-manager/client.ts';
import { startDatabaseNetwork } from '../players/database-network.ts';
import { startNetwork, type Direction, type Faults, type Network } from '../players/network.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { heartRates } from './app.ts';

const seed = Number(process.env['SEED'] ?? 20260801);

/** Longer than any deadline inside, shorter than a phone waits. */
const ANSWERED_WITHIN_MS = 25_000;
const SAMPLES = 5;

/** Two parties, and the pace at which a network between them is still of use. */
interface Link {
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
  readonly start: () => Promise<{ readonly network: Network; readonly vitalgate: TestVitalgate }>;
}

const settings = { JOBS: ['normalize'], UPLOADS_PER_MINUTE: 100_000 } satisfies Partial<Config>;

const between = async (setting: 'DEVICE_MANAGER_URL' | 'USER_MANAGER_URL', service_: 'deviceManager' | 'userManager') => {
  const network = await startNetwork({ seed });
  const vitalgate = await startTestVitalgate({ ...settings, [setting]: `http://127.0.0.1:${String(network.port)}` });
  network.lead({ host: '127.0.0.1', port: Number(new URL(vitalgate.urls[service_]).port) });
  return { network, vitalgate };
};

const links: Readonly<Record<string, Link>> = {
  'the BFF and the Device Manager': { latencyMs: 300, bytesPerSecond: 8_192, start: () => between('DEVICE_MANAGER_URL', 'deviceManager') },
  'the BFF and the User Manager': { latencyMs: 300, bytesPerSecond: 8_192, start: () => between('USER_MANAGER_URL', 'userManager') },
  // One request is some thirty statements.
  'the services and the database': {
    latencyMs: 20, bytesPerSecond: 65_536,
    start: async () => {
      let network: Network | undefined;
      const vitalgate = await startTestVitalgate(settings, async (url) => {
        const started = await startDatabaseNetwork(url);
        network = started;
        return started.url;
      });
      if (network === undefined) throw new Error('the program has no database');
      return { network, vitalgate };
    },
  },
};

/** Answers 200 through what only slows, and 502 or 503 where nothing can come through. */
interface Row {
  readonly situation: string;
  readonly faults: Faults | 'down';
  readonly direction: Direction;
  readonly isPassable: boolean;
}

const rowsOf = ({ latencyMs, bytesPerSecond }: Link): Row[] => {
  const kinds: readonly (readonly [string, Faults, boolean])[] = [
    ['latency', { latencyMs, jitterMs: latencyMs / 2 }, true],
    ['a narrow band', { bytesPerSecond }, true],
    ['slices', { slices: { bytes: 64, pauseMs: 1 } }, true],
    ['a slow close', { slowCloseMs: 300 }, true],
    ['silence, then the end', { silentMs: 300 }, false],
    ['a reset', { resetMs: 0 }, false],
    ['a limit', { mostBytes: 50 }, false],
    ['silence for ever', { silentMs: Infinity }, false],
  ];
  const both = kinds.flatMap(([situation, faults, isPassable]) => (['there', 'back'] as const).map((direction): Row => ({ situation, faults, direction, isPassable })));
  // Who waits for an answer cannot tell the two apart, and each takes its whole deadline.
  const timely = both.filter(({ faults, direction }) => faults === 'down' || faults.silentMs !== Infinity || direction === 'back');
  return [...timely, { situation: 'down', faults: 'down', direction: 'there', isPassable: false }];
};

const upload = (vitalgate: TestVitalgate, cookie: string, items: readonly object[]) =>
  fetch(`${vitalgate.urls.bff}/health-data?type=HeartRate&unit=bpm`, {
    method: 'POST', headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(items), signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
  });

/** What is wrong with an answer under a fault; undefined when nothing is. */
const wrongWith = ({ status, headers }: Response, isPassable: boolean): string | undefined => {
  if (status === 200) return undefined;
  if (isPassable || (status !== 502 && status !== 503)) return `answered ${String(status)}`;
  return status === 503 && !(Number(headers.get('retry-after')) > 0) ? 'does not say when to come again' : undefined;
};

/** Runs one row and tells what did not hold. */
const faultsOf = async (vitalgate: TestVitalgate, network: Network, { faults, direction, isPassable }: Row): Promise<string[]> => {
  const user = await vitalgate.addUser();
  // Signed in and enrolled, and not yet asked for: the upload has to ask who it is.
  const cookie = await vitalgate.signIn(user);
  await answered(service(vitalgate, user.id).post('/devices/assign', watch));
  const items = heartRates(0, SAMPLES);
  if (faults === 'down') await network.down(true);
  else network.suffer(direction, faults);
  const first = await upload(vitalgate, cookie, items).then((answer) => wrongWith(answer, isPassable), (error: unknown) => `is not answered: ${String(error)}`);
  await network.heal();
  const again = await eventually(() => upload(vitalgate, cookie, items).catch(() => undefined), (answer) => answer?.ok === true);
  const { pool } = vitalgate.database;
  const stored = async () =>
    (await pool.query<object>('select count(*)::int as n, count(distinct payload_id)::int as payloads, count(*) filter (where state = \'normalized\')::int as normalized from device_manager.whole_sample where patient_id = $1', [user.id])).rows[0];
  const whole = { n: SAMPLES, payloads: 1, normalized: SAMPLES };
  const found = await eventually(stored, (row) => JSON.stringify(row) === JSON.stringify(whole));
  return [
    ...(first === undefined ? [] : [first]),
    ...(again?.ok === true ? [] : [`when the network is whole again: ${String(again?.status)}`]),
    ...(JSON.stringify(found) === JSON.stringify(whole) ? [] : [`kept: ${JSON.stringify(found)}`]),
  ];
};

test.concurrent.each(Object.entries(links))('between %s, each fault of a network is answered in time, and once it is over everything is there once', async (_between, link) => {
  const { network, vitalgate } = await link.start();
  const rows = rowsOf(link);
  const told: [string, Direction, string[]][] = [];
  try {
    for (const row of rows) told.push([row.situation, row.direction, await faultsOf(vitalgate, network, row)]);
    expect(told).toEqual(rows.map(({ situation, direction }) => [situation, direction, []]));
    expect(vitalgate.logged()).not.toContain('internal error');
  } finally {
    await network.heal();
    await vitalgate.stop();
    await network.stop();
  }
}, 240_000);
