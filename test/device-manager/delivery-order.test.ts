import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord, type Series } from './client.ts';
import { bundle, loinc, message, pressure, pulse, quantity, observation } from './fhir-documents.ts';
import '../setup/seed.ts';

/** What happens to two patients and two devices: the cuff goes from Anna to Ben on 5 March, the watch is Ben's. */
interface World {
  readonly run: string;
  readonly anna: string;
  readonly ben: string;
}
type Happening = (world: World) => Promise<unknown>;

let vitalgate: TestVitalgate;
let sender: Client;
let runs = 0;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
});
afterAll(() => vitalgate.stop());

const march = (day: number, hour = 9) => new Date(Date.UTC(2024, 2, day, hour)).toISOString();
const named = (run: string, name: string) => ({ identifier: [{ system: 'urn:ids', value: `${name}-${run}` }] });
const deliver = (bodyOf: (cuffName: string, watchName: string, run: string) => object): Happening => ({ run }) => answered(sender.post('/health-data/medisante', bodyOf(`cuff-${run}`, `watch-${run}`, run)));
const hold = (device: string, who: 'anna' | 'ben', from: string): Happening => (world) => answered(service(vitalgate, world[who]).post('/devices/assign', { ...cuff(`${device}-${world.run}`), assignedFrom: from }));

/** Who gives a device back does so before anybody measures with it after that: until then it is Anna's without an end. */
const annaHadTheCuff: Happening = async (world) => {
  await hold('cuff', 'anna', march(1))(world);
  expect((await service(vitalgate, world.anna).post(`/devices/cuff-${world.run}/unassign`, { assignedUntil: march(5) })).status).toBe(204);
};

const atAnyTime: readonly Happening[] = [
  hold('cuff', 'ben', march(5)),
  hold('watch', 'ben', march(1)),
  deliver((one, _watch, run) => bloodPressure({ id: one }, march(2), { correlationId: `first-${run}` })),
  deliver((one, _watch, run) => bloodPressure({ id: one }, march(2), { correlationId: `first-${run}` })),
  deliver((one, _watch, run) => bloodPressure({ id: one }, march(6), { correlationId: `second-${run}` })),
  deliver((one, _watch, run) => bloodPressure({ id: one }, '2023-12-24T00:00:00Z', { correlationId: `nobody-${run}` })),
  deliver((one, watch) => bundle('collection', [pulse(one, march(3), 61), pulse(watch, march(3), 162), pulse(one, march(7), 63)])),
  deliver((one, watch) => bundle('batch', [pulse(watch, march(3), 162), pulse(one, march(7), 63), pulse(watch, march(8), 64)])),
  deliver((one, _watch, run) => pulse(one, march(4), 71, { ...named(run, 'corrected'), status: 'preliminary' })),
  deliver((one, _watch, run) => pulse(one, march(4), 72, named(run, 'corrected'))),
  deliver((one, _watch, run) => message(`header-${run}`, `bundle-${run}`, [pulse(one, march(6, 12), 73, { ...named(run, 'corrected'), status: 'corrected' }), pressure(one, march(6, 12), 120, 80)])),
  deliver((_one, watch, run) => pulse(watch, march(9), 81, named(run, 'withdrawn'))),
  deliver((_one, _watch, run) => ({ resourceType: 'Observation', status: 'entered-in-error', code: loinc('8867-4'), ...named(run, 'withdrawn') })),
  deliver((one) => observation(loinc('8480-6'), one, march(2, 15), { valueQuantity: quantity(130, 'mm[Hg]') })),
  deliver((one, _watch, run) => bundle('collection', ['8480-6', '8462-4'].map((code, index) => observation(loinc(code), one, march(2, 18), { valueQuantity: quantity([220, 80][index], 'mm[Hg]'), ...named(run, code) })))),
  deliver((one, _watch, run) => observation(loinc('8480-6'), one, march(2, 18), { valueQuantity: quantity(121, 'mm[Hg]'), ...named(run, '8480-6'), status: 'corrected' })),
  deliver((one) => observation(loinc('8480-6'), one, march(2, 15), { status: 'cancelled', dataAbsentReason: { coding: [{ code: 'error' }] } })),
];

const idle = () => eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);

const stateOf = async ({ run, anna, ben }: World): Promise<unknown> => {
  const patients = await Promise.all([anna, ben].map(async (patient) => {
    const client = service(vitalgate, patient);
    const samples = await answered<(KeptRecord & { recordedAt: string })[]>(client.get('/health-data?_l=200&_p=recordedAt,rawDataType,normalizedData,reason'));
    const charts = await Promise.all(['heart-rate', 'blood-pressure'].map(async (type) => (await answered<Series[]>(client.get(`/chart-data?normalizedDataType=${type}`))).map(({ name, data }) => ({ name, data }))));
    return { samples: samples.map(({ state, reason, recordedAt, rawDataType, normalizedData }) => JSON.stringify([state, reason, recordedAt, rawDataType, state === 'normalized' ? normalizedData : undefined])).toSorted(), charts };
  }));
  const { rows } = await vitalgate.database.pool.query('select reason, measurement_type, measured_at from device_manager.quarantined_delivery where device_identifiers && array[$1, $2] or sender = $3 order by 1, 2, 3', [`cuff-${run}`, `watch-${run}`, run]);
  return { patients, waiting: rows };
};

const play = async (order: readonly number[]): Promise<unknown> => {
  const world = { run: String((runs += 1)), anna: newPatient(), ben: newPatient() };
  await annaHadTheCuff(world);
  for (const index of order) await atAnyTime[index]?.(world);
  expect(await idle()).toBe(0);
  return stateOf(world);
};

const all = atAnyTime.map((_, index) => index);

test('whatever the order of deliveries and assignments, the final state is the same', async () => {
  const expected = await play(all) as { patients: { samples: string[]; charts: Series[][] }[]; waiting: object[] };
  const pulses = expected.patients.map(({ charts }) => (charts[0] ?? []).flatMap(({ data }) => data.map(({ y }) => y)));
  expect(pulses).toEqual([[61], [162, 73, 63, 64]]);
  expect(expected.patients.map(({ samples }) => [...Map.groupBy(samples, (text) => (JSON.parse(text) as string[])[0])].map(([state, ones]) => `${state ?? ''} ${String(ones.length)}`).toSorted())).toEqual([
    ['normalized 4', 'superseded 2', 'withdrawn 2'], ['normalized 6', 'withdrawn 2'],
  ]);
  expect(expected.waiting).toHaveLength(1);
  await fc.assert(fc.asyncProperty(fc.shuffledSubarray(all, { minLength: all.length }), async (order) => {
    expect(await play(order)).toEqual(expected);
  }), { numRuns: 12, endOnFailure: true });
}, 180_000);
