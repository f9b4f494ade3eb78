import { Command } from 'commander';
import packageFile from '../../package.json' with { type: 'json' };
import { loadConfig } from '../config.ts';
import { addAuditCommands } from './audit.ts';
import { addBackupCommand } from './backup.ts';
import { addClientCommands } from './clients.ts';
import type { CommandContext } from './command-context.ts';
import { addDeviceCommands } from './devices.ts';
import { addDoctorCommand } from './doctor.ts';
import { addImportCommand } from './import.ts';
import { addInboxCommands } from './inbox.ts';
import { addJobCommands } from './jobs.ts';
import { addKeyCommands } from './keys.ts';
import { withManual } from './manual.ts';
import { addMigrateCommand } from './migrate.ts';
import { addPatientCommands } from './patients.ts';
import { addConfigCommand } from './show-config.ts';
import { addRestoreCommand } from './restore.ts';
import { addSimulateCommand } from './simulate.ts';
import { addStartCommand } from './start.ts';
import { addSubmissionCommands } from './submissions.ts';
import { addUserCommands } from './users.ts';

/** Where a run of the program takes settings from and writes to. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
  /** Writes to standard error. */
  readonly say: (text: string) => void;
}

const contextOf = (program: Command, { environment, print, say: write }: Terminal): CommandContext => {
  const say = (text: string): void => write(`${text}\n`);
  const options = () => program.opts<{ readonly json?: true; readonly config?: string }>();
  const settings = () => {
    const loaded = loadConfig(environment, options().config);
    for (const notice of loaded.notices) say(notice);
    return loaded;
  };
  return { settings, config: () => settings().config, environment, say, result: (value, text) => print(`${options().json === true ? JSON.stringify(value) : text}\n`) };
};

/** All commands. Parsing throws CommanderError for wrong use and for help that was shown, else what the command throws. */
export const createProgram = (terminal: Terminal): Command => {
  const program = new Command('vitalgate')
    .description('Runs Vitalgate and tends it: people, keys, devices, tables and settings of the server that runs on DATA_DIR, of DATABASE_URL, or of DATA_DIR itself.')
    .version(packageFile.version)
    .option('--config <path>', 'file of settings, NAME=value line by line; the environment wins')
    .option('--json', 'print the result as JSON')
    .exitOverride()
    // Words too many are not repeated: one of them may be a password.
    .configureOutput({ writeOut: terminal.print, writeErr: terminal.say, outputError: (text, write) => write(text.replace(/(Expected \d+ arguments? but got \d+): .*/s, '$1.\n')) })
    .configureHelp({ helpWidth: 120, showGlobalOptions: true });
  withManual(program, { examples: ['npx vitalgate start --demo', 'npx vitalgate users add --username anna --email anna@example.org', 'npx vitalgate help users add'] });
  const context = contextOf(program, terminal);
  addStartCommand(program, context);
  addUserCommands(program, context);
  addKeyCommands(program, context);
  addClientCommands(program, context);
  addDeviceCommands(program, context);
  addInboxCommands(program, context);
  addSubmissionCommands(program, context);
  addJobCommands(program, context);
  addPatientCommands(program, context);
  addAuditCommands(program, context);
  addSimulateCommand(program, context);
  addImportCommand(program, context);
  addMigrateCommand(program, context);
  addBackupCommand(program, context);
  addRestoreCommand(program, context);
  addConfigCommand(program, context);
  addDoctorCommand(program, context);
  return program;
};
