import { membersOf } from '../domain/rule.ts';
import { fhirFormat, medisanteFormat } from '../provider.ts';
import { entryCount } from './fhir/bundle.ts';
import { excerptOf } from './fhir/excerpt.ts';
import type { FhirReading } from './fhir/observation.ts';
import { readFhir } from './fhir/reading.ts';
import { readDelivery } from './medisante/delivery.ts';
import { documentOf } from './medisante/document.ts';
import type { Reading, Readings } from './reading.ts';

/** A delivery taken apart, with ways to keep it. */
export interface TakenApart extends Readings {
  /** The format it is in, whatever the sender called it. */
  readonly format: string;
  /** Resources in it. */
  readonly entryCount: number;
  /** A delivery in FHIR JSON that has some of these readings alone, in their order. */
  readonly excerpt: (readings: readonly Reading[]) => unknown;
}

/** FHIR by the name of its format, or in JSON by its shape: a Medisanté delivery has no resourceType. */
const isFhir = (format: string, value: unknown): boolean =>
  format.startsWith('fhir-') || (format === medisanteFormat && typeof membersOf(value)['resourceType'] === 'string');

/** Takes a parsed delivery apart: one reading of a Medisanté delivery, one or more of a FHIR one. */
export const takeApart = (format: string, value: unknown): TakenApart => {
  if (!isFhir(format, value)) return { ...readDelivery(value), format, entryCount: 1, excerpt: () => value };
  const { entries, ...taken } = readFhir(value);
  const known = new Map<Reading, FhirReading>(taken.readings.map((reading) => [reading, reading]));
  return {
    ...taken, format: format.startsWith('fhir-') ? format : fhirFormat, entryCount: Math.max(entryCount(value), entries.length),
    excerpt: (readings) => {
      const chosen = readings.flatMap((reading) => known.get(reading) ?? []);
      return excerptOf(value, entries, chosen.flatMap(({ positions }) => positions), new Set(chosen.flatMap(({ half, positions: [own = 0] }) => (half === undefined ? [] : [own]))));
    },
  };
};

/** Takes kept bytes apart, which were readable when they came. */
export const takeApartBytes = (format: string, bytes: Buffer): TakenApart => takeApart(format, documentOf(format, bytes));

/**
 * The readings of a payload that was kept with so many. When they are not as many any more, it was kept when contained Observations were
 * read otherwise, and is read as then: samples know their reading by its place.
 */
export const keptReadings = (format: string, bytes: Buffer, count: number): readonly Reading[] => {
  const value = documentOf(format, bytes);
  const { readings } = takeApart(format, value);
  if (readings.length === count || !isFhir(format, value)) return readings;
  const before = readFhir(value, 'before').readings;
  return before.length === count ? before : readings;
};
