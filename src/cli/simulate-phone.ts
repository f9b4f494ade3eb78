import type { Command } from 'commander';
import { phoneFaults, type PhoneFault } from '../simulator/phone.ts';
import type { PhoneReconciliation } from '../simulator/phone-reconciliation.ts';
import { simulatePhones } from '../simulator/phone-run.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { httpUrl } from './http-url.ts';
import { withManual } from './manual.ts';
import { credential, namesIn, whole, withLedger } from './simulation-options.ts';

interface PhoneOptions {
  readonly url: string;
  readonly userManagerUrl: string;
  readonly phones: string;
  readonly days: string;
  readonly faults?: string;
  readonly seed: string;
  readonly ledger?: string;
}

const wordsOf = ({ phoneDays, sent, alive, lost, doubled, undeleted, wrong, unexpected }: PhoneReconciliation): string =>
  `${String(phoneDays)} phone days, ${String(sent)} samples sent, ${String(alive)} of them alive\nlost ${String(lost)}, doubled ${String(doubled)}, undeleted ${String(undeleted)}, wrong ${String(wrong)}, not as expected ${String(unexpected)}`;

const simulatePhone = async (context: CommandContext, options: PhoneOptions): Promise<void> => {
  const run = {
    url: httpUrl('url', options.url), userManagerUrl: httpUrl('user-manager-url', options.userManagerUrl), bearer: credential(context.environment, 'SIMULATE_TOKEN'),
    phones: whole('phones', options.phones, 1, 10_000), days: whole('days', options.days, 2, 365), seed: whole('seed', options.seed, 0, 4_294_967_295),
    faults: options.faults === undefined ? [] : namesIn<PhoneFault>('faults', phoneFaults, options.faults),
  };
  const outcome = await withLedger(options.ledger, (write) => simulatePhones({ ...run, onSent: write }));
  context.result(outcome, wordsOf(outcome));
  if (outcome.lost + outcome.doubled + outcome.undeleted + outcome.wrong + outcome.unexpected > 0) throw new RefusedError('The reconciliation found differences.');
};

/** Adds `vitalgate simulate phone`. */
export const addSimulatePhone = (simulate: Command, context: CommandContext): void => {
  const phone = simulate
    .command('phone')
    .description('Makes simulated patients, has their phones sync with the BFF as phones do, and compares each Health app with what the BFF lists, sample by sample. Exit code 1 when anything was lost, doubled, wrong or not deleted.')
    .option('--url <url>', 'the BFF', 'http://127.0.0.1:3000')
    .option('--user-manager-url <url>', 'the User Manager, where the patients are made', 'http://127.0.0.1:3002')
    .option('--phones <count>', 'simulated patients', '10')
    .option('--days <count>', 'days of each, 2 to 365; the first half comes in the first sync', '14')
    .option('--faults <list>', `all, or some of ${phoneFaults.join(', ')}; each on about every third day`)
    .option('--seed <number>', 'the same seed gives the same samples', '1')
    .option('--ledger <path>', 'a new file for one JSON line per request, without values')
    .action((options: PhoneOptions) => simulatePhone(context, options));
  withManual(phone, {
    notes: ['SIMULATE_TOKEN holds an operator’s access token or the service token.', 'Never run it against an installation that real patients use: its patients and samples stay.'],
    examples: ['SIMULATE_TOKEN=… npx vitalgate simulate phone --phones 50 --days 20 --faults all --ledger ledger.jsonl'],
  });
};
