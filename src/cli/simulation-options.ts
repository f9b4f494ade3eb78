import { closeSync, openSync, writeSync } from 'node:fs';
import { SimulationError } from '../simulator/json-call.ts';
import { RefusedError } from './command-context.ts';

/** The whole number that an option says. */
export const whole = (option: string, text: string, least: number, most: number): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) throw new RefusedError(`--${option} is a whole number from ${String(least)} to ${String(most)}.`, 'wrong-use');
  return value;
};

/** Names of a list, or all of them for `all`. */
export const namesIn = <Name extends string>(option: string, known: readonly Name[], text: string): Name[] => {
  const names = text === 'all' ? [...known] : text.split(',').map((name) => known.find((one) => one === name.trim()));
  if (names.includes(undefined)) throw new RefusedError(`--${option} is all, or a list of ${known.join(', ')}.`, 'wrong-use');
  return names.filter((name) => name !== undefined);
};

/** A credential from the environment, where no list of processes shows it. */
export const credential = (environment: Readonly<Record<string, string | undefined>>, name: string): string => {
  const value = environment[name];
  if (value === undefined || value === '') throw new RefusedError(`Set ${name} in the environment: credentials are never taken from the command line.`, 'wrong-use');
  return value;
};

/** Runs a simulation with a function that writes lines to a new file, or nowhere without a path. Throws RefusedError when it cannot go on. */
export const withLedger = async <Outcome>(path: string | undefined, run: (write: (line: object) => void) => Promise<Outcome>): Promise<Outcome> => {
  const file = path === undefined ? undefined : openSync(path, 'wx', 0o600);
  try {
    return await run((line) => file !== undefined && void writeSync(file, `${JSON.stringify(line)}\n`));
  } catch (error) {
    if (error instanceof SimulationError) throw new RefusedError(error.message);
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
};
