import type { Queryable } from '../database/pool.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { builtInTypes } from './catalogue/built-in-types.ts';
import type { PayloadName } from './storage/expired-rows.ts';
import { allVersions } from './storage/health-data-type-table.ts';
import { readNormalizedChunk, recordIn } from './storage/normalized-chunk-table.ts';
import { samplesByRules } from './storage/sample-result-table.ts';

/** Rules whose records may refer to their payload instead of holding all of it: in whatever version, for records of each may be there. */
export const referringRules = async (db: Queryable): Promise<string[]> => {
  const own = (await allVersions(db)).flatMap(({ definition }) => (definition === null ? [] : [definition.type]));
  return [...new Set([...builtInTypes, ...own].flatMap(({ identifier, attachments = [] }) => (attachments.length === 0 ? [] : [identifier])))];
};

/** Whether the record of a sample that is still there refers to a payload: a trace, a route, a clinical record. Throws SealBrokenError where it does not open. */
export const isReferredTo = async (db: Queryable, keyRing: KeyRing, rules: readonly string[], { patient_id: patientId, payload_id: payloadId }: PayloadName): Promise<boolean> => {
  const samples = await samplesByRules(db, patientId, payloadId, rules);
  if (samples.length === 0) return false;
  const keys = await keyRing.knownKeysOf(db, `patient:${patientId}`);
  if (!keys) throw new SealBrokenError();
  for (const group of Map.groupBy(samples, ({ rule_id, rule_version }) => `${rule_id}@${String(rule_version)}`).values()) {
    const [first] = group;
    const chunk = first ? await readNormalizedChunk(db, keys, { patientId, payloadId, ruleId: first.rule_id, ruleVersion: first.rule_version }) : {};
    if (group.some((sample) => (recordIn(chunk, sample)?.attachments ?? []).length > 0)) return true;
  }
  return false;
};
