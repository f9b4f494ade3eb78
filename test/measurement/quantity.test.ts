import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { commensurable, convert, isUcum, UnitMismatch } from '../../src/measurement/quantity.ts';
import '../setup/seed.ts';

/** Units that devices and phones write, by what they measure. */
const dimensions: Readonly<Record<string, readonly string[]>> = {
  mass: ['kg', 'g', '[lb_av]', '[stone_av]', '[oz_av]'],
  length: ['m', 'cm', 'mm', '[in_i]', '[ft_i]', '[mi_i]', 'km'],
  pressure: ['mm[Hg]', 'Pa', 'kPa', 'cm[H2O]', 'bar'],
  temperature: ['Cel', '[degF]', 'K'],
  energy: ['kcal', 'kJ', 'J', 'cal'],
  time: ['s', 'min', 'h', 'ms', 'd'],
  rate: ['/min', '/s', 'Hz'],
  volume: ['L', 'mL', 'dL'],
  concentration: ['mmol/L', 'umol/L', 'mol/L'],
};

describe('converting between units', () => {
  test.each(Object.entries(dimensions))('%s there and back is the same to twelve digits', (_dimension, units) => {
    fc.assert(fc.property(fc.constantFrom(...units), fc.constantFrom(...units), fc.double({ min: 0.001, max: 100_000, noNaN: true }), (from, to, value) => {
      const back = convert(convert(value, from, to), to, from);
      // Of a temperature the offset of the zero costs digits.
      expect(Math.abs(back - value)).toBeLessThanOrEqual(1e-12 * Math.max(value, 500));
    }));
  });

  test.each<[number, string, string, number]>([
    [16400, 'Pa', 'mm[Hg]', 123.01], [10533, 'Pa', 'mm[Hg]', 79.0], [98.6, '[degF]', 'Cel', 37], [160.5, '[lb_av]', 'kg', 72.8], [70, '[in_i]', 'cm', 177.8],
    [1.2, 'Hz', '/min', 72], [100, 'kJ', 'kcal', 23.9], [5.5, 'mmol/L', 'umol/L', 5500], [0.97, '1', '%', 97],
  ])('%s %s is %s: %s to two decimals', (value, from, to, expected) => {
    expect(convert(value, from, to)).toBeCloseTo(expected, 1);
    expect(Number(convert(value, from, to).toFixed(2))).toBeCloseTo(expected, 1);
  });

  test('a value stays to the last digit where nothing is to convert', () => {
    fc.assert(fc.property(fc.constantFrom(...Object.values(dimensions).flat()), fc.double({ noNaN: true, noDefaultInfinity: true }), (unit, value) => convert(value, unit, unit) === value));
  });

  test.each([
    ['mass and moles', 'mg/dL', 'mmol/L'], ['mass and length', 'kg', 'm'], ['a temperature and a pressure', 'Cel', 'Pa'], ['a unit nobody knows', 'cubit', 'm'],
    ['a name that JavaScript reserves', 'constructor', '1'], ['a prototype', '__proto__', '1'], ['nothing', '', 'm'], ['no ASCII', 'µg', 'g'],
  ])('%s do not convert, and say so without the value', (_situation, from, to) => {
    expect(() => convert(4711, from, to)).toThrow(UnitMismatch);
    expect(() => convert(4711, from, to)).not.toThrow(/4711/);
    expect(commensurable(from, to)).toBe(false);
  });

  test.each([['mm[Hg]', true], ['MM[HG]', false], ['mmHg', false], ['%', true], ['{steps}', true], ['a'.repeat(65), false], ['kg m', false]])('%s is UCUM: %s', (code, expected) => {
    expect(isUcum(code)).toBe(expected);
  });
});
