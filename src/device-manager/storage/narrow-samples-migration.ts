import type { Migration } from '../../database/migrator.ts';

const wholeColumns = `s.patient_id, s._id, g.provider, g.format, g.device, g.device_id, case when s.state is distinct from 'deleted' then g.type end as type, s.payload_id, s.item_index, s.group_no,
  s.recorded_at, coalesce(s.ended_at, s.recorded_at) as ended_at, g.received_at, s.content_key, g.source_key, s.identity, s.status, s.issued_at, s.version_number, s.same_reading_as,
  coalesce(s.state, g.state) as state, coalesce(s.updated_at, g.updated_at) as updated_at,
  case when s.state is null then g.reason else s.reason end as reason, case when s.state is null then g.normalized_type else s.normalized_type end as normalized_type,
  case when s.state is null then g.rule_id else s.rule_id end as rule_id, case when s.state is null then g.rule_version else s.rule_version end as rule_version`;
const wholeRows = 'from device_manager.sample s join device_manager.sample_group g on g.patient_id = s.patient_id and g.payload_id = s.payload_id and g.group_no = s.group_no';

/**
 * A row per sample that holds what tells it from its neighbours alone; what samples of one payload have in common (where they come from,
 * and what normalization made of them) is one row for all. Only a sample that differs has a state of its own. Digests become 8 bytes,
 * which a key makes, so that nobody can look for collisions; of samples kept before, the same reading under another UUID is no longer found.
 */
export const narrowSamples: Migration = {
  name: '0013-narrow-samples',
  sql: `
    create table device_manager.sample_group (
      patient_id text not null,
      payload_id uuid not null,
      group_no smallint not null,
      provider text not null,
      format text not null,
      device uuid not null,
      device_id text not null,
      type text,
      source_key bigint,
      received_at timestamptz not null,
      updated_at timestamptz not null,
      state text not null default 'received',
      reason text,
      normalized_type text,
      rule_id text,
      rule_version integer,
      primary key (patient_id, payload_id, group_no)
    );
    create temporary table told on commit drop as
      select patient_id, payload_id, device, type, (row_number() over (partition by patient_id, payload_id order by device, type) - 1)::smallint as group_no
      from (select distinct patient_id, payload_id, device, type from device_manager.sample) as different;
    insert into device_manager.sample_group (patient_id, payload_id, group_no, provider, format, device, device_id, type, received_at, updated_at)
      select t.patient_id, t.payload_id, t.group_no, s.provider, p.format, s.device, s.device_id, s.type, s.received_at, s.received_at
      from told t join device_manager.payload p on p.patient_id = t.patient_id and p.payload_id = t.payload_id,
      lateral (select * from device_manager.sample s where s.patient_id = t.patient_id and s.payload_id = t.payload_id and s.device = t.device and s.type is not distinct from t.type limit 1) s;
    create table device_manager.narrow (
      recorded_at timestamptz not null,
      content_key bigint,
      item_index integer not null,
      group_no smallint not null,
      _id uuid not null,
      payload_id uuid not null,
      patient_id text not null,
      ended_at timestamptz,
      issued_at timestamptz,
      version_number double precision,
      updated_at timestamptz,
      rule_version integer,
      same_reading_as uuid,
      state text,
      reason text,
      normalized_type text,
      rule_id text,
      identity text,
      status text
    );
    insert into device_manager.narrow
      select s.recorded_at, case when length(s.content_mac) >= 8 then ('x' || encode(substring(s.content_mac from 1 for 8), 'hex'))::bit(64)::bigint end,
        s.item_index, t.group_no, s._id, s.payload_id, s.patient_id, nullif(s.ended_at, s.recorded_at), s.issued_at, s.version_number, case when s.state <> 'received' then s.updated_at end,
        s.rule_version, s.same_reading_as, nullif(s.state, 'received'), s.reason, s.normalized_type, s.rule_id, s.identity, s.status
      from device_manager.sample s join told t on t.patient_id = s.patient_id and t.payload_id = s.payload_id and t.device = s.device and t.type is not distinct from s.type;
    drop table device_manager.sample;
    alter table device_manager.narrow rename to sample;
    alter table device_manager.sample add constraint sample_pkey primary key (_id, patient_id);
    create index sample_by_time on device_manager.sample (patient_id, recorded_at);
    create index sample_by_payload on device_manager.sample (patient_id, payload_id);
    create index sample_by_identity on device_manager.sample (identity) where identity is not null;
    create index sample_failed on device_manager.sample (updated_at, _id) where state = 'normalization-failed';
    create view device_manager.whole_sample as
      select ${wholeColumns} ${wholeRows}`,
};

/** What of a sample with two names, which are one text with a space between them, does not count and why; its names are found by indexes. */
export const halvesOfPairs: Migration = {
  name: '0071-halves-of-pairs',
  sql: `
    alter table device_manager.sample add column left_out text;
    create index sample_by_first_name on device_manager.sample (split_part(identity, ' ', 1)) where position(' ' in identity) > 0;
    create index sample_by_second_name on device_manager.sample (split_part(identity, ' ', 2)) where position(' ' in identity) > 0;
    create or replace view device_manager.whole_sample as select ${wholeColumns}, s.left_out ${wholeRows}`,
};

/**
 * When the version of the second of two names was issued; of what was kept before, as of the first. And the names of a pair that waits, as
 * those of one that is kept, are found by indexes.
 */
export const halvesByThemselves: Migration = {
  name: '0072-halves-by-themselves',
  sql: `
    alter table device_manager.sample add column other_issued_at timestamptz;
    update device_manager.sample set other_issued_at = issued_at where position(' ' in identity) > 0;
    create or replace view device_manager.whole_sample as select ${wholeColumns}, s.left_out, s.other_issued_at ${wholeRows};
    create index quarantined_delivery_by_first_name on device_manager.quarantined_delivery (split_part(identity, ' ', 1)) where position(' ' in identity) > 0;
    create index quarantined_delivery_by_second_name on device_manager.quarantined_delivery (split_part(identity, ' ', 2)) where position(' ' in identity) > 0`,
};
