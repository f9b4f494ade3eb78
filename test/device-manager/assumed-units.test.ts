import { describe, expect, test } from '@jest/globals';
import { builtInTypes } from '../../src/device-manager/catalogue/built-in-types.ts';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import { vetItem } from '../../src/healthkit/vetting.ts';

const rules = compileRules(builtInTypes);
const refused = 'implausible-with-assumed-unit';

/** A sample of an app that may name no unit, through the vetting and the rules: value and unit, with what is noted, or why there is none. */
const through = (type: string, value: number, unit?: string): string | undefined => {
  const item = { type, value, ...(unit !== undefined && { unit }), startDate: '2024-07-01T10:00:00.000Z', endDate: '2024-07-01T10:00:00.000Z' };
  const vetted = vetItem({ item, index: 0, batch: {}, enrolled: [{ _id: 'd', deviceId: 'watch' }], patientId: 'p', now: Date.parse('2024-07-02T00:00:00Z'), checkShape: () => null });
  if ('code' in vetted) return vetted.code;
  const outcome = normalize(rules, { providerId: 'healthkit', dataType: vetted.type, item, unit: vetted.unit, unitAssumed: vetted.unitAssumed, start: vetted.start.iso, end: vetted.end.iso });
  if ('reason' in outcome) return outcome.reason;
  return outcome.record.observations.map((one) => [String(Math.round(one.value * 10) / 10), one.unitCode, ...Object.keys(one.annotation ?? {})].join(' ')).join();
};

describe('a value without a unit', () => {
  test.each<[situation: string, type: string, value: number, outcome: string]>([
    ['a low glucose in millimoles', 'BloodGlucose', 2.1, '2.1 mmol/L unitAssumed'],
    ['a very high glucose in millimoles', 'BloodGlucose', 30, '30 mmol/L unitAssumed'],
    ['a glucose as high as meters show', 'BloodGlucose', 33.3, '33.3 mmol/L unitAssumed'],
    ['a low glucose that was meant in milligrams', 'BloodGlucose', 45, refused],
    ['a usual glucose that was meant in milligrams', 'BloodGlucose', 100, refused],
    ['a height in inches', 'Height', 69, '175.3 cm unitAssumed'],
    ['the height of a small child in inches', 'Height', 20, '50.8 cm unitAssumed'],
    ['a height that was meant in metres', 'Height', 1.75, refused],
    ['a height that was meant in centimetres', 'Height', 175, refused],
    ['the height of a child that was meant in centimetres', 'Height', 110, refused],
    ['a waist in inches', 'WaistCircumference', 34, '86.4 cm unitAssumed'],
    ['a waist that was meant in centimetres', 'WaistCircumference', 85, refused],
    ['a slim waist that was meant in centimetres', 'WaistCircumference', 62, refused],
    ['a waist that was meant in metres', 'WaistCircumference', 0.85, refused],
    ['a lean mass in pounds', 'LeanBodyMass', 120, '54.4 kg unitAssumed'],
    ['a lean mass that was meant in grams', 'LeanBodyMass', 54_000, refused],
    ['a systolic pressure', 'BloodPressureSystolic', 224, '224 mm[Hg] unitAssumed'],
    ['a systolic pressure that was meant in kilopascals', 'BloodPressureSystolic', 16, refused],
    ['a diastolic pressure', 'BloodPressureDiastolic', 131, '131 mm[Hg] unitAssumed'],
    ['a diastolic pressure that was meant in kilopascals', 'BloodPressureDiastolic', 10.6, refused],
    ['water in litres', 'DietaryWater', 0.25, '0.3 L unitAssumed'],
    ['water that was meant in millilitres', 'DietaryWater', 250, refused],
    ['the water of a sip that was meant in millilitres', 'DietaryWater', 30, refused],
    ['a peak flow in litres a minute', 'PeakExpiratoryFlowRate', 480, '480 L/min unitAssumed'],
    ['a peak flow that was meant in litres a second', 'PeakExpiratoryFlowRate', 8, refused],
  ])('%s', (_situation, type, value, outcome) => {
    expect(through(type, value)).toBe(outcome);
  });
});

describe('a value with its unit', () => {
  test.each<[situation: string, type: string, value: number, unit: string, outcome: string]>([
    ['a glucose beyond what meters show', 'BloodGlucose', 45, 'mmol/L', '45 mmol/L'],
    ['a glucose that nobody has', 'BloodGlucose', 80, 'mmol/L', '80 mmol/L implausible'],
    ['a height in metres', 'Height', 1.75, 'm', '175 cm'],
    ['a height in the wrong unit', 'Height', 1.75, 'in', '4.4 cm implausible'],
    ['a large waist', 'WaistCircumference', 165, 'cm', '165 cm'],
    ['a waist in the wrong unit', 'WaistCircumference', 85, 'in', '215.9 cm implausible'],
    ['the lean mass of a baby', 'LeanBodyMass', 6, 'kg', '6 kg'],
    ['a systolic pressure in kilopascals', 'BloodPressureSystolic', 16, 'kPa', '120 mm[Hg]'],
    ['a diastolic pressure that nobody has', 'BloodPressureDiastolic', 15, 'mmHg', '15 mm[Hg] implausible'],
    ['the water of a day', 'DietaryWater', 12_000, 'mL', '12 L'],
    ['a peak flow in litres a second', 'PeakExpiratoryFlowRate', 8, 'L/s', '480 L/min'],
    ['a heart rate that no number holds in its unit', 'HeartRate', 1.8e307, 'count/s', 'value-not-a-number'],
    ['no sound at all, which is infinitely few decibels', 'HeadphoneAudioExposure', 0, 'Pa', 'value-not-a-number'],
  ])('%s', (_situation, type, value, unit, outcome) => {
    expect(through(type, value, unit)).toBe(outcome);
  });
});

test('a single pressure is judged by the limits of the pair', () => {
  const limitsOf = (identifier: string) => builtInTypes.find((type) => type.identifier === identifier)?.observations.map((one) => ('targets' in one ? one.targets[0]?.plausible : undefined));
  expect([limitsOf('healthkit-blood-pressure-systolic'), limitsOf('healthkit-blood-pressure-diastolic')].flat()).toEqual(limitsOf('healthkit-blood-pressure'));
});
