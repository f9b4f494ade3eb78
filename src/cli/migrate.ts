import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { withDatabase, type Owner } from './database-access.ts';
import { serviceRolesSql } from '../service-roles.ts';
import { withManual } from './manual.ts';

const migrate = async ({ config, say, result }: CommandContext, { printRoles }: { readonly printRoles?: true }): Promise<void> => {
  const settings = config();
  const owners = settings.SERVICES.filter((service): service is Owner => service !== 'bff');
  if (printRoles === true) {
    const sql = serviceRolesSql(owners);
    result({ sql }, sql);
    return;
  }
  const ran = owners.length === 0 ? [] : await withDatabase({ config: settings, say, owners }, (_pool, names) => Promise.resolve(names));
  const idle = owners.length === 0 ? 'no service of SERVICES has tables' : 'all tables are up to date';
  result({ ran }, ran.length === 0 ? idle : ran.map((name) => `ran ${name}`).join('\n'));
};

/** Adds `vitalgate migrate`. */
export const addMigrateCommand = (program: Command, context: CommandContext): void => {
  const command = program.command('migrate').description('Brings the tables of the services that SERVICES names up to date, and says which migrations ran.')
    .option('--print-roles', 'print SQL that gives each service a role of its own with no more rights than it needs; nothing else is done');
  withManual(command.action((options: { readonly printRoles?: true }) => migrate(context, options)), {
    notes: ['Every start does the same; run it before, where many processes are to start at once. Tables newer than the program are refused.', 'A role of --print-roles cannot migrate: run this as the owner, then the printed SQL, before the services start.'],
    examples: ['npx vitalgate migrate', 'DATABASE_URL=postgres://vitalgate@db/vitalgate npx vitalgate migrate', 'npx vitalgate migrate --print-roles | psql "$OWNER_URL"'],
  });
};
