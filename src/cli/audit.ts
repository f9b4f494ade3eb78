import type { Command } from 'commander';
import { actorKinds, auditEvents, auditOutcomes, type ActorKind, type AuditOutcome } from '../audit/audit-event.ts';
import type { AuditSchema } from '../audit/audit-tables.ts';
import { findAudit, type AuditFilter, type AuditRow } from '../audit/finding.ts';
import { verifyAudit, type Verification, type VerificationRange } from '../audit/verifying.ts';
import type { Pool } from '../database/pool.ts';
import { parseBound } from '../measurement/instant.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase, type Owner } from './database-access.ts';
import { withManual } from './manual.ts';
import { firstPage, withPaging, type PageOptions } from './page-options.ts';
import { table } from './table.ts';

const schemas: Readonly<Record<Owner, AuditSchema>> = { 'device-manager': 'device_manager', 'user-manager': 'user_manager' };

/** Runs for each service of this installation that has an audit. */
const inEach = async <Result>({ config, say }: CommandContext, named: string | undefined, work: (pool: Pool, service: Owner) => Promise<Result>): Promise<Result[]> => {
  const settings = config();
  const owners = settings.SERVICES.filter((service): service is Owner => service !== 'bff').filter((service) => named === undefined || service === named);
  if (owners.length === 0) throw new RefusedError('--service is device-manager or user-manager, and one of SERVICES.', 'wrong-use');
  return withDatabase({ config: settings, say, owners }, async (pool) => {
    const results: Result[] = [];
    for (const service of owners) results.push(await work(pool, service));
    return results;
  });
};

interface ListOptions extends PageOptions {
  readonly service?: string;
  readonly patient?: string;
  readonly actor?: string;
  readonly event?: string;
  readonly outcome?: string;
  readonly request?: string;
  readonly from?: string;
  readonly to?: string;
}

const instantOf = (text: string | undefined, option: string): Date | undefined => {
  if (text === undefined) return undefined;
  const instant = parseBound(text);
  if (typeof instant !== 'object') throw new RefusedError(`${option} is a day in UTC (2024-07-01) or an instant with an offset.`, 'wrong-use');
  return new Date(instant.epochMs);
};

const oneOf = <Name extends string>(names: readonly Name[], text: string | undefined, option: string): Name | undefined => {
  const found = names.find((name) => name === text);
  if (text !== undefined && found === undefined) throw new RefusedError(`${option} is one of ${names.join(', ')}.`, 'wrong-use');
  return found;
};

/** `operator:<id>`, `sender:<name>`, a kind alone, or an identifier alone. */
const actorOf = (text: string | undefined): { readonly actorKind?: ActorKind | undefined; readonly actorId?: string | undefined } => {
  if (text === undefined) return {};
  const [first = '', ...rest] = text.split(':');
  const actorKind = actorKinds.find((kind) => kind === first);
  return actorKind === undefined ? { actorId: text } : { actorKind, actorId: rest.length === 0 ? undefined : rest.join(':') };
};

const filterOf = ({ patient, actor, event, outcome, request, from, to }: ListOptions): AuditFilter => ({
  ...actorOf(actor), patientId: patient, event: oneOf(Object.keys(auditEvents), event, '--event'), outcome: oneOf<AuditOutcome>(auditOutcomes, outcome, '--outcome'), requestId: request,
  from: instantOf(from, '--from'), to: instantOf(to, '--to'),
});

const who = ({ actor_kind: kind, actor_id: id }: AuditRow): string => (id === null ? kind : `${kind}:${id}`);

const list = async (context: CommandContext, options: ListOptions): Promise<void> => {
  const filter = filterOf(options);
  const { rows, more } = await firstPage(options, async (limit) => {
    const each = await inEach(context, options.service, async (pool, service) => (await findAudit(pool, schemas[service], { ...filter, limit })).map((row) => ({ service, ...row })));
    return each.flat().toSorted((a, b) => (a.at > b.at ? -1 : 1)).slice(0, limit);
  });
  const cells = rows.map((row) => [row.at, row.service, row.event, row.outcome, row.reason ?? '', who(row), row.patient_id, row.resource, row.request_id]);
  context.result(rows, table(['at', 'service', 'event', 'outcome', 'reason', 'who', 'patient', 'resource', 'request'], cells, 'no events'));
  if (more !== undefined) context.say(more);
};

