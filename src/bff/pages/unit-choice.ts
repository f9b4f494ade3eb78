/** Another unit in which a value can be told: `value * factor + offset`. */
export interface Conversion {
  readonly unit: string;
  readonly factor: number;
  readonly offset: number;
}

const by = (unit: string, factor: number, offset = 0): Conversion => ({ unit, factor, offset });

/**
 * Units beside the one that the service answers, with exact factors: the international pound and inch (1959), the thermochemical
 * calorie, the conventional millimetre of mercury. A test holds them against ucum-lhc.
 */
const others: Readonly<Record<string, readonly Conversion[]>> = {
  kg: [by('lb', 1 / 0.45359237)],
  '°C': [by('°F', 1.8, 32)],
  cm: [by('in', 1 / 2.54)],
  m: [by('km', 0.001), by('mi', 1 / 1609.344)],
  mmHg: [by('kPa', 0.133322)],
  kcal: [by('kJ', 4.184)],
  'm/s': [by('km/h', 3.6)],
};

/** Grams in a mole of glucose (C6H12O6, standard atomic weights of IUPAC): what a concentration by mass is by amount depends on the substance. */
const glucoseGramsPerMole = 180.156;
const ofGlucose: typeof others = {
  'mg/dL': [by('mmol/L', 10 / glucoseGramsPerMole)],
  'mmol/L': [by('mg/dL', glucoseGramsPerMole / 10)],
};

/** Every unit in which a line can be told, that of the service first. */
export const conversionsOf = (name: string, unit: string): readonly Conversion[] => {
  const known = (/^glucose\b/i.test(name) ? ofGlucose[unit] : undefined) ?? others[unit] ?? [];
  return [by(unit, 1), ...known];
};
