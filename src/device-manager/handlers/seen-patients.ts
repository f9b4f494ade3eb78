import { patientsNamedIn } from '../domain/health-data-query.ts';
import type { SampleFilter } from '../storage/sample-search.ts';

/** Writes down whose data an answer tells of, before it is sent. */
export type SeenPatients = (patientIds: ReadonlySet<string>) => Promise<void>;

/** Whose data an answer tells of: the patient asked for, else those that the client named and those whose samples were found. */
export const seenIn = ({ patientId, conditions }: SampleFilter, found: readonly string[]): Set<string> =>
  new Set(patientId === undefined ? [...conditions.flatMap(patientsNamedIn), ...found] : [patientId]);

/** For an answer in batches: writes each patient once, and what is about nobody as the first batch alone. */
export const eachOnce = (write: SeenPatients): SeenPatients => {
  const written = new Set<string>();
  let begun = false;
  return async (patientIds) => {
    const others = patientIds.difference(written);
    if (others.size > 0 || !begun) await write(others);
    begun = true;
    for (const patientId of others) written.add(patientId);
  };
};
