import { describe, expect, test } from '@jest/globals';
import { builtInTypes } from '../../src/device-manager/catalogue/built-in-types.ts';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import { faultsIn } from '../../src/device-manager/domain/rule-fault.ts';
import { itemsOf, measuredOf } from '../../src/device-manager/payload-items.ts';
import type { SampleRow } from '../../src/device-manager/storage/sample-table.ts';
import { measuresOf } from '../../src/healthkit/measures/measures-of.ts';
import { unitOfItem } from '../../src/healthkit/item-value.ts';
import { resolveType } from '../../src/healthkit/type-catalogue.ts';
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
  readonly healthkitUnits?: readonly string[];
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

describe('units', () => {
  const unitOf = (type: string, unit: string) => {
    const found = unitOfItem({ value: 0.5, unit }, resolveType(type), undefined);
    return 'code' in found ? found.code : found.unit;
  };
  const spelled = all.filter(({ kind }) => kind === 'quantity').flatMap(({ identifier, healthkitUnits = [] }) => healthkitUnits.map((unit) => [identifier, unit] as const));

  test('every one that HealthKit has for a type is one of it', () => {
    expect(spelled.length).toBeGreaterThan(300);
    expect(spelled.filter(([type, unit]) => /^unit-/.test(unitOf(type, unit) ?? 'unit-none'))).toEqual([]);
  });

  test.each([
    ['moles of glucose', 'BloodGlucose', 'mmol<180.15588000005408>/L', 'mmol/L'],
    ['moles of glucose with fewer digits', 'BloodGlucose', 'mmol<180.156>/L', 'mmol/L'],
    ['whole moles of glucose', 'BloodGlucose', 'mol<180.1558800000541>/L', 'mol/L'],
    ['moles of something else', 'BloodGlucose', 'mmol<58.44>/L', 'unit-unknown'],
    ['a cup of Flutter', 'DietaryWater', 'CUP_IMPERIAL', '10.[foz_br]'],
    ['none of Flutter', 'BodyMassIndex', 'NO_UNIT', 'kg/m2'],
    ['a level of sound for what is none', 'BodyMass', 'dBASPL', 'unit-not-for-type'],
  ])('%s', (_situation, type, unit, expected) => {
    expect(unitOf(type, unit)).toBe(expected);
  });

  test.each<[string, object, string | undefined, object]>([
    ['its own', { unit: 'lb' }, 'kg', { unit: '[lb_av]' }],
    ['that of its upload, where it names none', {}, 'lb', { unit: '[lb_av]' }],
    ['that of its upload, as it is spelled where nobody knows it', { unit: ' ' }, 'stones', { unit: 'stones' }],
    ['none', {}, undefined, {}],
  ])('a type that nobody knows has the unit that is stated: %s', (_situation, more, batchUnit, expected) => {
    expect(unitOfItem({ value: 70, ...more }, undefined, batchUnit)).toEqual({ ...expected, unitAssumed: false });
  });

  test('a sample of a type that nobody knows is the same one whatever the unit of its upload', () => {
    const vetted = (unit?: string) => vetItem({ item: { type: 'MyType', value: 70, startDate: start, endDate: end }, index: 0, batch: { unit }, enrolled: [device], patientId: 'p', now: Date.parse('2024-07-02T00:00:00Z'), checkShape: () => null });
    expect(vetted('kg')).toEqual(vetted());
  });

  test('a level by which sound was reduced is a difference of levels', () => {
    expect(through({ type: 'EnvironmentalSoundReduction', unit: 'dBASPL', value: 28, startDate: start, endDate: end })).toMatchObject({ record: { observations: [{ value: 28, unitCode: 'dB' }] } });
  });

  test('a cup is ten fluid ounces', () => {
    const outcome = through({ type: 'DietaryWater', unit: 'cup_imp', value: 2, startDate: start, endDate: end });
    expect('record' in outcome && outcome.record.observations[0]?.value).toBeCloseTo(0.56826, 4);
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

  test('of which only the span counts is known as such', () => {
    const spans = categories.filter(([, { values = [] }]) => values.length > 0 && values.every(({ name }) => name === 'notApplicable'));
    expect(categories.filter(([identifier]) => resolveType(identifier)?.hasNoValue === true)).toEqual(spans);
  });

  test.each(categories.filter(([, { values = [] }]) => values.length > 0))('%s with a value that nobody knows is not guessed', (identifier) => {
    expect(through({ type: identifier, value: 4711, startDate: start, endDate: end })).toEqual({ reason: 'event-unknown' });
  });
});

test.each(['INBED', 'ASLEEP', 'AWAKE', 'CORE', 'DEEP', 'REM'])('sleep %s, as react-native-health writes it', (value) => {
  expect(through({ type: 'SleepAnalysis', value, startDate: start, endDate: end })).toMatchObject({ normalizedDataType: 'sleep-analysis', record: { observations: [{ value: 30, unitCode: 'min' }] } });
});

describe('the distance of a workout', () => {
  const measured = (item: Readonly<Record<string, unknown>>) => Object.fromEntries(Object.entries(measuresOf(item, 'HKWorkoutTypeIdentifier', 1800) ?? {}).filter(([name]) => name.startsWith('distance')));

  test.each<[string, Readonly<Record<string, unknown>>, object]>([
    ['is in miles of react-native-health', { activityId: 37, activityName: 'Running', distance: 3.11 }, { distance: { value: 3.11, unit: 'mi' } }],
    ['is in the unit of the workout', { distance: 5000, unit: 'm' }, { distance: { value: 5000, unit: 'm' } }],
    ['is in the unit beside it', { distance: 5, distanceUnit: 'km', unit: 'm' }, { distance: { value: 5, unit: 'km' } }],
    ['is in its own unit, also where an activity is named', { activityId: 37, activityName: 'Running', distance: { qty: 5, units: 'km' } }, { distance: { value: 5, unit: 'km' } }],
    ['is not in miles of a library that names the activity otherwise', { activityId: 37, activityName: 'Running', workoutActivityId: 37, distance: 5000 }, { 'distance []': { value: 5000, unit: '' } }],
    ['is not guessed where nobody says its unit', { distance: 5000 }, { 'distance []': { value: 5000, unit: '' } }],
    ['is not in a unit of something else', { distance: 5000, unit: 'kcal' }, { 'distance []': { value: 5000, unit: '' } }],
  ])('%s', (_situation, item, expected) => {
    expect(measured(item)).toEqual(expected);
  });
});

test('no built-in rule has a fault that a rule of an installation would be refused for', () => {
  expect(builtInTypes.flatMap((type) => faultsIn(type).map((fault) => ({ rule: type.identifier, ...fault })))).toEqual([]);
});

test.each(['71', '7.1e1', '+71', '710e-01'])('a number sent as text is read, as programs print it: %s', (value) => {
  expect(through({ type: 'HeartRate', unit: 'bpm', value, startDate: start, endDate: end })).toMatchObject({ record: { observations: [{ value: 71, unitCode: '/min' }] } });
});

/** An item of an upload in the words of its bridge, through the shape of its format and the rules. */
const shapedThrough = (identifier: string, element: object) => {
  const items = itemsOf({ provider: 'healthkit', format: 'healthkitstandard-json', bytes: Buffer.from(JSON.stringify([element])), itemCount: 1 });
  const sample = { provider: 'healthkit', type: identifier, recorded_at: new Date(start), ended_at: new Date(start) } as SampleRow;
  return items.map((item) => normalize(rules, measuredOf(sample, item, {})));
};

test.each<[string, object, object]>([
  ['of Flutter', { type: 'INSULIN_DELIVERY', dateFrom: start, dateTo: start, unit: 'INTERNATIONAL_UNIT', value: { __type: 'InsulinDeliveryHealthValue', units: 2.5, reason: 'BASAL' } }, { reason: 'BASAL' }],
  ['of the Cordova plugin', { type: 'insulin_delivery', startDate: start, endDate: start, sourceBundleId: 'pump', unit: 'IU', value: { insulin: 2.5, reason: 'basal' } }, { reason: 'basal' }],
  ['with the metadata of HealthKit', { type: 'InsulinDelivery', startDate: start, endDate: start, unit: 'IU', value: 2.5, metadata: { HKInsulinDeliveryReason: 1 } }, { deliveryReason: '1' }],
])('insulin %s is told with why it was delivered', (_situation, element, annotation) => {
  expect(shapedThrough('HKQuantityTypeIdentifierInsulinDelivery', element)).toMatchObject([{ record: { observations: [{ value: 2.5, unitCode: '[iU]', annotation }] } }]);
});

test.each<[string, object, string[]]>([
  ['a drink', { __type: 'NutritionHealthValue', name: 'Juice', water: 250, b1_thiamine: 0.002 }, ['2 mg Dietary Thiamin', '0.25 L Dietary Water']],
  ['a vitamin of each spelling', { b1Thiamine: 0.001 }, ['1 mg Dietary Thiamin']],
  ['a vitamin as it was spelled before', { b1Thiamin: 0.003, b2_riboflavin: 0.004 }, ['4 mg Dietary Riboflavin', '3 mg Dietary Thiamin']],
])('of a meal of Flutter all is read that HealthKit has: %s', (_situation, value, expected) => {
  const [outcome] = shapedThrough('HKCorrelationTypeIdentifierFood', { type: 'NUTRITION', dateFrom: start, dateTo: start, value });
  const observations = outcome && 'record' in outcome ? outcome.record.observations : [];
  expect(observations.map((one) => `${String(one.value)} ${one.unitCode} ${one.name}`)).toEqual(expected);
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
  const items = itemsOf({ provider: 'healthkit', format, bytes: Buffer.from(JSON.stringify(body)), itemCount: 1 });
  expect(items).toHaveLength(1);
  for (const item of items) {
    const sample = { provider: 'healthkit', type: String((item.document as { type: unknown }).type), recorded_at: new Date(start), ended_at: new Date(start) } as SampleRow;
    expect(normalize(rules, measuredOf(sample, item, {}))).toMatchObject({ record: { observations: [{ value: kept, unitCode: '%' }] } });
  }
});
