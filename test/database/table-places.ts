/** Where the rows of a table are once an installation is distributed over several machines (`scripts/distribute.sql`). */
export type TablePlace =
  | { readonly distributedBy: string }
  | { readonly staysBecause: string };

const byPatient: TablePlace = { distributedBy: 'patient_id' };
const ofProgram: TablePlace = { staysBecause: 'a few rows of the installation, not of patients' };
const ofKeys: TablePlace = { staysBecause: 'a few rows of a patient, never joined with what is distributed on the way of a sample' };
const ofPeople: TablePlace = { staysBecause: 'people, sessions and counts of tries: a few rows of a person' };
const ofAudit: TablePlace = { staysBecause: 'one chain over all rows, numbered by the transactions of one server; an erasure changes patient_id, which the column of a distribution may not' };
const ofOperators: TablePlace = { staysBecause: 'what belongs to no patient yet, or to what operators began: it is found by other things, and stays few' };

/** Every table of the three schemas. */
export const tablePlaces: Readonly<Record<string, TablePlace>> = {
  'device_manager.payload': byPatient,
  'device_manager.sample': byPatient,
  'device_manager.sample_group': byPatient,
  'device_manager.sample_copy': byPatient,
  'device_manager.tombstone': byPatient,
  'device_manager.normalized_chunk': byPatient,
  'device_manager.series_chunk': byPatient,
  'device_manager.series_rollup': byPatient,
  'device_manager.submission': byPatient,
  'device_manager.patient_export': byPatient,
  'device_manager.patient_export_part': byPatient,
  'device_manager.sample_refusal': byPatient,
  'device_manager.delivery': { distributedBy: 'correlation_id' },
  'device_manager.device': ofKeys,
  'device_manager.assignment': ofKeys,
  'device_manager_keys.scope_key': ofKeys,
  'device_manager_keys.data_key': ofKeys,
  'device_manager_keys.erased_scope': ofKeys,
  'device_manager.erasure': ofOperators,
  'device_manager.quarantined_delivery': ofOperators,
  'device_manager.discarded_delivery': ofOperators,
  'device_manager.renormalization': ofOperators,
  'device_manager.audit_event': ofAudit,
  'device_manager.audit_link': ofAudit,
  'device_manager.audit_chaining': ofAudit,
  'device_manager.api_key': ofProgram,
  'device_manager.health_data_type': ofProgram,
  'device_manager.restoration': ofProgram,
  'device_manager.migration': ofProgram,
  'device_manager_keys.master_key': ofProgram,
  'device_manager_keys.data_key_rotation': ofProgram,
  'device_manager_keys.migration': ofProgram,
  'user_manager.user_account': ofPeople,
  'user_manager.session': ofPeople,
  'user_manager.refresh_token': ofPeople,
  'user_manager.password_reset': ofPeople,
  'user_manager.sign_in_failures': ofPeople,
  'user_manager.audit_event': ofAudit,
  'user_manager.audit_link': ofAudit,
  'user_manager.audit_chaining': ofAudit,
  'user_manager.bulk_job': ofProgram,
  'user_manager.oauth_client': ofProgram,
  'user_manager.signing_key': ofProgram,
  'user_manager.migration': ofProgram,
};

/** Tables that stay small whatever the number of patients is: reading all of one costs nothing. */
export const isSmall = (table: string): boolean => {
  const place = tablePlaces[table];
  return place === ofProgram || table.endsWith('.audit_chaining') || table === 'device_manager.renormalization';
};
