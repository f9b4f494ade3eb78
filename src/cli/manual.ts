import type { Command } from 'commander';

const exits = `Exit codes:
  0  done
  1  failed or refused; standard error says why
  2  wrong use, or wrong settings: nothing was done
  3  there is no user, device or key of that name`;

const place = `Environment:
  VITALGATE_CONFIG  a file of settings, as --config
  DATA_DIR          the installation, unless DATABASE_URL names a database; see docs/configuration.md for all settings`;

/** What the help of a command tells beside its description, arguments and options. */
export interface Manual {
  /** Paragraphs of one line each. */
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
}

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

/** Completes the help of a command to a page of a manual. */
export const withManual = (command: Command, { notes = [], examples }: Manual): Command =>
  command.addHelpText('after', ['', ...(notes.length > 0 ? [`Notes:\n${indented(notes)}\n`] : []), `Examples:\n${indented(examples)}\n`, `${exits}\n`, place].join('\n'));
