#!/usr/bin/env node
import { Command } from 'commander';
import packageFile from '../../package.json' with { type: 'json' };
import { ConfigError, readConfig } from '../config.ts';
import { startFailureOf } from '../start-failure.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { addKeyCommands } from './keys.ts';
import { addUserCommands } from './users.ts';

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const program = new Command('vitalgate')
  .description('Tends a Vitalgate installation: the one of the server that runs on DATA_DIR, of DATABASE_URL, or of DATA_DIR itself.')
  .version(packageFile.version)
  .option('--json', 'print results as JSON');

const context: CommandContext = {
  config: () => readConfig(process.env),
  say,
  result: (value, text) => {
    process.stdout.write(`${program.opts<{ json?: true }>().json === true ? JSON.stringify(value) : text}\n`);
  },
};

addUserCommands(program, context);
addKeyCommands(program, context);

try {
  await program.parseAsync();
} catch (error) {
  say(error instanceof ConfigError || error instanceof RefusedError ? error.message : `vitalgate: ${startFailureOf(error)}`);
  process.exitCode = 1;
}
