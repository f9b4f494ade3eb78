import { expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultsOf, type Found } from './ledger-check.ts';
import { openLedger, readLedger, type Act, type Entry, type Outcome } from './ledger.ts';

const entry = (act: Act, outcome: Outcome, ...keys: string[]): Entry => ({ act, outcome, keys });
const did = (act: Act, ...keys: string[]): Entry[] => [entry(act, 'sent', ...keys), entry(act, 'acknowledged', ...keys)];
const sample = (at: string, state = 'normalized') => ({ at, state });

/** An app to which nothing befell that must not: one upload was sent twice, one was given up, one deletion has no answer yet. */
const entries: readonly Entry[] = [
  ...did('sign-in', 'session'), ...did('enrolment', 'watch'),
  ...did('upload', 'a', 'b'),
  entry('upload', 'sent', 'c', 'd'), entry('upload', 'unknown', 'c', 'd'), ...did('upload', 'c', 'd'),
  entry('upload', 'sent', 'e', 'f'), entry('upload', 'unknown', 'e', 'f'),
  entry('upload', 'sent', 'g', 'h'), entry('upload', 'refused', 'g', 'h'),
  ...did('deletion', 'a'), entry('deletion', 'sent', 'b'), entry('deletion', 'unknown', 'b'),
  ...did('delivery', 'one'), entry('delivery', 'sent', 'two'), entry('delivery', 'unknown', 'two'),
  ...did('reset wish', 'link'),
];
const found: Found = {
  samples: [sample('a', 'deleted'), sample('b'), sample('c'), sample('d')],
  charted: ['b', 'c', 'd'], deliveries: ['one'], devices: ['watch'], mails: 1,
};

test.each<[string, Partial<Found>]>([
  ['what has no answer is not there', {}],
  ['an upload without answer is there', { samples: [...found.samples, sample('e'), sample('f')], charted: [...found.charted, 'e', 'f'] }],
  ['a deletion without answer was done', { samples: [sample('a', 'deleted'), sample('b', 'deleted'), sample('c'), sample('d')], charted: ['c', 'd'] }],
  ['a delivery without answer is there', { deliveries: ['one', 'two'] }],
  ['a wish was mailed twice', { mails: 2 }],
])('no fault: %s', (_situation, more) => {
  expect(faultsOf(entries, { ...found, ...more })).toEqual([]);
});

test.each<[string, Partial<Found>, string[]]>([
  ['an answer before the commit, and the database crashed', { samples: found.samples.slice(0, 2), charted: ['b'] }, ['a sample acknowledged and lost: c and 1 more']],
  ['a deletion that took the row with it', { samples: found.samples.slice(1) }, ['a sample acknowledged and lost: a', 'an upload kept by half: a']],
  ['an upload that was kept again when it was repeated', { samples: [...found.samples, sample('c')] }, ['a sample there twice: c']],
  ['samples of somebody else', { samples: [...found.samples, sample('x')], charted: [...found.charted, 'x'] }, ['a sample there and never sent: x']],
  ['half of an upload without answer', { samples: [...found.samples, sample('e')], charted: [...found.charted, 'e'] }, ['an upload kept by half: e']],
  ['a job that never came', { samples: [...found.samples.slice(0, 3), sample('d', 'received')], charted: ['b', 'c'] }, ['a sample without result: d (received)', 'a sample not charted: d']],
  ['a job that was done twice', { charted: [...found.charted, 'd'] }, ['a point charted twice: d']],
  ['a chart of what was deleted', { charted: [...found.charted, 'a'] }, ['a point without a sample: a']],
  ['a deletion that was lost', { samples: [sample('a'), ...found.samples.slice(1)], charted: ['a', ...found.charted] }, ['a deleted sample there: a']],
  ['a deletion of another sample', { samples: [...found.samples.slice(0, 3), sample('d', 'deleted')], charted: ['b', 'c'] }, ['a sample deleted that nobody deleted: d']],
  ['a delivery that was acknowledged and lost', { deliveries: [] }, ['a delivery acknowledged and lost: one']],
  ['a delivery that was kept twice', { deliveries: ['one', 'one'] }, ['a delivery there twice: one']],
  ['a device that was acknowledged and lost', { devices: [] }, ['a device acknowledged and lost: watch']],
  ['a wish that was taken and forgotten', { mails: 0 }, ['a wish for a link without a mail: link']],
])('a fault: %s', (_situation, more, faults) => {
  expect(faultsOf(entries, { ...found, ...more })).toEqual(faults);
});

test('a fault: an answer that nobody declared', () => {
  const answered: Entry = { act: 'upload', keys: ['i'], outcome: 'undeclared', answer: '500 internal-error' };
  expect(faultsOf([...entries, entry('upload', 'sent', 'i'), answered], found)).toEqual(['an answer that nobody declared: upload 500 internal-error']);
});

test('among tens of thousands, one that is there twice is found', () => {
  const many = Array.from({ length: 50_000 }, (_, index) => String(index));
  const app = { ...found, samples: [...many, '7'].map((at) => sample(at)), charted: many, deliveries: [], devices: [], mails: 0 };
  expect(faultsOf(did('upload', ...many), app)).toEqual(['a sample there twice: 7']);
});

test('a ledger is read as it was written, over the end of whoever wrote it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-ledger-'));
  for (const some of [entries.slice(0, 3), entries.slice(3)]) {
    const ledger = openLedger(join(folder, 'ledger'));
    some.forEach(ledger.note);
    ledger.close();
  }
  expect(readLedger(join(folder, 'ledger'))).toEqual(entries);
  rmSync(folder, { recursive: true });
});
