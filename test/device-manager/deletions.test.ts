import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { randomBytes, randomUUID } from 'node:crypto';
import { createKeyRing } from '../../src/keys/scope-keys.ts';
import { readPayload } from '../../src/device-manager/storage/payload-table.ts';
import { readNormalizedChunk } from '../../src/device-manager/storage/normalized-chunk-table.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, chartOf, eventually, heartRate, newPatient, patientWithWatch, refused, service, type Client, type KeptRecord, type Series } from './client.ts';
import '../setup/seed.ts';

interface Kept {
  readonly uploadId: string;
  readonly items: readonly { readonly _id: string; readonly status: string; readonly sameReadingAs?: string }[];
}
interface Receipt {
  readonly deleted: number;
  readonly items: readonly { readonly index: number; readonly status: string; readonly error?: { readonly code: string; readonly pointer: string } }[];
}

let vitalgate: TestVitalgate;
const masterKey = randomBytes(32);
beforeAll(async () => {
  vitalgate = await startTestVitalgate({ MASTER_KEY: masterKey.toString('hex') });
});
afterAll(() => vitalgate.stop());

const enrolled = () => patientWithWatch(vitalgate);
const upload = (client: Client, items: readonly unknown[]) =>
  answered<Kept>(client.send('/health-data/healthkit', { method: 'POST', headers: { 'content-type': 'application/json', prefer: 'return=representation' }, body: JSON.stringify(items) }));
const remove = (client: Client, uuids: readonly unknown[]) => answered<Receipt>(client.post('/health-data/deletions', { deletions: uuids.map((uuid) => ({ uuid })) }));
const statusesOf = ({ items }: { items: readonly { status: string }[] }) => items.map(({ status }) => status);
const idle = () => eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);
const listed = (client: Client, query = '') => answered<(KeptRecord & { sameReadingAs?: string })[]>(client.get(`/health-data?_l=200&_p=rawData,normalizedData,reason,sameReadingAs${query}`));
const pointsOf = async (client: Client) => (await answered<Series[]>(client.get('/chart-data?normalizedDataType=heart-rate'))).flatMap(({ data }) => data.map(({ y }) => y));

/** All that is sealed of a patient, opened: payloads and normalized records. */
const openedOf = async (patientId: string): Promise<string> => {
  const { pool } = vitalgate.database;
  const keys = await createKeyRing({ masterKey }).knownKeysOf(pool, `patient:${patientId}`);
  if (!keys) throw new Error('no keys');
  const { rows: payloads } = await pool.query<{ id: string }>('select payload_id as id from device_manager.payload where patient_id = $1', [patientId]);
  const { rows: chunks } = await pool.query<{ id: string; rule: string; version: number }>('select payload_id as id, rule_id as rule, rule_version as version from device_manager.normalized_chunk where patient_id = $1', [patientId]);
  const opened = await Promise.all(payloads.map(async ({ id }) => (await readPayload(pool, keys, patientId, id.replaceAll('-', '')))?.bytes.toString('utf8')));
  const records = await Promise.all(chunks.map(async ({ id, rule, version }) => JSON.stringify(await readNormalizedChunk(pool, keys, { patientId, payloadId: id.replaceAll('-', ''), ruleId: rule, ruleVersion: version }))));
  return [...opened, ...records].join('\n');
};

