import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { backgroundJobs as jobsOfDeviceManager } from '../device-manager/background-jobs.ts';
import type { BackgroundJob, BackgroundJobs, JobFilter, JobOutcome } from '../jobs/background-jobs.ts';
import { jobStates, type JobState } from '../jobs/job-counts.ts';
import { backgroundJobs as jobsOfUserManager } from '../user-manager/background-jobs.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase, type Owner } from './database-access.ts';
import { withManual } from './manual.ts';
import { firstPage, withPaging, type PageOptions } from './page-options.ts';
import { table } from './table.ts';

/** How the command line appears in the audit. */
const act = () => ({ actor: 'vitalgate', requestId: `cli-${randomUUID()}` });

const jobsOf: Readonly<Record<Owner, (pool: Pool, config: Config) => BackgroundJobs>> = {
  'device-manager': (pool, { EXPORT_RETENTION_DAYS }) => jobsOfDeviceManager(pool, EXPORT_RETENTION_DAYS), 'user-manager': (pool) => jobsOfUserManager(pool),
};

/** The jobs of each service of this installation that has some. */
const withJobs = <Result>({ config, say }: CommandContext, work: (services: readonly { readonly service: Owner; readonly jobs: BackgroundJobs }[]) => Promise<Result>): Promise<Result> => {
  const settings = config();
  const owners = settings.SERVICES.filter((service): service is Owner => service !== 'bff');
  if (owners.length === 0) throw new RefusedError('None of SERVICES has jobs: run this where device-manager or user-manager runs.');
  return withDatabase({ config: settings, say, owners }, (pool) => work(owners.map((service) => ({ service, jobs: jobsOf[service](pool, settings) }))));
};

type FilterOptions = Omit<JobFilter, 'state'>;

interface ListOptions extends FilterOptions, PageOptions {
  readonly state: string;
}

const aboutIn = ({ about }: BackgroundJob): string => Object.entries(about).map(([name, id]) => `${name} ${id}`).join(' ');

const list = async (context: CommandContext, { state: named, task, reason, ...page }: ListOptions): Promise<void> => {
  const state = jobStates.find((one): one is JobState => one === named);
  if (state === undefined) throw new RefusedError(`--state is one of ${jobStates.join(', ')}.`, 'wrong-use');
  const { rows, more } = await withJobs(context, (services) =>
    firstPage(page, async (limit) => {
      const each = await Promise.all(services.map(async ({ service, jobs }) => (await jobs.list({ state, task, reason, limit, skip: 0 })).map((job) => ({ service, ...job }))));
      return each.flat().toSorted((a, b) => a.createdAt.localeCompare(b.createdAt)).slice(0, limit);
    }),
  );
  if (more !== undefined) context.say(more);
  const cells = rows.map((job) => [job._id, job.service, job.task, job.reason ?? '', `${String(job.attempts)}/${String(job.maxAttempts)}`, job.createdAt, job.nextTryAt ?? '', aboutIn(job)]);
  context.result(rows, table(['_id', 'service', 'task', 'reason', 'tries', 'since', 'next try', 'about'], cells, `no job is ${state}`));
};

/** The first service that knows the job does it. */
const actOn = async (context: CommandContext, wish: (jobs: BackgroundJobs) => Promise<JobOutcome>, refusal: string): Promise<void> => {
  const outcome = await withJobs(context, async (services) => {
    for (const { jobs } of services) {
      const found = await wish(jobs);
      if (found !== 'not-found') return found;
    }
    return 'not-found';
  });
  if (outcome === 'not-found') throw new RefusedError('There is no job with this _id.', 'unknown');
  if (outcome === 'cannot-go-on') throw new RefusedError(refusal);
};

const retry = async (context: CommandContext, id: string | undefined, filter: FilterOptions): Promise<void> => {
  let retried = 1;
  if (id !== undefined) await actOn(context, (jobs) => jobs.retry(id, act()), 'This job is under way: look again when it has ended.');
  else retried = await withJobs(context, async (services) => (await Promise.all(services.map(({ jobs }) => jobs.retryAll(filter, act())))).reduce((sum, count) => sum + count, 0));
  context.result({ jobs: retried }, `${String(retried)} will be tried again while the server runs`);
};

const discard = async (context: CommandContext, id: string): Promise<void> => {
  await actOn(context, (jobs) => jobs.discard(id, act()), 'This job is under way, or erases somebody, which is owed.');
  context.result({ discarded: id }, `${id} is gone for good, its work is not done`);
};

const withFilter = (command: Command): Command =>
  command.option('--task <task>', 'kind of work, such as password-reset-mail').option('--reason <reason>', 'as `jobs list` shows it, such as "Error ECONNREFUSED"');

/** Adds `vitalgate jobs …`. */
export const addJobCommands = (program: Command, context: CommandContext): void => {
  const jobs = program.command('jobs').description('Work in the background that failed or waits: list, retry, discard.');
  withManual(jobs, { examples: ['npx vitalgate jobs list', 'npx vitalgate jobs retry --task password-reset-mail'] });
  const listed = withFilter(withPaging(jobs.command('list').description('Lists jobs of all services here, oldest first; those that were given up unless --state says otherwise.').option('--state <state>', jobStates.join(', '), 'failed')));
  withManual(listed.action((options: ListOptions) => list(context, options)), { examples: ['npx vitalgate jobs list', 'npx vitalgate jobs list --state retrying'] });
  const again = withFilter(jobs.command('retry').description('Has one job, or all given up ones that the options mean, tried again, with all their tries before them.').argument('[_id]', 'one job, as `jobs list` shows it'));
  withManual(again.action((id: string | undefined, options: FilterOptions) => retry(context, id, options)), {
    notes: ['Mend what made them fail first: `jobs list` and the log (`job failed`) tell the reason.'], examples: ['npx vitalgate jobs retry 4711', 'npx vitalgate jobs retry --reason "Error ECONNREFUSED"'],
  });
  const gone = jobs.command('discard').description('Throws a job away for good; who did it and when is in the audit. Its work is not done.').argument('<_id>', 'as `jobs list` shows it');
  withManual(gone.action((id: string) => discard(context, id)), { notes: ['What it was about stays as it is. A job that erases is not thrown away.'], examples: ['npx vitalgate jobs discard 4711'] });
};
