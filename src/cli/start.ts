import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { withManual } from './manual.ts';

/** Adds `vitalgate start`. The services are loaded when they start: other commands need not wait for them. */
export const addStartCommand = (program: Command, context: CommandContext): void => {
  const command = program
    .command('start')
    .description('Runs the services that SERVICES names until SIGTERM or SIGINT. `npm start -- …` is the same.')
    .option('--demo', 'makes a demo patient, an operator and a webhook key, and writes DATA_DIR/demo.json')
    .action(async ({ demo }: { readonly demo?: true }) => {
      const config = context.config();
      const { serve } = await import('./serve.ts');
      await serve(config, { demo: demo === true, environment: context.environment, say: context.say });
    });
  withManual(command, {
    notes: ['The log goes to standard output as JSON, addresses and notices to standard error.'],
    examples: ['npx vitalgate start', 'npm start -- --demo', 'npx vitalgate start --config /etc/vitalgate.env'],
  });
};
