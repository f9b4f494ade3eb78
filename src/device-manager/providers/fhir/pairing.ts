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

const laterOf = ({ issuedAt: one }: FhirReading, { issuedAt: other }: FhirReading): FhirReading['issuedAt'] => ((one?.epochMs ?? 0) < (other?.epochMs ?? 0) ? other : one);

/** Both identities and when each was issued, the systolic first; one, as of the later, where the sender gave both halves the same. */
const versionsOf = (one: FhirReading, other: FhirReading): Pick<FhirReading, 'identity' | 'issuedAt' | 'otherIdentity' | 'otherIssuedAt'> => {
  const [systolic, diastolic] = one.half === 'systolicBloodPressure' ? [one, other] : [other, one];
  const isSame = JSON.stringify(systolic.identity) === JSON.stringify(diastolic.identity);
  if (isSame) return { identity: systolic.identity, issuedAt: laterOf(systolic, diastolic) };
  return { identity: systolic.identity, issuedAt: systolic.issuedAt, otherIdentity: diastolic.identity, otherIssuedAt: diastolic.issuedAt };
};

const joined = (one: FhirReading, other: FhirReading): FhirReading => {
  const [first, second] = [resourceIn(one.document), resourceIn(other.document)];
  const metrics = { ...one.measured.metrics, ...(other.half !== undefined && { [other.half]: other.measured.metrics[other.half] }) };
  const annotations = { ...other.measured.annotations, ...one.measured.annotations };
  return {
    ...one, ...versionsOf(one, other), half: undefined,
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
