import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { SubmissionRow, SubmissionState } from '../device-manager/storage/submission-list.ts';
import { createSubmissions, type Submissions } from '../device-manager/submissions.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';
import { firstPage, withPaging, type PageOptions } from './page-options.ts';
import { table } from './table.ts';

const states = ['waiting', 'delivered', 'parked', 'dropped'];

/** How the command line appears in the audit. */
const act = () => ({ actor: 'vitalgate', requestId: `cli-${randomUUID()}` });

const withSubmissions = <Result>({ config, say }: CommandContext, work: (submissions: Submissions) => Promise<Result>): Promise<Result> =>
  withDatabase({ config: config(), say, owners: ['device-manager'] }, (pool) => work(createSubmissions(pool)));

interface FilterOptions {
  readonly reason?: string;
  readonly patient?: string;
  readonly plan?: string;
}

const filterOf = ({ reason, patient, plan }: FilterOptions) => ({ reason, patientId: patient, planId: plan });

const cellsOf = ({ _id, state, reason, plan_id, normalized_type, sample_id, attempts, observed_at }: SubmissionRow): string[] =>
  [_id, state, reason ?? '', plan_id ?? 'not known yet', normalized_type, sample_id, String(attempts), observed_at.toISOString()];

const list = async (context: CommandContext, { state, ...options }: FilterOptions & PageOptions & { readonly state: string }): Promise<void> => {
  if (!states.includes(state)) throw new RefusedError(`--state is one of ${states.join(', ')}.`, 'wrong-use');
  const { rows, more } = await withSubmissions(context, (submissions) =>
    firstPage(options, (limit) => submissions.list({ ...filterOf(options), state: state as SubmissionState, limit, skip: 0 })),
  );
  if (more !== undefined) context.say(more);
  context.result(rows, table(['_id', 'state', 'reason', 'plan', 'type', 'sample', 'attempts', 'observed'], rows.map(cellsOf), `nothing is ${state}`));
};

const replay = async (context: CommandContext, id: string | undefined, options: FilterOptions): Promise<void> => {
  const entries = await withSubmissions(context, async (submissions) => {
    if (id === undefined) return submissions.replayAll(filterOf(options), act());
    const outcome = await submissions.replay(id, act());
    if (outcome === 'not-found') throw new RefusedError('There is no submission with this _id.', 'unknown');
    if (outcome === 'cannot-go-on') throw new RefusedError('Only what is parked or waits is tried again: this was delivered, dropped or superseded.');
    return 1;
  });
  context.result({ entries }, `${String(entries)} will be tried again while the server runs`);
};

const withFilter = (command: Command): Command =>
  command
    .option('--reason <reason>', 'as `submissions list` shows it, such as value-refused')
    .option('--patient <patientId>', 'whose samples')
    .option('--plan <planId>', 'to which plan');

/** Adds `vitalgate submissions …`. */
export const addSubmissionCommands = (program: Command, context: CommandContext): void => {
  const submissions = program.command('submissions').description('What goes to the Therapy and Monitoring Manager: list, replay.');
  withManual(submissions, { examples: ['npx vitalgate submissions list', 'npx vitalgate submissions replay --reason value-refused'] });
  const listed = withFilter(withPaging(submissions.command('list').description('Lists submissions, oldest first.').option('--state <state>', states.join(', '), 'parked')));
  withManual(listed.action((options: FilterOptions & PageOptions & { readonly state: string }) => list(context, options)), { examples: ['npx vitalgate submissions list --state waiting'] });
  const again = withFilter(submissions.command('replay').description('Has one submission, or all parked ones that the options mean, tried again.').argument('[_id]', 'one submission'));
  withManual(again.action((id: string | undefined, options: FilterOptions) => replay(context, id, options)), { examples: ['npx vitalgate submissions replay --reason detection-refused'] });
};
