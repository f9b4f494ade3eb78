import type { Pool } from '../database/pool.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { askedOf, rulesAndTypesFor } from './domain/fhir/code-search.ts';
import type { DateCondition } from './domain/fhir/date-search.ts';
import { absentObservation, hasCode, observationsOf, type Measurement, type WantedCode } from './domain/fhir/observation.ts';
import type { PagePlace } from './domain/fhir/page-place.ts';
import type { FhirObservation } from './domain/fhir/resources.ts';
import type { HealthDataType } from './domain/rule.ts';
import { openRecords, type HealthRecord } from './records.ts';
import { findObserved, type ObservedFilter, type ObservedRow } from './storage/observation-search.ts';

/** Which Observations to answer; all that is given must hold. */
export interface ObservationQuery {
  readonly patientId?: string | undefined;
  /** Identifiers of Observations. */
  readonly ids?: readonly string[] | undefined;
  readonly codes?: readonly WantedCode[] | undefined;
  readonly measured?: readonly DateCondition[] | undefined;
  readonly updated?: readonly DateCondition[] | undefined;
  readonly from?: PagePlace | undefined;
  readonly count: number;
}

/** Observations in order, and where to go on when there may be more. */
export interface ObservationPage {
  readonly observations: readonly FhirObservation[];
  readonly next?: PagePlace;
}

/** Reads Observations out of what was normalized. */
export interface Observations {
  /** At most as many as asked for. A page may hold fewer and still have a next one, when many samples were looked at in vain. */
  readonly page: (query: ObservationQuery) => Promise<ObservationPage>;
}

const BATCH = 200;
const MOST_SAMPLES = 2000;

const uuidOf = (rawData: unknown): string | undefined => {
  const { id, uuid } = (typeof rawData === 'object' && rawData !== null ? rawData : {}) as { id?: unknown; uuid?: unknown };
  return [id, uuid].find((one): one is string => typeof one === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(one))?.toLowerCase();
};

const isAbsent = ({ state }: ObservedRow): boolean => state === 'normalization-failed';

/** The code that a FHIR sender gave for having no value. */
const absentReasonOf = (rawData: unknown): string => {
  const { dataAbsentReason } = (typeof rawData === 'object' && rawData !== null ? rawData : {}) as { dataAbsentReason?: { coding?: readonly { code?: unknown }[] } };
  const code = dataAbsentReason?.coding?.[0]?.code;
  return typeof code === 'string' ? code.slice(0, 100) : 'unknown';
};

const measurementOf = (row: ObservedRow, rawData: unknown): Omit<Measurement, 'record'> => ({
  head: row.head, patientId: row.patient_id, device: row.device, provider: row.provider, dataType: row.type ?? undefined, normalizedType: row.normalized_type ?? '',
  status: row.status ?? undefined, withdrawn: row.state === 'withdrawn' || row.state === 'superseded', uuid: row.provider === 'healthkit' ? uuidOf(rawData) : undefined,
  receivedAt: row.received_at.toISOString(), updatedAt: row.updated_at.toISOString(),
});

const observed = (types: readonly HealthDataType[], row: ObservedRow, { normalizedData, rawData }: Pick<HealthRecord, 'normalizedData' | 'rawData'>): FhirObservation[] => {
  const measured = measurementOf(row, rawData);
  if (normalizedData !== undefined) return observationsOf({ ...measured, record: normalizedData, ...(row.provider === 'healthkit' && { rawData }) });
  const asked = isAbsent(row) ? askedOf(types, row.provider, row.type ?? '') : undefined;
  if (asked === undefined) return [];
  const [startDate, endDate] = [row.recorded_at.toISOString(), row.ended_at.toISOString()];
  const record = { period: { startDate, ...(endDate !== startDate && { endDate }) }, observations: [] };
  return [absentObservation({ ...measured, normalizedType: asked.type.normalizedDataType, record }, asked.target, absentReasonOf(rawData))];
};

const headsIn = (ids: readonly string[]): string[] => [...new Set(ids.flatMap((id) => /^([0-9a-f]{32})-/.exec(id)?.[1] ?? []))];

const placeOf = (row: ObservedRow, passed: number): PagePlace => ({ recordedAt: row.recorded_at.getTime(), _id: row._id, passed });

/** The reader of Observations; `typesOf` answers the health data types of all records, whatever version made them. */
export const createObservations = (pool: Pool, keyRing: KeyRing, typesOf: () => Promise<readonly HealthDataType[]>): Observations => {
  /** HealthKit's identifier of a sample, and why there is no value, stand in what was received alone. */
  const open = async (rows: readonly ObservedRow[]): Promise<ReadonlyMap<string, HealthRecord>> => {
    const needsRaw = (row: ObservedRow): boolean => row.provider === 'healthkit' || isAbsent(row);
    const records = [...(await openRecords(pool, keyRing, rows.filter(needsRaw), true)), ...(await openRecords(pool, keyRing, rows.filter((row) => !needsRaw(row)), false))];
    return new Map(records.map((record) => [record.sample._id, record]));
  };
  const filterOf = (types: readonly HealthDataType[], { patientId, ids, codes, measured, updated }: ObservationQuery): Omit<ObservedFilter, 'limit' | 'from'> => ({
    patientId, measured, updated,
    ...(ids !== undefined && { heads: headsIn(ids) }), ...(codes !== undefined && { rulesOrTypes: rulesAndTypesFor(types, codes) }),
  });
  const isWanted = ({ ids, codes }: ObservationQuery) => (one: FhirObservation): boolean => (ids === undefined || ids.includes(one.id)) && (codes === undefined || hasCode(one, codes));
  return {
    page: async (query) => {
      const types = await typesOf();
      const [filter, wanted, found] = [filterOf(types, query), isWanted(query), [] as FhirObservation[]];
      // Without codes every sample counts, so no more are opened than are answered.
      const size = query.codes === undefined ? Math.min(BATCH, query.count) : BATCH;
      let from = query.from;
      for (let seen = 0; seen < MOST_SAMPLES; seen += size) {
        const rows = await findObserved(pool, { ...filter, from, limit: size + 1 });
        const batch = rows.slice(0, size);
        const records = await open(batch);
        for (const row of batch) {
          const all = observed(types, row, records.get(row._id) ?? {});
          for (const [index, one] of all.entries()) {
            if (!wanted(one) || (row._id === from?._id && index < from.passed)) continue;
            if (found.length === query.count) return { observations: found, next: placeOf(row, index) };
            found.push(one);
          }
        }
        const [last] = rows.slice(size);
        if (!last) return { observations: found };
        from = placeOf(last, 0);
      }
      return { observations: found, ...(from && { next: from }) };
    },
  };
};
