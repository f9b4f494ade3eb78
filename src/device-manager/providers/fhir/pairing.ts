import type { FhirReading } from './observation.ts';
import { resourceIn } from './resource.ts';

/** What two halves of one blood pressure have in common. */
const occasionOf = ({ identity, status, subjects, unfit, half }: FhirReading): string | undefined =>
  half === undefined || identity === undefined || unfit !== undefined ? undefined : JSON.stringify([identity.parts, status, subjects]);

const joined = (one: FhirReading, other: FhirReading): FhirReading => {
  const [first, second] = [resourceIn(one.document), resourceIn(other.document)];
  const metrics = { ...one.measured.metrics, ...(other.half !== undefined && { [other.half]: other.measured.metrics[other.half] }) };
  const annotations = { ...other.measured.annotations, ...one.measured.annotations };
  return {
    ...one, half: undefined,
    document: { ...first, measurements: { ...resourceIn(second['measurements']), ...resourceIn(first['measurements']), ...metrics, annotations } },
    received: [one.received, other.received], measured: { ...one.measured, metrics, annotations }, positions: [...one.positions, ...other.positions],
  };
};

/**
 * Joins a systolic and a diastolic Observation of the same device, time, patient and status to one blood pressure, in the place of the
 * earlier one. A half without its counterpart stays alone, and so do halves of which there are more than two.
 */
export const pairHalves = (readings: readonly FhirReading[]): FhirReading[] => {
  const occasions = Map.groupBy(readings, occasionOf);
  return readings.flatMap((reading) => {
    const occasion = occasionOf(reading);
    const both = occasion === undefined ? [] : (occasions.get(occasion) ?? []);
    const [one, other] = both;
    if (!one || !other || both.length !== 2 || one.half === other.half) return [reading];
    return reading === one ? [joined(one, other)] : [];
  });
};
