import { typesOf } from '../charted-types.ts';
import type { DeviceManagerDependencies } from '../dependencies.ts';
import { everythingOf } from '../handlers/fhir.ts';
import { toWire } from '../handlers/health-data.ts';
import { createClinicalRecords } from '../clinical-records.ts';
import { createObservations } from '../observations.ts';
import type { RuleBook } from '../rule-book.ts';
import { searchDevices, type DeviceSearch } from '../storage/device-search.ts';
import type { ExportSources } from './contents.ts';
import type { WaitingSources } from './waiting-readings.ts';

/** Where exports take from what the services answer: records, resources of FHIR, and the account. */
export const exportSources = (
  { pool, keyRing, version, onUnreadable }: Pick<DeviceManagerDependencies, 'version'> & WaitingSources, ruleBook: RuleBook, account: Pick<ExportSources, 'accountOf' | 'accountAudit'>,
): ExportSources => {
  const observations = createObservations(pool, keyRing, () => typesOf(ruleBook)).page;
  const resources = { observations, devices: (search: DeviceSearch) => searchDevices(pool, search), clinicalRecords: createClinicalRecords(pool, keyRing) };
  return { pool, keyRing, version, onUnreadable, ...account, recordOf: toWire, fhirLines: (patientId) => everythingOf(resources, patientId) };
};
