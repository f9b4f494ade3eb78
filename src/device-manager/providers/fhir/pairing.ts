import { contentOf } from '../content.ts';
import type { FhirReading } from './observation.ts';
import { resourceIn } from './resource.ts';

const occasionOf = ({ occasion, unfit }: FhirReading): string | undefined => (unfit === undefined ? occasion : undefined);

/** Each once, in order: a Bundle may name the same resource twice. */
const different = (halves: readonly FhirReading[]): FhirReading[] => {
  const firsts = new Map<string, FhirReading>();
  for (const half of halves) {
    const name = JSON.stringify([half.half, half.identity, contentOf(half)]);
    if (!firsts.has(name)) firsts.set(name, half);
  }
  return [...firsts.values()];
};

/** Both identities, the systolic first; one where the sender gave both halves the same. */
const identitiesOf = (one: FhirReading, other: FhirReading): Pick<FhirReading, 'identity' | 'otherIdentity'> => {
  const [systolic, diastolic] = one.half === 'systolicBloodPressure' ? [one, other] : [other, one];
  const isSame = JSON.stringify(systolic.identity) === JSON.stringify(diastolic.identity);
  return { identity: systolic.identity, ...(!isSame && { otherIdentity: diastolic.identity }) };
};

const joined = (one: FhirReading, other: FhirReading): FhirReading => {
  const [first, second] = [resourceIn(one.document), resourceIn(other.document)];
  const metrics = { ...one.measured.metrics, ...(other.half !== undefined && { [other.half]: other.measured.metrics[other.half] }) };
  const annotations = { ...other.measured.annotations, ...one.measured.annotations };
  return {
    ...one, ...identitiesOf(one, other), half: undefined,
    document: { ...first, measurements: { ...resourceIn(second['measurements']), ...resourceIn(first['measurements']), ...metrics, annotations } },
    received: [one.received, other.received], measured: { ...one.measured, metrics, annotations }, positions: [...one.positions, ...other.positions],
  };
};

/**
 * Joins a systolic and a diastolic Observation of the same device, time, patient and status to one blood pressure, in the place of the
 * earlier one; it goes by the identities of both. A half without its counterpart stays alone, and so do halves of which there are more
 * than two.
 */
export const pairHalves = (readings: readonly FhirReading[]): FhirReading[] => {
  const occasions = new Map([...Map.groupBy(readings, occasionOf)].map(([occasion, all]) => [occasion, occasion === undefined ? [] : different(all)]));
  return readings.flatMap((reading) => {
    const both = occasions.get(occasionOf(reading)) ?? [];
    const [one, other] = both;
    if (!one || !other || both.length !== 2 || one.half === other.half) return [reading];
    return reading === one ? [joined(one, other)] : [];
  });
};
