import type { Pool } from '../../src/database/pool.ts';

const SAMPLES_PER_PATIENT = 300;
const SAMPLES_PER_PAYLOAD = 10;

/** Identifiers that are the same each time: of the patient p, and of the payload n of a patient. */
const patient = `md5('patient ' || p)`;
const payload = `md5('payload ' || p || ' ' || n)::uuid`;
const arrival = `now() - make_interval(hours => (n * 700 + p % 600)::int)`;
const sealed = `'\\x01'::bytea || decode(repeat('00', 120), 'hex')`;

const perPatient = 'generate_series(1, $1::int) p';
const perPayload = `${perPatient}, generate_series(1, ${String(SAMPLES_PER_PATIENT / SAMPLES_PER_PAYLOAD)}) n`;

/** Rows of patients as uploads, deliveries and jobs leave them, by table; $1 is the number of patients. */
const rows: readonly (readonly [string, string])[] = [
  ['device_manager.device (_id, provider, device_id, owner_patient_id, declared_provider, device_type, serial_number, creator_id, updater_id)',
    `select md5('watch ' || p)::uuid, 'healthkit', 'watch', ${patient}, 'apple', 'Wearable', null, 'patient:' || ${patient}, 'patient:' || ${patient} from ${perPatient}
     union all select md5('meter ' || p)::uuid, 'medisante', 'meter-' || p, null, 'medisante', 'Medical', 'serial-' || p, 'service', 'service' from ${perPatient}`],
  ['device_manager.assignment (device, patient_id, assigned_from)',
    `select md5(kind || ' ' || p)::uuid, ${patient}, now() - interval '5 years' from ${perPatient}, unnest(array['watch', 'meter']) kind`],
  ['device_manager.payload (patient_id, payload_id, provider, format, received_at, body, context, digest, size_bytes, item_count)',
    `select ${patient}, ${payload}, 'healthkit', 'healthkitstandard-json', ${arrival}, ${sealed}, ${sealed}, sha256(${patient}::bytea), 900, ${String(SAMPLES_PER_PAYLOAD)} from ${perPayload}`],
  ['device_manager.sample_group (patient_id, payload_id, group_no, provider, format, device, device_id, type, source_key, received_at, updated_at, state, normalized_type, rule_id, rule_version)',
    `select ${patient}, ${payload}, 0, 'healthkit', 'healthkitstandard-json', md5('watch ' || p)::uuid, 'watch', 'HKQuantityTypeIdentifierHeartRate', p, ${arrival}, ${arrival}, 'normalized', 'heart-rate', 'healthkit-heart-rate', 1 from ${perPayload}`],
  ['device_manager.sample (recorded_at, content_key, item_index, group_no, _id, payload_id, patient_id, state, reason, identity, status, updated_at)',
    `select ${arrival} - make_interval(secs => i * 300), p * 100 + i, i, 0, gen_random_uuid(), ${payload}, ${patient},
       case when i = 0 and (p + n) % 500 = 0 then 'normalization-failed' when i = 1 and n % 10 = 0 then 'superseded' end, case when i = 0 and (p + n) % 500 = 0 then 'unit-unknown' end,
       case when i in (1, 2) and n % 10 = 0 then 'identifier:' || md5(p || ' ' || n) end, case when i in (1, 2) and n % 10 = 0 then 'final' end, case when i < 2 then ${arrival} end
     from ${perPayload}, generate_series(0, ${String(SAMPLES_PER_PAYLOAD - 1)}) i`],
  ['device_manager.sample_copy (patient_id, _id, payload_id, item_index)', `select ${patient}, gen_random_uuid(), ${payload}, 3 from ${perPayload}`],
  ['device_manager.tombstone (patient_id, _id)', `select ${patient}, gen_random_uuid() from ${perPayload}`],
  ['device_manager.sample_refusal (patient_id, refused_at, _id, received, reasons)', `select ${patient}, ${arrival}, gen_random_uuid(), 3, '[]' from ${perPayload}`],
  ['device_manager.normalized_chunk (patient_id, payload_id, rule_id, rule_version, body)', `select ${patient}, ${payload}, 'healthkit-heart-rate', 1, ${sealed} from ${perPayload}`],
  ['device_manager.series_chunk (patient_id, normalized_type, raw_type, series, day, body)',
    `select ${patient}, 'heart-rate', 'HKQuantityTypeIdentifierHeartRate', 'Heart rate', current_date - (n * 29)::int, ${sealed} from ${perPayload}`],
  ['device_manager.series_rollup (patient_id, normalized_type, raw_type, series, month, body)',
    `select ${patient}, 'heart-rate', 'HKQuantityTypeIdentifierHeartRate', 'Heart rate', (date_trunc('month', current_date) - make_interval(months => n::int))::date, ${sealed} from ${perPayload}`],
  ['device_manager.submission (patient_id, _id, sample_id, plan_id, normalized_type, rule_id, rule_version, observed_at, state, detection_id, delivered_at, sent_at, created_at)',
    `select ${patient}, gen_random_uuid(), gen_random_uuid(), 'plan-' || p, 'heart-rate', 'healthkit-heart-rate', 1, ${arrival},
       case when n = 1 and p % 100 = 0 then 'waiting' when n = 2 and p % 100 = 0 then 'parked' else 'delivered' end, 'd', ${arrival}, ${arrival}, ${arrival} from ${perPayload}`],
  ['device_manager.patient_export (patient_id, _id, state, creator, finished_at, expires_at)',
    `select ${patient}, md5('export ' || p || ' ' || n)::uuid, 'ready', 'test', now(), now() + interval '6 days' from ${perPatient}, generate_series(1, 5) n`],
  ['device_manager.patient_export_part (patient_id, _id, position, body)',
    `select ${patient}, md5('export ' || p || ' ' || n)::uuid, 0, ${sealed} from ${perPatient}, generate_series(1, 5) n`],
  ['device_manager.delivery (sender, correlation_id, sample_id, body_mac, received_at)', `select 'medisante', 'delivery ' || p || ' ' || n, gen_random_uuid(), ${sealed}, ${arrival} from ${perPayload}`],
  ['device_manager.quarantined_delivery (payload_id, sender, correlation_id, sample_id, format, device_identifiers, reason, body, received_at)',
    `select gen_random_uuid(), 'medisante', 'waits ' || p || ' ' || n, gen_random_uuid(), 'medisantestandard-json', array['unknown-' || p], 'device-unknown', ${sealed}, now() - make_interval(hours => n) from ${perPatient}, generate_series(1, 3) n`],
  ['device_manager.discarded_delivery (payload_id, sender, correlation_id, quarantine_reason, reason, actor, discarded_at)',
    `select gen_random_uuid(), 'medisante', 'gone ' || p || ' ' || n, 'device-unknown', 'expired', 'program', now() - make_interval(days => n) from ${perPatient}, generate_series(1, 9) n`],
  ['device_manager.erasure (_id, pseudonym, audit_pseudonym, state, creator, requested_at, finished_at)',
    `select gen_random_uuid(), sha256(${patient}::bytea), 'erased:' || ${patient}, 'done', 'test', now(), now() from ${perPatient}`],
  ['device_manager_keys.scope_key (scope, identity_key)', `select 'patient:' || ${patient}, ${sealed} from ${perPatient} where p % 600 < 590 union all select 'quarantine:' || ${patient}, ${sealed} from ${perPatient}`],
  ['device_manager_keys.data_key (scope, generation, wrapped_key)', `select scope, 1, ${sealed} from device_manager_keys.scope_key where scope <> 'installation' and $1 > 0`],
  ['device_manager_keys.erased_scope (pseudonym, erased_at)', `select pseudonym, now() from device_manager.erasure where $1 > 0`],
  ['user_manager.user_account (_id, username, email, user_group, creator_id, updater_id, auth_user_id, created_at)',
    `select md5('person ' || p), 'person-' || p, 'person-' || p || '@example.org', 'patient', 'test', 'test', 'auth-' || p, now() - make_interval(mins => p) from generate_series(1, $1::int * 5) p`],
  ['user_manager.session (token_hash, user_id, kind, family, expires_at)', `select sha256(('session ' || _id)::bytea), _id, 'cookie', _id, now() + interval '1 day' from user_manager.user_account where $1 > 0`],
  ['user_manager.refresh_token (token_hash, user_id, family, expires_at)', `select sha256(('token ' || _id)::bytea), _id, _id, now() + interval '1 day' from user_manager.user_account where $1 > 0`],
  ['user_manager.password_reset (token_hash, user_id, expires_at)', `select sha256(('reset ' || _id)::bytea), _id, now() + interval '1 day' from user_manager.user_account where $1 > 0`],
  ['user_manager.sign_in_failures (account, source, failures)', `select sha256(_id::bytea), sha256('somewhere'), 1 from user_manager.user_account where $1 > 0`],
];

