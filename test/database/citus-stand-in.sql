-- What scripts/distribute.sql asks of Citus, which is not there: each function refuses what Citus refuses of a table, and notes the rest.
create schema stand_in;
create table stand_in.pg_dist_partition (logicalrelid regclass primary key, partmethod "char" not null default 'h', distribution_column text not null, colocated_with text not null);
create table stand_in.distributed_function (name regprocedure primary key);
create table stand_in.truncated (name regclass primary key);

create function stand_in.create_distributed_table(table_name regclass, distribution_column text, colocate_with text default 'default') returns void language plpgsql as $body$
declare
  attribute smallint;
  other text;
begin
  select attnum into attribute from pg_attribute where attrelid = table_name and attname = distribution_column and not attisdropped;
  if attribute is null then raise exception '% has no column %', table_name, distribution_column; end if;
  select indexrelid::regclass::text into other from pg_index where indrelid = table_name and (indisunique or indisexclusion) and not attribute = any(indkey::smallint[]);
  if other is not null then raise exception 'the unique % lacks %', other, distribution_column; end if;
  select conname into other from pg_constraint where contype = 'f' and (conrelid = table_name or confrelid = table_name);
  if other is not null then raise exception 'the foreign key % leads out of %', other, table_name; end if;
  select tgname into other from pg_trigger where tgrelid = table_name and not tgisinternal;
  if other is not null then raise exception 'the trigger % is on %', other, table_name; end if;
  if colocate_with not in ('none', 'default') and not exists (
    select from stand_in.pg_dist_partition p join pg_attribute a on a.attrelid = p.logicalrelid and a.attname = p.distribution_column
    join pg_attribute b on b.attrelid = table_name and b.attname = create_distributed_table.distribution_column and b.atttypid = a.atttypid
    where p.logicalrelid = colocate_with::regclass) then
    raise exception '% is not divided as % is to be', colocate_with, table_name;
  end if;
  insert into stand_in.pg_dist_partition (logicalrelid, distribution_column, colocated_with) values (table_name, distribution_column, colocate_with);
end $body$;

create function stand_in.create_distributed_function(name regprocedure) returns void language sql as
  'insert into stand_in.distributed_function values (name) on conflict do nothing';

create function stand_in.truncate_local_data_after_distributing_table(name regclass) returns void language plpgsql as $body$
begin
  if not exists (select from stand_in.pg_dist_partition where logicalrelid = name) then raise exception '% is not distributed', name; end if;
  insert into stand_in.truncated values (name) on conflict do nothing;
end $body$;
