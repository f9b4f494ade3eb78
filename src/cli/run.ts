import { CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import { startFailureOf } from '../start-failure.ts';
import { exitCodes, RefusedError } from './command-context.ts';
import { createProgram } from './program.ts';

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** The exit code of a failure, told in words unless that was done; help that was asked for is none. */
const told = (error: unknown): number => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes['wrong-use'];
  if (error instanceof RefusedError || error instanceof ConfigError) say(error.message);
  else say(`vitalgate: ${startFailureOf(error)}`);
  if (error instanceof RefusedError) return error.exitCode;
  return error instanceof ConfigError ? exitCodes['wrong-use'] : exitCodes.failed;
};

/** Runs one command of the program in this process; a command that fails ends the process with its exit code. */
export const runCommandLine = async (words: readonly string[]): Promise<void> => {
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  try {
    await createProgram({ environment: process.env, print, say }).parseAsync(words, { from: 'user' });
  } catch (error) {
    const exitCode = told(error);
    if (exitCode !== exitCodes.done) process.exit(exitCode);
  }
};