const faults = {
  changed: 'was changed after it was written', removed: 'is gone', inserted: 'was put in beside the chain', link: 'is where the chain itself was changed', head: 'The noted hash is not in the chain: it was written anew',
} as const;

const wordsOf = (service: Owner, { links, days, head, unchained, fault }: Verification): string => {
  if (fault) {
    const place = fault.day === undefined ? '' : ` (link ${String(fault.position)} of ${fault.day})`;
    return `${service}: ${fault.event === undefined ? faults[fault.kind] : `event ${fault.event}${place} ${faults[fault.kind]}`}`;
  }
  const tail = unchained.events === 0 ? 'nothing is unchained' : `${String(unchained.events)} are not chained yet, the first of ${unchained.since ?? ''}`;
  return `${service}: ${String(links)} events of ${String(days)} days are as they were written; ${tail}${head === undefined ? '' : `\n  head: ${head}`}`;
};

const verify = async (context: CommandContext, { service, ...range }: VerificationRange & { readonly service?: string }): Promise<void> => {
  for (const name of ['from', 'to'] as const) if (range[name] !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(range[name])) throw new RefusedError(`--${name} is a day in UTC, such as 2024-07-01.`, 'wrong-use');
  if (range.head !== undefined && (service === undefined || !/^[0-9a-f]{64}$/.test(range.head))) throw new RefusedError('--head is 64 hexadecimal digits, and needs --service.', 'wrong-use');
  const found = await inEach(context, service, async (pool, owner) => ({ service: owner, ...(await verifyAudit(pool, schemas[owner], range)) }));
  context.result(found, found.map((one) => wordsOf(one.service, one)).join('\n'));
  if (found.some(({ fault }) => fault)) throw new RefusedError('The audit is not as it was written.');
};

const addList = (audit: Command, context: CommandContext): void => {
  const command = withPaging(audit.command('list').description('Lists who did what to whose data, newest first, and what was refused.'))
    .option('--service <service>', 'device-manager or user-manager; both unless given')
    .option('--patient <patientId>', 'about whose data; a pseudonym finds those of an erased patient')
    .option('--actor <actor>', `who acted: an id, a kind (${actorKinds.join(', ')}), or both as operator:<id>`)
    .option('--event <event>', 'as the list shows it, such as chart-read')
    .option('--outcome <outcome>', auditOutcomes.join(', '))
    .option('--request <requestId>', 'in which request')
    .option('--from <time>', 'from this day in UTC or instant on')
    .option('--to <time>', 'before this day in UTC or instant')
    .action((options: ListOptions) => list(context, options));
  withManual(command, { examples: ['npx vitalgate audit list --patient 9c86fda0197f4d0e8780daae45bac2f8', 'npx vitalgate --json audit list --outcome refused --from 2024-07-01 --all'] });
};

/** Adds `vitalgate audit …`. */
export const addAuditCommands = (program: Command, context: CommandContext): void => {
  const audit = program.command('audit').description('Who did what to whose data: list it, and prove that it is as it was written.');
  withManual(audit, { examples: ['npx vitalgate audit verify', 'npx vitalgate audit list --outcome refused'] });
  addList(audit, context);
  const proof = audit
    .command('verify')
    .description('Walks the chain and names the first event that was changed, removed or put in; tells how many are not chained yet.')
    .option('--service <service>', 'device-manager or user-manager; both unless given')
    .option('--from <day>', 'from this day of the chain on, in UTC')
    .option('--to <day>', 'up to this day of the chain')
    .option('--head <hash>', 'a head noted earlier, from the log or from here: it must be in the chain')
    .action((options: VerificationRange & { readonly service?: string }) => verify(context, options));
  withManual(proof, {
    notes: ['Whoever can write the whole database can write the whole chain anew: the log tells the head of each day that ended; keep it elsewhere, and check it with --head.'],
    examples: ['npx vitalgate audit verify', 'npx vitalgate --json audit verify --from 2024-07-01 --to 2024-07-31'],
  });
};