/** An audit of years that was chained until yesterday; the trigger that stamps rows would say that all of it happened now. */
const auditOf = (schema: string): readonly string[] => [
  `alter table ${schema}.audit_event disable trigger user`,
  `insert into ${schema}.audit_event (patient_id, _id, at, xact, event, action, outcome, actor_kind, resource, request_id, peer, digest)
   select ${patient}, (lpad(to_hex(floor(extract(epoch from ${arrival}) * 1000)::bigint), 12, '0') || '7' || substr(md5(p || ' ' || n), 14))::uuid, ${arrival}, 1, 'samples-uploaded', 'C', 'success', 'patient',
     'payload', 'crowd', 'none', ${sealed} from ${perPayload}`,
  `insert into ${schema}.audit_link (day, position, event, previous, hash)
   select current_date - 1, row_number() over (order by _id), _id, ${sealed}, ${sealed} from ${schema}.audit_event where request_id = 'crowd' and $1 > 0`,
  `alter table ${schema}.audit_event enable trigger user`,
];

/** Fills the database of a running program with what many patients left, about so many samples in all, and has PostgreSQL count it. */
export const fillWithCrowd = async (pool: Pool, samples: number): Promise<void> => {
  const patients = Math.ceil(samples / SAMPLES_PER_PATIENT);
  const client = await pool.connect();
  try {
    await client.query('set statement_timeout = 0');
    await client.query('begin');
    for (const [table, select] of rows) await client.query(`insert into ${table} ${select}`, [patients]);
    for (const schema of ['device_manager', 'user_manager']) for (const statement of auditOf(schema)) await client.query(statement, statement.includes('$1') ? [patients] : []);
    await client.query('commit');
    await client.query('vacuum (analyze)');
  } finally {
    client.release(true);
  }
};
