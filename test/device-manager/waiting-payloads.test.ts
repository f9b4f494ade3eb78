import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { lockPatient } from '../../src/device-manager/normalizing.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, chartOf, eventually, heartRate, newPatient, service, watch, type Client } from './client.ts';

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
}, 60_000);
afterAll(() => vitalgate.stop());

interface Group {
  readonly state: string;
  readonly written: string;
}
const query = async <Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> => (await vitalgate.database.pool.query<Row>(sql, [...parameters])).rows;
const groupsOf = (patientId: string) => query<Group>('select state, updated_at::text as written from device_manager.sample_group where patient_id = $1 order by received_at', [patientId]);
const jobsOf = (patientId: string) => query<{ attempts: number; last_error: string | null }>('select attempts, last_error from graphile_worker.jobs where queue_name = $1', [`patient:${patientId}`]);
const isNormalized = ({ state }: Group) => state === 'normalized';

const samplesPerUpload = 20;

/** A patient whose uploads came while somebody else wrote their charts; `before` happens when all are kept. */
const uploaded = async (uploads: number, before: (patientId: string) => Promise<unknown> = () => Promise.resolve()): Promise<{ patientId: string; client: Client }> => {
  const patientId = newPatient();
  const client = service(vitalgate, patientId);
  await answered(client.post('/devices/assign', watch));
  await inTransaction(vitalgate.database.pool, async (writer) => {
    await lockPatient(writer, patientId);
    for (let upload = 0; upload < uploads; upload += 1) {
      await answered(client.post('/health-data/healthkit', Array.from({ length: samplesPerUpload }, (_, index) => heartRate((upload * samplesPerUpload + index) * 60))));
    }
    await before(patientId);
  });
  return { patientId, client };
};

test('what waits of one patient is normalized in one transaction, and no job is left', async () => {
  const { patientId, client } = await uploaded(4);
  const groups = await eventually(() => groupsOf(patientId), (found) => found.every(isNormalized));
  expect(groups.map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => 'normalized'));
  expect(new Set(groups.map(({ written }) => written)).size).toBe(1);
  expect(await eventually(() => jobsOf(patientId), (jobs) => jobs.length === 0)).toEqual([]);
  const [series] = await chartOf(client, 'heart-rate', 4 * samplesPerUpload, '&points=5000');
  expect(series?.data).toHaveLength(4 * samplesPerUpload);
});

test('more than fits into one transaction is normalized in several', async () => {
  const { patientId } = await uploaded(3, (patient) => query('update device_manager.payload set item_count = 3000 where patient_id = $1', [patient]));
  const groups = await eventually(() => groupsOf(patientId), (found) => found.every(isNormalized));
  expect(groups.every(isNormalized)).toBe(true);
  expect(new Set(groups.map(({ written }) => written)).size).toBe(2);
});

test('a payload that does not open holds up none of the others, fails with its reason, and is done when it opens', async () => {
  const breakSecond = `update device_manager.payload set body = set_byte(body, 60, get_byte(body, 60) # 1) where patient_id = $1 and payload_id = (select payload_id from device_manager.payload where patient_id = $1 order by received_at offset 1 limit 1)`;
  const { patientId } = await uploaded(3, (patient) => query(breakSecond, [patient]));
  const groups = await eventually(() => groupsOf(patientId), (found) => found.filter(isNormalized).length === 2);
  expect(groups.map(({ state }) => state)).toEqual(['normalized', 'received', 'normalized']);
  const [job] = await eventually(() => jobsOf(patientId), (jobs) => jobs.length === 1 && jobs[0]?.last_error !== null);
  expect(job?.last_error).toContain('SealBrokenError');
  await query(breakSecond, [patientId]);
  await query('select graphile_worker.reschedule_jobs(array(select id from graphile_worker.jobs where queue_name = $1), run_at => now())', [`patient:${patientId}`]);
  expect((await eventually(() => groupsOf(patientId), (found) => found.every(isNormalized))).every(isNormalized)).toBe(true);
});
