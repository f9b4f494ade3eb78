import { describe, expect, test } from '@jest/globals';
import { builtInTypes } from '../../src/device-manager/catalogue/built-in-types.ts';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import { faultsIn } from '../../src/device-manager/domain/rule-fault.ts';
import { itemsOf, measuredOf } from '../../src/device-manager/payload-items.ts';
import type { SampleRow } from '../../src/device-manager/storage/sample-table.ts';
import { vetItem } from '../../src/healthkit/vetting.ts';
import { convert, isUcum } from '../../src/measurement/quantity.ts';
import facts from '../fixtures/healthkit/type-map.json' with { type: 'json' };

/** What the table of HealthKit's types says, which our rules were not read from by machine. */
interface Fact {
  readonly identifier: string;
  readonly kind: string;
  readonly canonicalUnitUCUM: string | null;
  readonly loinc: string | null;
  readonly loincConfidence: string | null;
  readonly percentAsFraction?: boolean;
  readonly values?: readonly { readonly raw: number; readonly name: string; readonly exportXml?: string }[];
  readonly meaningIsDuration?: boolean;
}

const all = facts.types as unknown as readonly Fact[];
const rules = compileRules(builtInTypes);
const device = { _id: 'd', deviceId: 'watch' };
const start = '2024-07-01T10:00:00.000Z';
const end = '2024-07-01T10:30:00.000Z';
const apple = 'http://developer.apple.com/documentation/healthkit/';
/** Two codes of glucose, one for mass and one for moles: which is taken depends on the unit. */
const glucose = 'HKQuantityTypeIdentifierBloodGlucose';

/** One sample through the vetting and the rules, as an upload takes it. */
const through = (item: object) => {
  const vetted = vetItem({ item, index: 0, batch: {}, enrolled: [device], patientId: 'p', now: Date.parse('2024-07-02T00:00:00Z'), checkShape: () => null });
  if ('code' in vetted) return { refused: vetted.code };
  return normalize(rules, { providerId: 'healthkit', dataType: vetted.type, item, unit: vetted.unit, unitAssumed: vetted.unitAssumed, start: vetted.start.iso, end: vetted.end.iso });
};

describe('each quantity of HealthKit', () => {
  const quantities = all.filter(({ kind }) => kind === 'quantity').map((fact) => [fact.identifier, fact] as const);

  test.each(quantities)('%s is uploaded and becomes its code, unit and value', (identifier, { canonicalUnitUCUM, loinc, loincConfidence, percentAsFraction }) => {
    const unit = canonicalUnitUCUM ?? '';
    expect(isUcum(unit)).toBe(true);
    const value = percentAsFraction === true ? 0.37 : 12.5;
    const outcome = through({ type: identifier, unit, value, startDate: start, endDate: end });
    const [observation] = 'record' in outcome ? outcome.record.observations : [];
    const expected = percentAsFraction === true ? 37 : value;
    expect(observation?.value).toBeCloseTo(convert(expected, unit, observation?.unitCode ?? unit), 10);
    if (identifier !== glucose && loincConfidence === 'high' && loinc !== '2708-6') expect(observation?.code).toBe(`https://loinc.org/${loinc ?? ''}`);
    // A code that may mean something else is not claimed.
    else expect(observation?.code.startsWith(apple) === true || observation?.code.startsWith('https://loinc.org/') === true).toBe(true);
  });
});

describe('each category of HealthKit', () => {
  const categories = all.filter(({ kind }) => kind === 'category').map((fact) => [fact.identifier, fact] as const);

  test.each(categories)('%s is uploaded in every spelling of its values', (identifier, { values = [], meaningIsDuration }) => {
    const real = values.filter(({ name }) => !/notApplicable/i.test(name));
    const spellings = real.length === 0 ? [[0, undefined]] : real.map(({ raw, name, exportXml }) => [raw, name, ...(exportXml === undefined ? [] : [exportXml])]);
    for (const same of spellings) {
      const records = same.map((value) => through({ type: identifier, ...(value !== undefined && { value }), startDate: start, endDate: end }));
      const codes = records.map((one) => ('record' in one ? one.record.observations[0]?.code : JSON.stringify(one)));
      expect(new Set(codes).size).toBe(1);
      expect(codes[0]?.startsWith(`${apple}${identifier}`)).toBe(true);
      for (const one of records) expect('record' in one ? [one.record.observations[0]?.value, one.record.observations[0]?.unitCode] : one).toEqual(meaningIsDuration === true ? [30, 'min'] : [1, '{event}']);
    }
  });

  test.each(categories.filter(([, { values = [] }]) => values.length > 0))('%s with a value that nobody knows is not guessed', (identifier) => {
    expect(through({ type: identifier, value: 4711, startDate: start, endDate: end })).toEqual({ reason: 'event-unknown' });
  });
});

test.each(['INBED', 'ASLEEP', 'AWAKE', 'CORE', 'DEEP', 'REM'])('sleep %s, as react-native-health writes it', (value) => {
  expect(through({ type: 'SleepAnalysis', value, startDate: start, endDate: end })).toMatchObject({ normalizedDataType: 'sleep-analysis', record: { observations: [{ value: 30, unitCode: 'min' }] } });
});

test('no built-in rule has a fault that a rule of an installation would be refused for', () => {
  expect(builtInTypes.flatMap((type) => faultsIn(type).map((fault) => ({ rule: type.identifier, ...fault })))).toEqual([]);
});

test('a type that nobody knows is kept without a rule', () => {
  expect(through({ type: 'HKQuantityTypeIdentifierTelepathy', unit: 'bpm', value: 1, startDate: start, endDate: end })).toEqual({ reason: 'no-rule' });
});

test.each<[string, string, number, string, number]>([
  ['of Health Auto Export are hundredths, however small', 'health-auto-export-json', 0.05, 'blood_alcohol_content', 0.05],
  ['of Health Auto Export are hundredths, also those of rhythm', 'health-auto-export-json', 0.7, 'atrial_fibrillation_burden', 0.7],
  ['of Health Auto Export are hundredths, also one', 'health-auto-export-json', 1, 'walking_asymmetry_percentage', 1],
  ['of others are fractions', 'healthkitstandard-json', 0.7, 'HKQuantityTypeIdentifierAtrialFibrillationBurden', 70],
  ['of others are hundredths beyond one', 'healthkitstandard-json', 1.9, 'HKQuantityTypeIdentifierPeripheralPerfusionIndex', 1.9],
])('percentages %s: %s %s', (_situation, format, value, name, kept) => {
  const body = format === 'health-auto-export-json' ? { data: { metrics: [{ name, units: '%', data: [{ date: '2024-07-01 10:00:00 +0000', qty: value, source: 'watch' }] }] } } : [{ type: name, value, unit: '%', startDate: start }];
  const items = itemsOf({ provider: 'healthkit', format, bytes: Buffer.from(JSON.stringify(body)) });
  expect(items).toHaveLength(1);
  for (const item of items) {
    const sample = { provider: 'healthkit', type: String((item.document as { type: unknown }).type), recorded_at: new Date(start), ended_at: new Date(start) } as SampleRow;
    expect(normalize(rules, measuredOf(sample, item, {}))).toMatchObject({ record: { observations: [{ value: kept, unitCode: '%' }] } });
  }
});
