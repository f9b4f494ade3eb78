import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { runCommand } from '../../src/cli/run.ts';

const root = join(import.meta.dirname, '..', '..');
const inherited = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] };

/** How a run of the program ended, and what it wrote. */
export interface Outcome {
  readonly code: number | null;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly told: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly file?: 'cli/vitalgate.ts' | 'main.ts';
}

/** Runs commands of the program to their ends, with settings of the test's own alone. */
export const commandLine = (settings: Readonly<Record<string, string>>) => ({
  run: async (words: readonly string[], { input = '', environment = {}, file = 'cli/vitalgate.ts' }: RunOptions = {}): Promise<Outcome> => {
    const child = spawn(process.execPath, [join(root, 'src', file), ...words], { env: { ...inherited, ...settings, ...environment } });
    child.stdin.end(input);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [out, told, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, out, told };
  },
});

/** Runs commands in this process, which saves loading the program for each; one that reads standard input gets a process of its own. */
export const commandLineHere = (settings: Readonly<Record<string, string>>) => ({
  run: async (words: readonly string[], options: RunOptions = {}): Promise<Outcome> => {
    if (options.input !== undefined) return commandLine(settings).run(words, options);
    let [out, told] = ['', ''];
    const code = await runCommand(words, { environment: { ...settings, ...options.environment }, print: (written) => void (out += written), say: (written) => void (told += written) });
    return { code, out, told };
  },
});

/** The JSON that a command printed; throws with what it told when it failed. */
export const printed = async <Value>(outcome: Promise<Outcome>): Promise<Value> => {
  const { code, out, told } = await outcome;
  if (code !== 0) throw new Error(`exit code ${String(code)}: ${told}`);
  return JSON.parse(out) as Value;
};
