import type { Pool } from '../database/pool.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import type { NormalizedData } from '../measurement/coding.ts';
import { wasErased } from './admitting.ts';
import { itemsOf } from './payload-items.ts';
import { remember } from './remembering.ts';
import { readNormalizedChunk, recordIn, type NormalizedChunk } from './storage/normalized-chunk-table.ts';
import { readPayload } from './storage/payload-table.ts';
import type { SampleRow } from './storage/sample-table.ts';

/** A kept sample with what was made of it, and with what was received where it was asked for. */
export interface HealthRecord {
  readonly sample: SampleRow;
  readonly normalizedData?: NormalizedData;
  readonly rawData?: unknown;
}

/** Opens the records of samples, of one patient or of several. Those of a patient who is being erased have no values. Throws SealBrokenError. */
export const openRecords = async (pool: Pool, keyRing: KeyRing, samples: readonly SampleRow[], withRawData: boolean): Promise<HealthRecord[]> => {
  const keysOf = remember<ScopeKeys | undefined>(async (patientId) => {
    const keys = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
    if (!keys && !(await wasErased(pool, keyRing, patientId))) throw new SealBrokenError();
    return keys;
  });
  const chunkOf = remember<NormalizedChunk>(async (name) => {
    const [patientId = '', payloadId = '', ruleId = '', ruleVersion = ''] = JSON.parse(name) as string[];
    const keys = await keysOf(patientId);
    return keys ? readNormalizedChunk(pool, keys, { patientId, payloadId, ruleId, ruleVersion: Number(ruleVersion) }) : {};
  });
  const itemsIn = remember(async (name) => {
    const [patientId = '', payloadId = ''] = JSON.parse(name) as string[];
    const keys = await keysOf(patientId);
    const payload = keys && (await readPayload(pool, keys, patientId, payloadId));
    return payload ? itemsOf(payload) : [];
  });
  return Promise.all(
    samples.map(async (sample): Promise<HealthRecord> => {
      const { patient_id, payload_id, rule_id, rule_version, item_index } = sample;
      if (sample.state === 'deleted') return { sample };
      const chunk = rule_id === null ? {} : await chunkOf(JSON.stringify([patient_id, payload_id, rule_id, String(rule_version)]));
      const normalizedData = recordIn(chunk, sample);
      const rawData = withRawData ? (await itemsIn(JSON.stringify([patient_id, payload_id])))[item_index]?.received : undefined;
      return { sample, ...(normalizedData && { normalizedData }), ...(rawData !== undefined && { rawData }) };
    }),
  );
};
