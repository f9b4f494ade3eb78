import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { answered, clientWith, eventually, newPatient, service, type Client } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

/** Records in CI; the full size is 100000. */
const records = Number(process.env['RENORMALIZED_RECORDS'] ?? 3000);
const patients = 3;
const batch = 1000;

interface Type {
  readonly identifier: string;
  readonly version: number;
  readonly providerId: string;
  readonly dataTypes: string[];
  readonly normalizedDataType: string;
  readonly normalizationRules: { observations: { targets: object[] }[] };
}
interface Run {
  readonly state: string;
  readonly counts: object;
}

let vitalgate: TestVitalgate;
let operator: Client;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  const { username, password } = await vitalgate.addUser({ userGroup: 'operator' });
  const tokens = await fetch(`${vitalgate.urls.userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
  operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${((await tokens.json()) as { accessToken: string }).accessToken}` });
});
afterAll(() => vitalgate.stop());

const upload = (of: Client, from: number, count: number) =>
  answered(of.post('/health-data/healthkit', Array.from({ length: count }, (_, index) => {
    const at = new Date(Date.UTC(2024, 0, 1) + (from + index) * 60_000).toISOString();
    return { id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 60 + ((from + index) % 60), startDate: at, endDate: at, sourceId: 'watch' };
  })));

const change = async (version: number, { identifier, providerId, dataTypes, normalizedDataType, normalizationRules }: Type, unitCode: string): Promise<number> => {
  const observations = normalizationRules.observations.map((one) => ({ ...one, targets: one.targets.map((target) => ({ ...target, unitCode })) }));
  const body = JSON.stringify({ identifier, providerId, dataTypes, normalizedDataType, normalizationRules: { ...normalizationRules, observations } });
  const headers = { 'content-type': 'application/json' };
  return (await answered<Type>(operator.send(`/health-data-types/${identifier}?version=${String(version)}`, { method: 'PUT', headers, body }))).version;
};

const run = async (body: object): Promise<Run> => {
  const { _id } = (await (await operator.post('/renormalizations', body)).json()) as { _id: string };
  for (;;) {
    const seen = await answered<Run>(operator.get(`/renormalizations/${_id}`));
    if (seen.state === 'done') return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

test(`${String(records)} records of a wrong rule are mended while uploads go on`, async () => {
  const clients = Array.from({ length: patients }, () => service(vitalgate, newPatient()));
  for (const client of clients) await answered(client.post('/devices/assign', { deviceId: randomUUID(), deviceType: 'Wearable', deviceProvider: 'healthkit', name: 'Watch' }));
  const right = await answered<Type>(operator.get('/health-data-types/healthkit-heart-rate'));
  // Beats per second instead of per minute: every value is a sixtieth.
  const wrongVersion = await change(right.version, right, 'Hz');
  for (let sent = 0; sent < records; sent += batch) await upload(clients[(sent / batch) % patients] as Client, sent, Math.min(batch, records - sent));
  const waiting = async () => (await vitalgate.database.pool.query<{ waiting: number }>(`select count(*)::int as waiting from device_manager.whole_sample where state = 'received'`)).rows[0]?.waiting ?? 0;
  for (let left = await waiting(); left > 0; left = await waiting()) await new Promise((resolve) => setTimeout(resolve, 100));

  const rightVersion = await change(wrongVersion, right, '/min');
  const wrong = { ruleId: 'healthkit-heart-rate', ruleVersion: wrongVersion };
  expect((await run(wrong)).counts).toEqual({ samples: records, unchanged: 0, changed: records, repaired: 0, broken: 0, unreadable: 0 });

  let more = 0;
  const uploading = (async () => {
    for (; more < 5; more += 1) await upload(clients[0] as Client, 1_000_000 + more * 100, 100);
  })();
  expect((await run({ ...wrong, dryRun: false })).counts).toMatchObject({ samples: records, changed: records });
  await uploading;
  await eventually(waiting, (left) => left === 0);
  const { rows } = await vitalgate.database.pool.query('select state, rule_version, count(*)::int as samples from device_manager.whole_sample group by 1, 2');
  expect(rows).toEqual([{ state: 'normalized', rule_version: rightVersion, samples: records + 500 }]);
  for (const client of clients) {
    const [line] = await answered<{ data: { y: number; min?: number; max?: number }[] }[]>(client.get('/chart-data?normalizedDataType=heart-rate'));
    for (const { y, min = y, max = y } of line?.data ?? [{ y: 0 }]) expect([min >= 60, max < 120]).toEqual([true, true]);
  }
}, 120_000 + records * 10);