describe('deleting HealthKit samples', () => {
  test('each is answered by itself: deleted, deleted before, not known, refused', async () => {
    const { client } = await enrolled();
    const [one, other] = [heartRate(0), heartRate(1)];
    await upload(client, [one, other]);
    const first = await remove(client, [one.id.toUpperCase(), randomUUID(), 'no-uuid', 7, one.id]);
    expect(first).toMatchObject({ received: 5, deleted: 1, alreadyDeleted: 1, unknown: 1, rejected: 2 });
    expect(statusesOf(first)).toEqual(['deleted', 'unknown', 'rejected', 'rejected', 'already-deleted']);
    expect(first.items[2]).toMatchObject({ index: 2, error: { code: 'invalid-id', pointer: '/deletions/2/uuid' } });
    expect(statusesOf(await remove(client, [one.id]))).toEqual(['already-deleted']);
  });

  test('a day and a month of which nothing is left are none of the chart, and their tag holds no longer', async () => {
    const { client, patientId } = await enrolled();
    const at = (startDate: string, value: number) => heartRate(0, { startDate, endDate: startDate, value });
    const [mistaken, alone] = [at('2001-01-01T12:00:00Z', 71), at('2024-03-01T12:00:00Z', 72)];
    const others = Array.from({ length: 20 }, (_, index) => at(`2024-07-01T${String(index).padStart(2, '0')}:00:00Z`, 60 + index));
    await upload(client, [mistaken, alone, ...others]);
    await chartOf(client, 'heart-rate', 22);
    const drawn = async () => {
      const response = await client.get('/chart-data?normalizedDataType=heart-rate&points=10');
      const [line] = (await response.json()) as { interval?: string; data: { count?: number }[] }[];
      const types = await answered<object[]>(client.get('/chart-data/types'));
      return { interval: line?.interval, count: line?.data.reduce((sum, { count = 1 }) => sum + count, 0), etag: response.headers.get('etag') ?? '', types };
    };
    const rows = async (table: string) => (await vitalgate.database.pool.query(`select from device_manager.${table} where patient_id = $1`, [patientId])).rowCount;
    const [before, days] = [await drawn(), await rows('series_chunk')];
    expect([before, days, await rows('series_rollup')]).toMatchObject([{ count: 22, types: [{ firstDay: '2001-01-01', lastDay: '2024-07-01' }] }, 3, 3]);
    await remove(client, [mistaken.id]);
    const half = await drawn();
    expect([half, await rows('series_chunk'), await rows('series_rollup')]).toMatchObject([{ count: 21, types: [{ firstDay: '2024-03-01', lastDay: '2024-07-01' }] }, 2, 2]);
    await remove(client, [alone.id]);
    const after = await drawn();
    expect(after).toMatchObject({ interval: 'PT3H', count: 20, types: [{ firstDay: '2024-07-01', lastDay: '2024-07-01' }] });
    expect(new Set([before, half, after].map(({ etag }) => etag)).size).toBe(3);
    await upload(client, [at('2024-03-01T12:00:00Z', 74)]);
    expect((await eventually(drawn, ({ count }) => count === 21)).types).toMatchObject([{ firstDay: '2024-03-01' }]);
    await remove(client, (await listed(client)).map(({ rawData }) => (rawData as { id: string }).id));
    expect([await rows('series_chunk'), await rows('series_rollup'), await answered(client.get('/chart-data/types')), await answered(client.get('/chart-data?normalizedDataType=heart-rate'))]).toEqual([0, 0, [], []]);
  });

  test('nothing of the value is left: not in answers, charts, rollups, records or any payload that has it', async () => {
    const { client, patientId } = await enrolled();
    const [gone, stays, fresh] = [heartRate(0, { value: 71.123456 }), heartRate(1, { value: 72 }), heartRate(2, { value: 73 })];
    const [{ items }] = [await upload(client, [gone, stays])];
    await upload(client, [fresh, gone, { ...gone, value: 79.654321 }]);
    await chartOf(client, 'heart-rate', 3);
    expect(await openedOf(patientId)).toContain('79.654321');
    expect(await openedOf(patientId)).toContain('71.123456');
    expect(statusesOf(await remove(client, [gone.id]))).toEqual(['deleted']);
    expect((await pointsOf(client)).toSorted()).toEqual([72, 73]);
    const bucketed = await answered<Series[]>(client.get('/chart-data?normalizedDataType=heart-rate&points=10'));
    expect(bucketed.flatMap(({ data }) => data.map((point) => (point as { count?: number }).count ?? 1)).reduce((a, b) => a + b, 0)).toBe(2);
    const opened = await openedOf(patientId);
    expect([opened.includes('71.123456'), opened.includes('79.654321'), opened.includes('"value":72'), opened.includes('"value":73')]).toEqual([false, false, true, true]);
    const id = items[0]?._id ?? '';
    const record = await answered<KeptRecord>(client.get(`/health-data/${id}`));
    expect(record).toMatchObject({ _id: id, state: 'deleted' });
    expect(record).not.toHaveProperty('rawData');
    expect(record).not.toHaveProperty('normalizedData');
    expect(record).not.toHaveProperty('rawDataType');
    expect((await listed(client)).map(({ _id }) => _id)).not.toContain(id);
    expect((await listed(client, '&state=deleted')).map(({ _id }) => _id)).toEqual([id]);
    expect((await listed(client)).map(({ rawData }) => rawData)).toEqual(expect.arrayContaining([stays, fresh]));
    const { rows } = await vitalgate.database.pool.query('select from device_manager.payload where patient_id = $1 and redacted_at is not null', [patientId]);
    expect(rows).toHaveLength(2);
    const audited = await vitalgate.database.pool.query<{ resource: string }>(`select resource from device_manager.audit_event where patient_id = $1 and event = 'samples-deleted' order by at`, [patientId]);
    expect(audited.rows).toEqual([{ resource: `sample/${id}` }]);
  });

  test('a sample that comes again, or for the first time, after its deletion is not kept', async () => {
    const { client, patientId } = await enrolled();
    const [again, never, other] = [heartRate(0), heartRate(1, { value: 77.777123 }), heartRate(2)];
    await upload(client, [again]);
    await remove(client, [again.id, never.id]);
    expect(statusesOf(await upload(client, [never, other, again]))).toEqual(['deleted', 'created', 'deleted']);
    const nothing = await upload(client, [never]);
    expect([statusesOf(nothing), 'uploadId' in nothing]).toEqual([['deleted'], false]);
    await idle();
    expect((await listed(client)).map(({ rawData }) => rawData)).toEqual([other]);
    expect(await openedOf(patientId)).not.toContain('77.777123');
  });

  test('normalizing it again brings nothing back', async () => {
    const { client } = await enrolled();
    const one = heartRate(0);
    const [{ _id } = { _id: '' }] = (await upload(client, [one])).items;
    await remove(client, [one.id]);
    expect(await answered<KeptRecord>(client.send(`/health-data/normalize-data/${_id}`, { method: 'PATCH' }))).toMatchObject({ state: 'deleted' });
    await idle();
    expect(await pointsOf(client)).toEqual([]);
  });

  test("another patient's sample is not known, and stays", async () => {
    const [anna, ben] = [await enrolled(), await enrolled()];
    const one = heartRate(0);
    await upload(anna.client, [one]);
    expect(statusesOf(await remove(ben.client, [one.id]))).toEqual(['unknown']);
    expect(await listed(anna.client)).toHaveLength(1);
    expect(statusesOf(await upload(anna.client, [one]))).toEqual(['duplicate']);
  });

  test.each([
    ['no patient', () => service(vitalgate).post('/health-data/deletions', { deletions: [] }), 400, 'user-header-missing'],
    ['an array', () => service(vitalgate, newPatient()).post('/health-data/deletions', [{ uuid: randomUUID() }]), 400, 'invalid-request'],
    ['too many', () => service(vitalgate, newPatient()).post('/health-data/deletions', { deletions: Array.from({ length: 5001 }, () => 0) }), 413, 'too-many-items'],
  ])('%s is refused as a whole', async (_situation, send, status, code) => {
    expect(await refused(send())).toMatchObject({ status, code });
  });

  test('at the same time as its upload, whoever is first', async () => {
    const { client } = await enrolled();
    for (let round = 0; round < 10; round += 1) {
      const one = heartRate(round);
      await Promise.all([upload(client, [one]), remove(client, [one.id]), upload(client, [one, heartRate(100 + round)])]);
      expect(statusesOf(await upload(client, [one]))).toEqual(['deleted']);
    }
    await idle();
    expect(await listed(client)).toHaveLength(10);
    expect(await pointsOf(client)).toHaveLength(10);
  });
});

