import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from '../demo/program.ts';
import type { Lock } from './lock.ts';
import { packedLock } from './package.ts';

const root = join(import.meta.dirname, '..', '..');

/** What an app does with the client, as its developer types it. */
const consumer = `import { createClient, type VitalgateClient } from 'vitalgate/client';
const [, , baseUrl = '', username = '', password = ''] = process.argv;
const client: VitalgateClient = createClient({ baseUrl });
await client.signIn({ username, password });
const { data, error } = await client.api.GET('/profile');
if (error) throw new Error(error.code);
const who: string = data.sub;
console.log(who);
`;

/** The lines of the README that a newcomer runs after the start. */
const quickStart = (): string => {
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
  return blocks.filter((block) => block.includes('curl')).join('\n');
};

/** The path of an empty folder's own commands comes first, as npx has it. */
const environmentOf = (folder: string): NodeJS.ProcessEnv => ({ PATH: `${join(folder, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`, HOME: process.env['HOME'], BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0' });

const demand = (isSo: boolean, what: string): void => {
  if (!isSo) throw new Error(`The packed program does not do what it must: ${what}.`);
};

/** What units and script of the package start is there, and what the pages have an operator run. */
const demandOperations = (folder: string): void => {
  const systemd = join(folder, 'operations', 'systemd');
  const startedFiles = readdirSync(systemd).flatMap((name) => readFileSync(join(systemd, name), 'utf8').match(/\bsrc\/[\w/.-]+/g) ?? []);
  demand(startedFiles.length > 2, 'units name what they start');
  for (const path of [...startedFiles, 'scripts/distribute.sql', packedLock]) demand(existsSync(join(folder, path)), `${path} is there`);
};

const lockAt = (path: string): Lock => JSON.parse(readFileSync(path, 'utf8')) as Lock;

/** The lines by which an operator installs a released file, in a folder instead of `/opt`: what they install is what is locked, and starts on its own Node. */
const demandLocked = (file: string, version: string, folder: string, env: NodeJS.ProcessEnv): void => {
  const [, lines = ''] = /From a released file[^]*?```sh\n([^]*?)```/.exec(readFileSync(join(root, 'docs', 'operations.md'), 'utf8')) ?? [];
  copyFileSync(file, join(folder, basename(file)));
  execFileSync('sh', ['-euc', lines.replaceAll('/opt/', `${folder}/`)], { cwd: folder, env: { ...env, npm_config_prefer_offline: 'true', npm_config_loglevel: 'error' }, stdio: ['ignore', 'ignore', 'inherit'] });
  const place = join(folder, `vitalgate-${version}`);
  const { packages: locked } = lockAt(join(place, packedLock));
  const installed = Object.entries(lockAt(join(place, 'node_modules', '.package-lock.json')).packages);
  demand(installed.length > 100 && installed.every(([path, { integrity }]) => integrity === locked[path]?.integrity), 'each package is installed as it is locked');
  const told = execFileSync(join(place, 'node_modules', '.bin', 'node'), ['src/cli/vitalgate.js', '--version'], { cwd: place, env, encoding: 'utf8' });
  demand(told.trim() === version, 'it starts on the Node that it brings');
};

const started = async (folder: string, child: ReturnType<typeof spawn>): Promise<Record<string, string>> => {
  const file = join(folder, 'data', 'demo', 'demo.json');
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 100) {
    demand(child.exitCode === null, 'it stays up');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    await sleep(100);
  }
  throw new Error('The packed program was not ready within two minutes.');
};

/**
 * Installs a packed file in an empty folder, starts the demo there, runs the README's lines, types and runs an app of the client, and
 * stops; then installs it as an operator does, by its lock file. Throws telling what failed.
 */
export const verifyPacked = async (file: string, version: string): Promise<void> => {
  const { path: folder, remove } = temporaryDirectory();
  const env = environmentOf(folder);
  const run = (command: string, ...args: string[]): string => execFileSync(command, args, { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'newcomer', private: true, type: 'module' }));
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', file], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    demandOperations(join(folder, 'node_modules', 'vitalgate'));
    demand(run('vitalgate', '--version').trim() === version, 'tell its version');
    const child = spawn('vitalgate', ['start', '--demo'], { cwd: folder, env: { ...env, LOG_LEVEL: 'error' }, stdio: ['ignore', 'ignore', 'inherit'] });
    try {
      const demo = await started(folder, child);
      const said = run('sh', '-euc', quickStart());
      for (const line of [`"sub":"${demo['patientId'] ?? ''}"`, '"created":2,"duplicates":0', '"created":0,"duplicates":2', '"name":"Heart rate [bpm]"', '"x":1581076487262,"y":5.5']) demand(said.includes(line), `the quick start prints ${line}`);
      writeFileSync(join(folder, 'app.ts'), consumer);
      execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['--strict', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck', 'false', '--types', 'node', '--typeRoots', join(root, 'node_modules', '@types'), 'app.ts'], { cwd: folder, stdio: 'inherit' });
      demand(run('node', 'app.js', demo['bff'] ?? '', demo['username'] ?? '', demo['password'] ?? '').trim() === demo['patientId'], 'an app of the client reads the profile');
    } finally {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    }
    demand(child.exitCode === 0, 'end in order');
    demandLocked(file, version, folder, env);
  } finally {
    remove();
  }
};
