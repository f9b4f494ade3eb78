import type { Config } from '../config.ts';

/** What a command is given: settings, and where words and results go. */
export interface CommandContext {
  /** Read when a command runs, so that help needs no settings. Throws ConfigError. */
  readonly config: () => Config;
  /** Words for people, to standard error. */
  readonly say: (text: string) => void;
  /** The result, to standard output: as JSON when that was asked for, else as `text`. */
  readonly result: (value: object, text: string) => void;
}

/** The command was understood and refused; the message is for the operator. */
export class RefusedError extends Error {}
