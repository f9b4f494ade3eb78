import { CommanderError, type Command } from 'commander';
import { ConfigError } from '../config.ts';
import { startFailureOf } from '../start-failure.ts';
import { exitCodes, RefusedError } from './command-context.ts';
import { openProgram, type Terminal } from './program.ts';

/** The exit code of a failure, told in words unless that was done; help that was asked for is none. */
const told = (error: unknown, say: Terminal['say']): number => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes['wrong-use'];
  if (error instanceof RefusedError || error instanceof ConfigError) say(`${error.message}\n`);
  else say(`vitalgate: ${startFailureOf(error)}\n`);
  if (error instanceof RefusedError) return error.exitCode;
  return error instanceof ConfigError ? exitCodes['wrong-use'] : exitCodes.failed;
};

/** A start need not wait until all other commands are loaded. */
const programFor = async ([first]: readonly string[], terminal: Terminal): Promise<Command> =>
  first === 'start' ? openProgram(terminal).program : (await import('./commands.ts')).createProgram(terminal);

/** Runs one command and answers its exit code; whatever goes wrong is told in words. */
export const runCommand = async (words: readonly string[], terminal: Terminal): Promise<number> => {
  try {
    await (await programFor(words, terminal)).parseAsync(words, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    return told(error, terminal.say);
  }
};

/** Runs one command of the program in this process; a command that fails ends the process with its exit code. */
export const runCommandLine = async (words: readonly string[]): Promise<void> => {
  const terminal: Terminal = {
    environment: process.env,
    print: (text) => void process.stdout.write(text),
    say: (text) => void process.stderr.write(text),
  };
  const exitCode = await runCommand(words, terminal);
  if (exitCode !== exitCodes.done) process.exit(exitCode);
};
