import type { Command } from 'commander';
import { ConfigError, type LoadedConfig } from '../config.ts';
import { faultsOfSettings } from '../doctor/configuration.ts';
import { worstOf, type Finding } from '../doctor/finding.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withManual } from './manual.ts';
import { table } from './table.ts';

/** What the settings are, or what is wrong with them. */
const settingsOf = ({ settings }: CommandContext): LoadedConfig | readonly Finding[] => {
  try {
    return settings();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return faultsOfSettings(error.mistakes);
  }
};

const lineOf = ({ area, looked, verdict, found, remedy }: Finding): string[] => [verdict, area, looked, remedy === undefined ? found : `${found} → ${remedy}`];

const doctor = async (context: CommandContext): Promise<void> => {
  const loaded = settingsOf(context);
  // Services are loaded when they are looked at: other commands need not wait for them.
  const findings = 'config' in loaded ? await (await import('../doctor/examination.ts')).examine(loaded, context.environment) : loaded;
  context.result({ verdict: worstOf(findings), findings }, table(['verdict', 'area', 'looked at', 'found'], findings.map(lineOf), ''));
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong').length;
  if (wrong > 0) throw new RefusedError(`${String(wrong)} of ${String(findings.length)} things that were looked at ${wrong === 1 ? 'is' : 'are'} wrong.`);
};

/** Adds `vitalgate doctor`. */
export const addDoctorCommand = (program: Command, context: CommandContext): void => {
  const command = program.command('doctor').description('Looks at settings, database, keys, upstreams, clock and disk, and tells for each what was found and, where it is not well, what to do.');
  withManual(command.action(() => doctor(context)), {
    notes: ['Works beside a running server and without one, and changes nothing; run it as the account of the program.', 'Warnings do not fail; what is wrong ends with exit code 1.'],
    examples: ['npx vitalgate doctor', 'npx vitalgate doctor --config /etc/vitalgate/vitalgate.env', 'npx vitalgate --json doctor'],
  });
};
