import type { Command } from 'commander';
import { faults, type Fault } from '../simulator/medisante.ts';
import type { Reconciliation } from '../simulator/medisante-reconciliation.ts';
import { simulateMedisante } from '../simulator/run.ts';
import { formats, type Format } from '../simulator/writing.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { httpUrl } from './http-url.ts';
import { withManual } from './manual.ts';
import { addSimulatePhone } from './simulate-phone.ts';
import { credential, namesIn, whole, withLedger } from './simulation-options.ts';

interface SimulateOptions {
  readonly url: string;
  readonly devices: string;
  readonly deliveries: string;
  readonly rate?: string;
  readonly faults?: string;
  readonly format: string;
  readonly seed: string;
  readonly ledger?: string;
}

const wordsOf = ({ sent, acknowledged, lost, doubled, wrongPatient, unexpected }: Reconciliation): string =>
  `${String(sent)} deliveries sent, ${String(acknowledged)} acknowledged\nlost ${String(lost)}, doubled ${String(doubled)}, wrong patient ${String(wrongPatient)}, not as expected ${String(unexpected)}`;

const simulate = async (context: CommandContext, options: SimulateOptions): Promise<void> => {
  const { environment } = context;
  const run = {
    url: httpUrl('url', options.url), apiKey: credential(environment, 'SIMULATE_KEY'), bearer: credential(environment, 'SIMULATE_TOKEN'),
    devices: whole('devices', options.devices, 1, 10_000), deliveries: whole('deliveries', options.deliveries, 1, 1_000_000),
    ratePerSecond: options.rate === undefined ? undefined : whole('rate', options.rate, 1, 10_000),
    faults: options.faults === undefined ? [] : namesIn<Fault>('faults', faults, options.faults), formats: namesIn<Format>('format', formats, options.format), seed: whole('seed', options.seed, 0, 4_294_967_295),
  };
  const outcome = await withLedger(options.ledger, (write) => simulateMedisante({ ...run, onSent: write }));
  context.result(outcome, wordsOf(outcome));
  if (outcome.lost + outcome.doubled + outcome.wrongPatient + outcome.unexpected > 0) throw new RefusedError('The reconciliation found differences.');
};

/** Adds `vitalgate simulate …`. */
export const addSimulateCommand = (program: Command, context: CommandContext): void => {
  const simulated = program.command('simulate').description('Plays what sends to Vitalgate, faults and all, and checks what became of it.');
  withManual(simulated, { examples: ['npx vitalgate simulate medisante --deliveries 1000 --faults all'] });
  const medisante = simulated
    .command('medisante')
    .description('Assigns simulated devices to simulated patients, posts deliveries to the webhook, and reconciles them with what the API says. Exit code 1 when anything was lost, doubled or given to the wrong patient.')
    .option('--url <url>', 'the Device Manager', 'http://127.0.0.1:3001')
    .option('--devices <count>', 'simulated devices, one patient each', '10')
    .option('--deliveries <count>', 'how many to send', '1000')
    .option('--rate <per second>', 'how fast; as fast as they are answered unless given')
    .option('--faults <list>', `all, or some of ${faults.join(', ')}; one delivery in four is spoilt`)
    .option('--format <list>', `all, or some of ${formats.join(', ')}: one by chance for each delivery`, 'medisantestandard-json')
    .option('--seed <number>', 'the same seed gives the same readings', '1')
    .option('--ledger <path>', 'a new file for one JSON line per delivery, without values')
    .action((options: SimulateOptions) => simulate(context, options));
  withManual(medisante, {
    notes: ['SIMULATE_KEY holds the API key of a sender, SIMULATE_TOKEN an operator’s access token or the service token.', 'Never run it against an installation that real patients use: its samples stay.'],
    examples: ['SIMULATE_KEY=… SIMULATE_TOKEN=… npx vitalgate simulate medisante --devices 50 --deliveries 10000 --format all --faults all --ledger ledger.jsonl'],
  });
  addSimulatePhone(simulated, context);
};
