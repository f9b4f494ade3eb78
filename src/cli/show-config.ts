import type { Command } from 'commander';
import type { LoadedConfig } from '../config.ts';
import { settingNames, settings } from '../config/settings.ts';
import { shownValue } from '../config/shown-value.ts';
import type { CommandContext } from './command-context.ts';
import { withManual } from './manual.ts';
import { table } from './table.ts';

/** What holds, as it may be shown; a value is null where a setting is left out and has no value by default. */
const effective = ({ config, origins }: LoadedConfig) =>
  settingNames.map((name) => {
    const value = config[name];
    return { name, value: value === undefined ? null : shownValue(name, String(value)), from: origins[name], otherwise: settings[name].otherwise.replaceAll('`', '') };
  });

const showConfig = (context: CommandContext): void => {
  const all = effective(context.settings());
  const rows = all.map(({ name, value, from, otherwise }) => [name, value === null ? `(${otherwise})` : value === '' ? '(none)' : value, from]);
  context.result(Object.fromEntries(all.map(({ name, value, from }) => [name, { value, from }])), table(['setting', 'value', 'from'], rows, ''));
};

/** Adds `vitalgate config`. */
export const addConfigCommand = (program: Command, context: CommandContext): void => {
  const command = program.command('config').description('Shows the settings that hold and where each comes from: default, file or environment. Secrets are masked, also passwords inside URLs.');
  withManual(command.action(() => showConfig(context)), { examples: ['npx vitalgate config', 'npx vitalgate --config /etc/vitalgate.env --json config'] });
};
