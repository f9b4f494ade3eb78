import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startDemo, temporaryDirectory, type Program } from '../../scripts/demo/program.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocksOf = (text: string): string[] => [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
const blocks = blocksOf(readme);
const medisante = blocksOf(readFileSync(join(root, 'docs', 'medisante.md'), 'utf8'));
const run = promisify(execFile);

/** A folder as the one where the documents are followed: `npx` finds the program in it, and a demo lies where it does by itself. */
const followedIn = (folder: string): string => {
  const commands = join(folder, 'node_modules', '.bin');
  mkdirSync(commands, { recursive: true });
  symlinkSync(join(root, 'src', 'cli', 'vitalgate.ts'), join(commands, 'vitalgate'));
  symlinkSync(join(root, 'node_modules', '.bin', 'node'), join(commands, 'node'));
  const dataDirectory = join(folder, 'data', 'demo');
  mkdirSync(dataDirectory, { recursive: true });
  return dataDirectory;
};

describe("the lines of the README and of docs/medisante.md, word for word", () => {
  const directory = temporaryDirectory();
  let program: Program;
  let printed = '';

  beforeAll(async () => {
    program = await startDemo(followedIn(directory.path));
    const script = [...blocks.filter((block) => block.includes('curl')), ...medisante].join('\n');
    // What tells commands where the demo is must be a line of the documents.
    const { stdout } = await run('sh', ['-euc', script], { cwd: directory.path, env: { ...process.env, DATA_DIR: undefined } });
    printed = stdout;
  }, 300_000);

  afterAll(async () => {
    await program.stop();
    directory.remove();
  });

  test.each([
    ['the profile says who it is', () => new RegExp(`"sub":"${program.demo.patientId}"`)],
    ['the first upload creates two samples', () => /"created":2,"duplicates":0/],
    ['the second upload adds nothing', () => /"created":0,"duplicates":2/],
    ['the heart rates are charted', () => /"name":"Heart rate \[bpm\]","sources":\["[^"]+"\],"data":\[\{"x":1721742245993,"y":71\},\{"x":1721742545993,"y":74.02\}\]/],
    ['the glucose found its owner', () => /"name":"Glucose[^"]*\[mmol\/L\]","sources":\["[^"]+"\],"data":\[\{"x":1581076487262,"y":5.5\}\]/],
    ['a delivery by three credentials is one', () => /(\{"_id":"[0-9a-f]{32}"\})\1\1/],
    ['it waits for its device', () => /quarantined +device-unknown +portal +BodyWeight +…le:1/],
    ['and leaves the inbox when the device is given', () => /nothing needs a person\s*$/],
  ])('%s', (_situation, pattern) => {
    expect(printed).toMatch(pattern());
  });

  test('every file and folder it links to exists', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
  });

  test('every npm script it names exists', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/^npm run ([a-z]+)/gm)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
