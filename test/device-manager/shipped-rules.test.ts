import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { HealthDataType } from '../../src/device-manager/domain/rule.ts';
import type { Displaced } from '../../src/device-manager/domain/rules-in-force.ts';
import { chartedTypes } from '../../src/device-manager/charted-types.ts';
import { createRuleBook } from '../../src/device-manager/rule-book.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => (database = await createTestDatabase('migrated')));
afterAll(() => database.drop());
beforeEach(() => database.pool.query('truncate device_manager.health_data_type'));

const rule = (identifier: string, dataTypes: readonly string[], version = 1): HealthDataType => ({
  identifier, version, providerId: 'healthkit', dataTypes, normalizedDataType: 'heart-rate', observations: [{ value: '/value', targets: [{ code: '8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min' }] }],
});
const book = (shipped: readonly HealthDataType[], onDisplaced?: (displaced: Displaced) => void) => createRuleBook(database.pool, shipped, onDisplaced);
const own = rule('own', ['HKNew']);
const create = async (type: HealthDataType) => expect(await book([]).create({ type }, 'operator:chief')).toMatchObject({ version: 1001 });

/** Which rule takes what. */
const takenIn = async (shipped: readonly HealthDataType[]) => Object.fromEntries([...(await book(shipped).current()).rules].map(([name, { identifier }]) => [name, identifier]));

test.each<[string, readonly HealthDataType[], object]>([
  ['the type that it has a rule for', [rule('shipped', ['HKNew'])], { 'healthkit/hknew': 'own' }],
  ['the type in another letter case', [rule('shipped', ['hkNEW'])], { 'healthkit/hknew': 'own' }],
  ['the type among others', [rule('shipped', ['HKNew', 'HKOther'])], { 'healthkit/hknew': 'own', 'healthkit/hkother': 'shipped' }],
  ['the type of another provider', [{ ...rule('shipped', ['HKNew']), providerId: 'medisante' }], { 'healthkit/hknew': 'own', 'medisante/hknew': 'shipped' }],
  ['a rule of the same identifier', [rule('own', ['HKNew', 'HKOther'])], { 'healthkit/hknew': 'own' }],
])('a release that ships %s leaves it to the rule of the installation', async (_situation, shipped, expected) => {
  await create(own);
  expect(await takenIn(shipped)).toEqual(expected);
  expect((await inTransaction(database.pool, (client) => book(shipped).held(client))).rules.get('healthkit/hknew')?.identifier).toBe('own');
});

test('the rule of the installation stays what can be changed, and the built-in one takes over when it is retired', async () => {
  await create(own);
  const shipped = [rule('shipped', ['HKNew', 'HKOther'])];
  const rules = book(shipped);
  expect(await rules.change('own', 1001, { type: own }, 'operator:chief')).toMatchObject({ version: 1002 });
  expect(await rules.change('shipped', 1, { type: rule('shipped', ['HKNew']) }, 'operator:chief')).toEqual({ takenBy: 'own', dataType: 'HKNew' });
  expect(await rules.change('own', 1002, undefined, 'operator:chief')).toMatchObject({ isRetired: true });
  expect(await takenIn(shipped)).toEqual({ 'healthkit/hknew': 'shipped', 'healthkit/hkother': 'shipped' });
  expect(await rules.change('own', 1003, { type: own }, 'operator:chief')).toEqual({ takenBy: 'shipped', dataType: 'HKNew' });
  expect(await rules.change('shipped', 1, undefined, 'operator:chief')).toMatchObject({ isRetired: true });
  expect(await rules.change('own', 1003, { type: own }, 'operator:chief')).toMatchObject({ version: 1004 });
  expect(await takenIn(shipped)).toEqual({ 'healthkit/hknew': 'own' });
});

test('what the rule of the installation keeps is told once', async () => {
  await create(own);
  const told: Displaced[] = [];
  const rules = book([rule('shipped', ['HKNew', 'HKOther'])], (displaced) => told.push(displaced));
  await rules.current();
  await rules.current();
  await rules.create({ type: rule('another', ['HKAnother']) }, 'operator:chief');
  await rules.current();
  expect(told).toEqual([{ identifier: 'shipped', dataType: 'HKNew', takenBy: 'own' }]);
});

test('built-in rules that want the same samples are found at once', () => {
  expect(() => book([rule('one', ['HKNew']), rule('other', ['HKNew'])])).toThrow('both want');
});

test('charts draw the series of a type as the rule of the installation says', async () => {
  const counting = (identifier: string, overlapping: boolean): HealthDataType => ({
    ...rule(identifier, ['HKNew']), observations: [{ value: '/value', targets: [{ code: '9999-1', name: 'Units', unit: 'IU', unitCode: '[iU]', cumulative: true, overlapping }] }],
  });
  await create(counting('own', false));
  const { cumulative, overlapping } = await chartedTypes(book([counting('shipped', true)]));
  expect([[...cumulative], [...overlapping]]).toEqual([['9999-1|[iU]'], []]);
});
