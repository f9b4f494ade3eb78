import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { migrate } from '../../src/database/migrator.ts';
import { migrations, schema } from '../../src/device-manager/storage/migrations.ts';
import { sampleById } from '../../src/device-manager/storage/sample-table.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const id = (digit: string) => digit.repeat(32);
const at = '2024-07-01T00:00:00Z';

/** A row as it was kept before: wide, with its state in each. */
const keep = (_id: string, more: Readonly<Record<string, unknown>> = {}) => {
  const row = {
    patient_id: 'anna', _id, provider: 'healthkit', device: id('d'), device_id: 'watch', type: 'HeartRate', payload_id: id('e'), item_index: 0, recorded_at: at, ended_at: at, received_at: '2024-07-02T00:00:00Z',
    content_mac: Buffer.from('00000000000000ff'.padEnd(64, '0'), 'hex'), ...more,
  };
  const names = Object.keys(row);
  return database.pool.query(`insert into device_manager.sample (${names.join(', ')}) values (${names.map((_, index) => `$${String(index + 1)}`).join(', ')})`, Object.values(row));
};

test('samples kept before are the same afterwards, each with the state it had', async () => {
  const before = migrations.findIndex(({ name }) => name === '0013-narrow-samples');
  await migrate(database.pool, schema, migrations.slice(0, before));
  for (const patient of ['anna', 'ben']) {
    await database.pool.query(
      `insert into device_manager.payload (patient_id, payload_id, provider, format, received_at, body, context, digest, size_bytes, item_count) values ($1, $2, 'healthkit', 'healthkitstandard-json', $3, '', '', '', 0, 5)`,
      [patient, id('e'), '2024-07-02T00:00:00Z'],
    );
  }
  const normalized = { state: 'normalized', normalized_type: 'heart-rate', rule_id: 'healthkit-heart-rate', rule_version: 3, updated_at: '2024-07-03T00:00:00Z' };
  await keep(id('1'));
  await keep(id('2'), { ...normalized, item_index: 1, ended_at: '2024-07-01T01:00:00Z', identity: 'identifier:x', version_number: 2, same_reading_as: id('1') });
  await keep(id('3'), { state: 'normalization-failed', reason: 'no-rule', item_index: 2, type: null });
  await keep(id('4'), { state: 'deleted', type: null, content_mac: Buffer.alloc(0), item_index: 3 });
  await keep(id('1').replace('1', '5'), { ...normalized, patient_id: 'ben', type: 'StepCount' });
  const sample = { provider: 'healthkit', device_id: 'watch', payload_id: id('e'), format: 'healthkitstandard-json', recorded_at: new Date(at), received_at: new Date('2024-07-02T00:00:00Z') };

  await migrate(database.pool, schema, migrations);
  expect(await sampleById(database.pool, id('1'))).toMatchObject({ ...sample, patient_id: 'anna', type: 'HeartRate', state: 'received', ended_at: new Date(at), rule_id: null });
  expect(await sampleById(database.pool, id('2'))).toMatchObject({
    ...sample, ...normalized, updated_at: new Date('2024-07-03T00:00:00Z'), item_index: 1, ended_at: new Date('2024-07-01T01:00:00Z'), identity: 'identifier:x', same_reading_as: id('1'),
  });
  expect(await sampleById(database.pool, id('3'))).toMatchObject({ ...sample, type: null, state: 'normalization-failed', reason: 'no-rule' });
  expect(await sampleById(database.pool, id('4'))).toMatchObject({ ...sample, type: null, state: 'deleted' });
  expect(await sampleById(database.pool, id('1').replace('1', '5'))).toMatchObject({ ...sample, ...normalized, patient_id: 'ben', type: 'StepCount', updated_at: new Date('2024-07-03T00:00:00Z') });
  const { rows } = await database.pool.query('select content_key from device_manager.sample order by _id');
  expect(rows.map((row) => (row as { content_key: string | null }).content_key)).toEqual(['255', '255', '255', null, '255']);
});

test('of two names that were kept before, each was issued when the sample was; of one name there is nothing more', async () => {
  const before = migrations.findIndex(({ name }) => name === '0072-halves-by-themselves');
  await migrate(database.pool, schema, migrations.slice(0, before));
  await database.pool.query(
    `insert into device_manager.sample (recorded_at, item_index, group_no, _id, payload_id, patient_id, issued_at, identity)
     values ($1, 0, 0, $2, $4, 'anna', $1, 'identifier:x identifier:y'), ($1, 1, 0, $3, $4, 'anna', $1, 'identifier:z')`, [at, id('1'), id('2'), id('e')]);
  await migrate(database.pool, schema, migrations);
  const { rows } = await database.pool.query('select other_issued_at from device_manager.sample order by item_index');
  expect(rows).toEqual([{ other_issued_at: new Date(at) }, { other_issued_at: null }]);
});
