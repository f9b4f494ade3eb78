import type { Migration } from '../../database/migrator.ts';

/** What submissions got after they were there. */
export const submissionMigrations: readonly Migration[] = [
  // Outages in a row set the wait; how often something was sent says nothing about them.
  { name: '0073-outages-in-a-row', sql: 'alter table device_manager.submission add column outages integer not null default 0' },
  {
    name: '0074-what-submissions-leave-out',
    // What one half of a blood pressure is submitted as is another detection than both; what was delivered before may be either.
    sql: `
      alter table device_manager.submission add column left_out text;
      update device_manager.submission d set left_out = s.left_out from device_manager.sample s
        where s.patient_id = d.patient_id and s._id = d.sample_id and s.left_out is not null and d.superseded_at is null and d.state <> 'delivered'`,
  },
  // Whether a request may still be at work is noted when it is sent: nobody is there to tell after a crash.
  { name: '0075-requests-under-way', sql: 'alter table device_manager.submission add column under_way_until timestamptz' },
  {
    name: '0076-doubtful-submissions-superseded',
    // Nobody could have them tried again: they wait, to be asked about and not to be sent. A start takes up whatever waits.
    sql: `update device_manager.submission set state = 'waiting', next_attempt_at = now() where state = 'parked' and superseded_at is not null and sent_at is not null`,
  },
  { name: '0077-restorations', sql: 'create table device_manager.restoration (restored_at timestamptz primary key)' },
];
