import { commensurable, convert } from '../../measurement/quantity.ts';
import { ucumOf } from '../../measurement/unit-spelling.ts';
import { wordOf } from '../../measurement/stated-text.ts';
import type { Members } from '../shapes/shape.ts';
import { measureIn, measureOf, objectsIn, type Found, type Measure } from './measure.ts';

/**
 * Nutrients of Flutter's meals (NutritionHealthValue); energy is in kilocalories, water in millilitres, all else in grams. What they are in
 * HealthKit, without "Dietary", which has no choline and no trans or unsaturated fat.
 */
const nutrients: Readonly<Record<string, string>> = {
  calories: 'EnergyConsumed', protein: 'Protein', fat: 'FatTotal', carbs: 'Carbohydrates', caffeine: 'Caffeine', vitaminA: 'VitaminA', b1Thiamin: 'Thiamin', b1Thiamine: 'Thiamin',
  water: 'Water', b2Riboflavin: 'Riboflavin', b3Niacin: 'Niacin', b5PantothenicAcid: 'PantothenicAcid', b6Pyridoxine: 'VitaminB6', b7Biotin: 'Biotin', b9Folate: 'Folate',
  b12Cobalamin: 'VitaminB12', vitaminC: 'VitaminC', vitaminD: 'VitaminD', vitaminE: 'VitaminE', vitaminK: 'VitaminK', calcium: 'Calcium', chloride: 'Chloride',
  cholesterol: 'Cholesterol', chromium: 'Chromium', copper: 'Copper', fatMonounsaturated: 'FatMonounsaturated', fatPolyunsaturated: 'FatPolyunsaturated',
  fatSaturated: 'FatSaturated', fiber: 'Fiber', iodine: 'Iodine', iron: 'Iron', magnesium: 'Magnesium', manganese: 'Manganese', molybdenum: 'Molybdenum',
  phosphorus: 'Phosphorus', potassium: 'Potassium', selenium: 'Selenium', sodium: 'Sodium', sugar: 'Sugar', zinc: 'Zinc',
};

/** Units of those that are not in grams. */
const units: Readonly<Record<string, string>> = { EnergyConsumed: 'kcal', Water: 'mL' };

const added = (sum: Measure, measure: Measure): Measure | undefined => {
  if (measure.unit === sum.unit) return { value: sum.value + measure.value, unit: sum.unit };
  const [from, to] = [ucumOf(measure.unit), ucumOf(sum.unit)];
  return from !== undefined && to !== undefined && commensurable(from, to) ? { value: sum.value + convert(measure.value, from, to), unit: sum.unit } : undefined;
};

const plain = (name: string): string => name.toLowerCase().replaceAll('_', '');
const byName: ReadonlyMap<string, string> = new Map(Object.entries(nutrients).map(([name, type]) => [plain(name), type]));

const inMembers = (item: Members): readonly (readonly [string, Measure | undefined])[] =>
  Object.entries(item).flatMap(([member, given]) => {
    const type = byName.get(plain(member));
    return type === undefined ? [] : [[`Dietary${type}`, measureIn(given, units[type] ?? 'g')] as const];
  });

/** Two of one nutrient are both eaten; in another unit than the first they are converted, and what cannot be counts as not understood. */
const together = (measures: readonly (readonly [string, Measure | undefined])[]): Found => {
  const sums = new Map<string, Measure | undefined>();
  for (const [type, measure] of measures) {
    const sum = sums.get(type);
    sums.set(type, sums.has(type) ? sum && measure && added(sum, measure) : measure);
  }
  return Object.fromEntries(sums);
};

/** The quantities a meal is made of: samples of the correlation, or the members of Flutter's. A bare number has its unit beside it. */
export const foodMeasures = (item: Members): Found => {
  const objects = objectsIn(item['objects']).map((object) => {
    const type = wordOf(object['quantityType'] ?? object['type']).replace(/^HKQuantityTypeIdentifier/, '');
    return [type, measureOf(object, ['quantity', 'value'], wordOf(object['unit']))] as const;
  });
  return together(objects.length > 0 ? objects : inMembers(item));
};