const version = (number: number, more: object = {}) => heartRate(0, { value: 60 + number, metadata: { HKMetadataKeySyncIdentifier: 'reading-1', HKMetadataKeySyncVersion: number }, ...more });

describe('versions that an app counts', () => {
  test.each([
    ['in order', [version(1), version(2), version(3)]],
    ['the last one first', [version(3), version(1), version(2)]],
    ['a number twice: the first stays', [version(3), version(3, { value: 99 }), version(1)]],
    ['under the other spelling of the keys, as text', [version(1), heartRate(0, { value: 63, metadata: { HKSyncIdentifier: 'reading-1', HKSyncVersion: '3' } })]],
  ])('%s', async (_situation, versions) => {
    const { client } = await enrolled();
    for (const one of versions) await upload(client, [one]);
    await idle();
    expect(await pointsOf(client)).toEqual([63]);
    const records = await listed(client);
    expect(records.filter(({ state }) => state === 'normalized')).toHaveLength(1);
    expect(records.filter(({ state, reason }) => state === 'superseded' && reason === 'sync-version')).toHaveLength(versions.length - 1);
  });

  test('of another source or without a number they are readings of their own', async () => {
    const { client } = await enrolled();
    await upload(client, [version(1), version(2, { sourceId: 'another.app' }), heartRate(0, { value: 63, metadata: { HKMetadataKeySyncIdentifier: 'reading-1' } })]);
    await idle();
    expect((await pointsOf(client)).toSorted()).toEqual([61, 62, 63]);
  });

  test('an older version does not come back when the last one is deleted', async () => {
    const { client } = await enrolled();
    const last = version(2);
    await upload(client, [version(1), last]);
    await idle();
    await remove(client, [last.id]);
    await idle();
    expect(await pointsOf(client)).toEqual([]);
  });
});

