import type { Config, LoadedConfig } from '../config.ts';

/** What a command is given: settings, and where words and results go. */
export interface CommandContext {
  /** Read when a command runs, so that help needs no settings; notices are said. Throws ConfigError. */
  readonly settings: () => LoadedConfig;
  /** The settings alone. */
  readonly config: () => Config;
  /** Where credentials come from that no setting holds. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Words for people, to standard error. */
  readonly say: (text: string) => void;
  /** The result, to standard output: as JSON when that was asked for, else as `text`. */
  readonly result: (value: object, text: string) => void;
}

/** How every command ends; the help tells it. */
export const exitCodes = { done: 0, failed: 1, 'wrong-use': 2, unknown: 3 } as const;

/** The command was understood and refused; the message is for the operator. */
export class RefusedError extends Error {
  readonly exitCode: number;

  constructor(message: string, why: 'failed' | 'wrong-use' | 'unknown' = 'failed') {
    super(message);
    this.name = 'RefusedError';
    this.exitCode = exitCodes[why];
  }
}
