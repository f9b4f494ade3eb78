import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { CommandContext } from './command-context.ts';
import { withManual } from './manual.ts';

/** A demo lives beside what is kept, in a folder of its own, unless one is named for it. */
const placeOf = (context: CommandContext, demo: boolean): Config => {
  const { config, origins } = context.settings();
  return demo && origins.DATA_DIR === 'default' ? { ...config, DATA_DIR: join(config.DATA_DIR, 'demo') } : config;
};

/** Adds `vitalgate start`. The services are loaded when they start: other commands need not wait for them. */
export const addStartCommand = (program: Command, context: CommandContext): void => {
  const command = program
    .command('start')
    .description('Runs the services that SERVICES names until SIGTERM or SIGINT. `npm start -- …` is the same.')
    .option('--demo', 'runs a demo with made-up people, keys and six weeks of data in a folder of its own (data/demo unless DATA_DIR is set), tells their credentials in its demo.json, and forgets all of it when it stops')
    .action(async ({ demo }: { readonly demo?: true }) => {
      const config = placeOf(context, demo === true);
      const { serve } = await import('./serve.ts');
      await serve(config, { demo: demo === true, environment: context.environment, say: context.say });
    });
  withManual(command, {
    notes: ['The log goes to standard output as JSON, addresses and notices to standard error.'],
    examples: ['npx vitalgate start', 'npm start -- --demo', 'npx vitalgate start --config /etc/vitalgate.env'],
  });
};
