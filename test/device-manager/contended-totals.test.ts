import { expect, test } from '@jest/globals';
import { contended } from '../../src/device-manager/settling.ts';
import type { VersionRow } from '../../src/device-manager/storage/version-table.ts';

const row = (_id: string, more: Partial<VersionRow> = {}): VersionRow => ({
  patient_id: 'p', _id, payload_id: _id, device: 'd', identity: 'total:1', status: null, version_number: 0, issued_at: null, received_at: new Date(1000), state: 'superseded', reason: 'larger-total',
  item_index: 0, rule_id: 'steps', rule_version: 1, left_out: null, other_issued_at: null, ...more,
});
const counting = row('counting', { state: 'normalized', reason: null });
const fresh = row('fresh', { state: 'received', reason: null, rule_id: null });
const thousand = Array.from({ length: 1000 }, (_, index) => row(String(index)));

test.each<[string, readonly VersionRow[], readonly string[]]>([
  ['a new one after a thousand smaller ones', [...thousand, counting, fresh], ['counting', 'fresh']],
  ['one that is read again, and was newer than what counts', [row('again', { reason: 'newer-total' }), ...thousand, counting], ['again', 'counting']],
  ['smaller ones, where what counted is older than what was read since', [row('a'), row('b'), row('old', { state: 'normalized', reason: null, received_at: new Date(10) }), row('since', { state: 'received', reason: null, version_number: 500 })], ['a', 'b', 'since']],
  ['the only one', [counting], []],
  ['versions that an app counts', [row('1', { identity: 'identifier:1' }), row('2', { identity: 'identifier:1', state: 'normalized' })], []],
])('whose amounts are asked: %s', (_situation, rows, expected) => {
  expect(contended(Map.groupBy(rows, ({ identity }) => identity)).map(({ _id }) => _id)).toEqual(expected);
});
