import { ucumOf } from '../../measurement/unit-spelling.ts';
import { wordOf } from '../../measurement/stated-text.ts';
import type { Members } from '../shapes/shape.ts';
import { measureIn, wordsIn, type Found, type Measure } from './measure.ts';

const TAKEN = new Set(['4', 'taken']);

/** Tablets and puffs are counted; the word itself is kept with the record. */
const doseIn = (given: unknown, unit: unknown): Measure | undefined => {
  const spelling = typeof unit === 'string' && ucumOf(unit) !== undefined ? unit : 'count';
  return measureIn(given, spelling);
};

/** What became of a dose, and how much of it was meant; how much was taken only where it was. */
export const doseMeasures = (item: Members): Found => {
  const status = item['logStatus'] ?? item['status'];
  const { unit } = item;
  return {
    status: wordsIn(status),
    scheduledDose: doseIn(item['scheduledDoseQuantity'], unit),
    dose: TAKEN.has(wordOf(status).toLowerCase()) ? doseIn(item['doseQuantity'] ?? item['dosage'], unit) : undefined,
  };
};

/** Whether a medication is on the list of a person, or was put away. */
export const medicationMeasures = ({ isArchived }: Members): Found => ({ standing: wordsIn(typeof isArchived === 'boolean' ? (isArchived ? 'archived' : 'active') : undefined) });
