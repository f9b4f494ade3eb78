import type { Pool } from '../database/pool.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { clinicalResource } from './domain/fhir/clinical-record.ts';
import type { DateCondition } from './domain/fhir/date-search.ts';
import type { FhirResource } from './domain/fhir/resources.ts';
import { openRecords } from './records.ts';
import { findObserved, type Place } from './storage/observation-search.ts';

/** Which clinical records of one patient; all that is given must hold. */
export interface ClinicalRecordQuery {
  readonly patientId: string;
  readonly measured?: readonly DateCondition[] | undefined;
  readonly updated?: readonly DateCondition[] | undefined;
}

/** Resources of one payload after the other; of a hundred records at a time, newest first. */
export type ClinicalRecords = (query: ClinicalRecordQuery) => AsyncIterable<readonly FhirResource[]>;

const PAGE = 100;
const counts = new Set(['normalized', 'submitted', 'submission-failed']);

/** The reader of clinical records: the resources that phones sent. */
export const createClinicalRecords = (pool: Pool, keyRing: KeyRing): ClinicalRecords =>
  async function* (query) {
    let from: Place | undefined;
    do {
      const rows = await findObserved(pool, { ...query, rulesOrTypes: { rules: ['healthkit-clinical-record'], types: [] }, from, limit: PAGE + 1 });
      const shown = rows.slice(0, PAGE).filter(({ state }) => counts.has(state));
      // A record may be as large as an upload: never more than one of those is open.
      for (const together of Map.groupBy(shown, ({ payload_id }) => payload_id).values()) {
        const records = await openRecords(pool, keyRing, together, true);
        // Of one whose payload is kept no more there is nothing to hand out.
        yield records.flatMap(({ sample, rawData }) => (rawData === undefined ? [] : [
          clinicalResource({ _id: sample._id, patientId: sample.patient_id, recordedAt: sample.recorded_at.toISOString(), updatedAt: sample.updated_at.toISOString(), rawData }),
        ]));
      }
      const next = rows[PAGE];
      from = next && { recordedAt: next.recorded_at.getTime(), _id: next._id };
    } while (from !== undefined);
  };
