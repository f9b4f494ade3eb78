-- Turns an installation into one over several machines, with Citus (https://www.citusdata.com) 12 or newer. Run it on the coordinator, once
-- the nodes are known to it, as the owner of the tables, while no process of Vitalgate runs; a second time does nothing. docs/scaling.md
-- says when and how, what stays on the coordinator, and why.
--
--   npx vitalgate migrate
--   psql "$DATABASE_URL" --set ON_ERROR_STOP=1 --file scripts/distribute.sql
--
-- Every table of patients' data is divided by the patient, so that all of one patient lies on one node, and what happens to a sample
-- happens on that node alone. Deliveries of webhooks are divided by their own names: they are noted before it is known whose they are.

-- What the patient's tables have in common is decided by the first one.
select create_distributed_table('device_manager.payload', 'patient_id', colocate_with => 'none')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.payload'::regclass);
select create_distributed_table('device_manager.sample', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.sample'::regclass);
select create_distributed_table('device_manager.sample_group', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.sample_group'::regclass);
select create_distributed_table('device_manager.sample_copy', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.sample_copy'::regclass);
select create_distributed_table('device_manager.tombstone', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.tombstone'::regclass);
select create_distributed_table('device_manager.normalized_chunk', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.normalized_chunk'::regclass);
select create_distributed_table('device_manager.series_chunk', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.series_chunk'::regclass);
select create_distributed_table('device_manager.series_rollup', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.series_rollup'::regclass);
select create_distributed_table('device_manager.submission', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.submission'::regclass);
select create_distributed_table('device_manager.sample_refusal', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.sample_refusal'::regclass);
select create_distributed_table('device_manager.patient_export', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.patient_export'::regclass);
select create_distributed_table('device_manager.patient_export_part', 'patient_id', colocate_with => 'device_manager.payload')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.patient_export_part'::regclass);

select create_distributed_table('device_manager.delivery', 'correlation_id', colocate_with => 'none')
  where not exists (select from pg_dist_partition where logicalrelid = 'device_manager.delivery'::regclass);

-- Statements about sealed values ask it on the node where the values are.
select create_distributed_function('device_manager.key_generation(bytea)');

-- What was copied to the nodes still lies on the coordinator, where nobody sees it any more.
select truncate_local_data_after_distributing_table(logicalrelid) from pg_dist_partition
  where partmethod = 'h' and logicalrelid::text like 'device\_manager.%' order by logicalrelid::text;
