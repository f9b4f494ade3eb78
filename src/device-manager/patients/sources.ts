import { typesOf } from '../charted-types.ts';
import type { DeviceManagerDependencies } from '../dependencies.ts';
import { everythingOf } from '../handlers/fhir.ts';
import { toWire } from '../handlers/health-data.ts';
import { createObservations } from '../observations.ts';
import type { RuleBook } from '../rule-book.ts';
import { searchDevices } from '../storage/device-search.ts';
import type { ExportSources } from './contents.ts';

/** Where exports take from what the services answer: records, resources of FHIR, and the account through `accountOf`. */
export const exportSources = (
  { pool, keyRing, version }: Pick<DeviceManagerDependencies, 'pool' | 'keyRing' | 'version'>, ruleBook: RuleBook, accountOf: ExportSources['accountOf'],
): ExportSources => {
  const observations = createObservations(pool, keyRing, () => typesOf(ruleBook)).page;
  return { pool, keyRing, version, accountOf, recordOf: toWire, fhirLines: (patientId) => everythingOf({ observations, devices: (search) => searchDevices(pool, search) }, patientId) };
};
