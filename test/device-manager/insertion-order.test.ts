import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { inTransaction } from '../../src/database/transaction.ts';
import { insertSamples, type NewSample } from '../../src/device-manager/storage/new-sample-table.ts';
import { migrateDeviceManager } from '../../src/schemas.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { eventually } from './client.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await migrateDeviceManager(database.pool);
});
afterAll(() => database.drop());

const sample = (_id: string): NewSample => ({
  _id, device: randomUUID(), deviceId: 'watch', type: 'HeartRate', itemIndex: 0, recordedAtMs: 0, endedAtMs: 0, contentKey: 1n,
});
const [low, high] = [sample('0'.repeat(32)), sample('f'.repeat(32))];
const place = () => ({ patientId: 'anna', provider: 'healthkit', format: 'healthkitstandard-json', payloadId: randomUUID(), receivedAt: new Date(0) });
const waiters = async () => (await database.pool.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).rowCount;

test('who waits for a sample of another upload holds none that comes later, so that no two uploads wait for each other', async () => {
  const second = { created: Promise.resolve(new Set<string>()) };
  await inTransaction(database.pool, async (first) => {
    expect(await insertSamples(first, place(), [low])).toEqual(new Set([low._id]));
    second.created = inTransaction(database.pool, (client) => insertSamples(client, place(), [high, low]));
    expect(await eventually(waiters, (count) => count === 1)).toBe(1);
    expect(await insertSamples(first, place(), [high])).toEqual(new Set([high._id]));
  });
  expect(await second.created).toEqual(new Set());
});
