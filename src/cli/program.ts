import { Command } from 'commander';
import packageFile from '../../package.json' with { type: 'json' };
import { loadConfig } from '../config.ts';
import type { CommandContext } from './command-context.ts';
import { withManual } from './manual.ts';
import { addStartCommand } from './start.ts';

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

/** An option by its name: what follows it may be a password. */
const optionName = (flag: string): string => {
  if (!flag.startsWith('--')) return /^-./su.exec(flag)?.[0] ?? '-';
  const at = flag.indexOf('=');
  return at < 0 ? flag : `${flag.slice(0, at)}=…`;
};

/** What the parser found wrong, without words that it does not know or has too many of: one of them may be a password. */
const withoutWords = (text: string): string =>
  text
    .replace(/(Expected \d+ arguments? but got \d+): .*/s, '$1.\n')
    .replace(/^error: unknown command '.*'(?=(?:\n\(Did you mean [^\n]*\?\))?\n?$)/s, 'error: unknown command')
    .replace(/^error: unknown option '(.*)'(?=(?:\n\(Did you mean [^\n]*\?\))?\n?$)/s, (_found, flag: string) => `error: unknown option '${optionName(flag)}'`);

/** What all commands stand on. */
export interface Opened {
  readonly program: Command;
  readonly context: CommandContext;
}

/**
 * The program with `start` alone, which does not wait until the others are loaded. Parsing throws CommanderError for wrong use and for
 * help that was shown, else what the command throws.
 */
export const openProgram = (terminal: Terminal): Opened => {
  const program = new Command('vitalgate')
    .description('Runs Vitalgate and tends it: people, keys, devices, tables and settings, in the database of DATABASE_URL, of the server that runs on DATA_DIR, or of DATA_DIR itself.')
    .version(packageFile.version)
    .option('--config <path>', 'file of settings, NAME=value line by line; the environment wins')
    .option('--json', 'print the result as JSON')
    .exitOverride()
    .configureOutput({ writeOut: terminal.print, writeErr: terminal.say, outputError: (text, write) => write(withoutWords(text)) })
    .configureHelp({ helpWidth: 120, showGlobalOptions: true });
  withManual(program, { examples: ['npx vitalgate start --demo', 'npx vitalgate users add --username anna --email anna@example.org', 'npx vitalgate help users add'] });
  const context = contextOf(program, terminal);
  addStartCommand(program, context);
  return { program, context };
};
