/** What the role of a service may touch: the schemas of its own, and of them the one with an audit. */
interface ServiceRole {
  readonly role: string;
  readonly schemas: readonly string[];
  readonly audited: string;
}

const serviceRoles: Readonly<Record<'device-manager' | 'user-manager', ServiceRole>> = {
  'device-manager': { role: 'vitalgate_device_manager', schemas: ['device_manager', 'device_manager_keys'], audited: 'device_manager' },
  'user-manager': { role: 'vitalgate_user_manager', schemas: ['user_manager'], audited: 'user_manager' },
};

const jobSchema = 'graphile_worker';

const creation = ({ role }: ServiceRole): string => `do $do$ begin if not exists (select from pg_roles where rolname = '${role}') then create role ${role} login; end if; end $do$;`;

const grantsOn = (schema: string, role: string): string => `
revoke all on all tables in schema ${schema} from public, ${role};
grant usage on schema ${schema} to ${role};
grant select, insert, update, delete on all tables in schema ${schema} to ${role};
alter default privileges in schema ${schema} grant select, insert, update, delete on tables to ${role};
revoke execute on all functions in schema ${schema} from public;
grant execute on all functions in schema ${schema} to ${role};
revoke insert, update, delete on ${schema}.migration from ${role};`;

const appendOnly = ({ audited, role }: ServiceRole): string => `
revoke update, delete, truncate on ${audited}.audit_event, ${audited}.audit_link from ${role};
revoke insert, delete, truncate on ${audited}.audit_chaining from ${role};`;

/** graphile-worker has row security on its tables, without which only their owner sees jobs. */
const jobs = (role: string): string => `
grant usage on schema ${jobSchema} to ${role};
grant select, insert, update, delete on all tables in schema ${jobSchema} to ${role};
grant usage on all sequences in schema ${jobSchema} to ${role};
grant execute on all functions in schema ${jobSchema} to ${role};
revoke insert, update, delete on ${jobSchema}.migrations from ${role};
do $do$ declare secured regclass; begin
  for secured in select oid from pg_class where relnamespace = '${jobSchema}'::regnamespace and relrowsecurity loop
    execute format('drop policy if exists ${role} on %s', secured);
    execute format('create policy ${role} on %s to ${role} using (true) with check (true)', secured);
  end loop;
end $do$;`;

/**
 * SQL that gives each service a role of its own, for whoever owns the tables to run after a migration; running it again changes nothing.
 * A role reads and writes the tables of its service and jobs, adds to its audit but changes nothing there, and sees nothing of the other service.
 */
export const serviceRolesSql = (services: readonly ('device-manager' | 'user-manager')[]): string =>
  ['-- Run as the owner of the tables, after every migration.', 'begin;', ...services.map((service) => {
    const own = serviceRoles[service];
    return `\n-- ${service}\n${creation(own)}${own.schemas.map((schema) => grantsOn(schema, own.role)).join('')}${appendOnly(own)}${jobs(own.role)}`;
  }), 'commit;'].join('\n');