test('the same reading under another UUID is kept, counts, and names the first', async () => {
  const { client } = await enrolled();
  const one = heartRate(0);
  const first = await upload(client, [one]);
  const second = await upload(client, [{ ...one, id: randomUUID() }, { ...one, id: randomUUID(), sourceId: 'another.app' }]);
  expect(second.items).toMatchObject([{ status: 'created', sameReadingAs: first.items[0]?._id }, { status: 'created' }]);
  expect(second.items[1]).not.toHaveProperty('sameReadingAs');
  await idle();
  expect((await listed(client)).filter(({ sameReadingAs }) => sameReadingAs !== undefined)).toMatchObject([{ _id: second.items[0]?._id, sameReadingAs: first.items[0]?._id, state: 'normalized' }]);
});

test('uploads, deletions and versions in any order, repeated at will, end the same', async () => {
  const [plain, other] = [heartRate(10, { value: 80 }), heartRate(11, { value: 81 })];
  const [v1, v2, v3] = [version(1), version(2), version(3)];
  const acts: readonly ((client: Client) => Promise<unknown>)[] = [
    (client) => upload(client, [plain, v1]),
    (client) => upload(client, [other, plain]),
    (client) => upload(client, [v3]),
    (client) => upload(client, [v2, other, v1]),
    (client) => remove(client, [plain.id, randomUUID()]),
    (client) => remove(client, [v1.id]),
  ];
  const runs = Number(process.env['PROPERTY_RUNS'] ?? 12);
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...acts, ...acts], { minLength: acts.length * 2 }), async (order) => {
      const { client } = await enrolled();
      for (const act of order) await act(client);
      await idle();
      const states = (await listed(client)).map(({ state, rawData }) => [state, (rawData as { value: number }).value]).toSorted();
      expect(states).toEqual([['normalized', 63], ['normalized', 81], ['superseded', 62]]);
      expect((await pointsOf(client)).toSorted()).toEqual([63, 81]);
    }),
    { numRuns: runs },
  );
}, 120_000);
