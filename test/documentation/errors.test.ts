import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startDemo, temporaryDirectory, type Program } from '../../scripts/demo/program.ts';
import { problemCatalogue } from '../../src/http/problem.ts';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
const [, preparation = ''] = /^```sh\n([\s\S]*?)^```$/m.exec(page) ?? [];
const sections = page.split(/^### /m).slice(1).map((text) => ({ code: text.slice(0, text.indexOf('\n')), shell: /^```sh\n([\s\S]*?)^```$/m.exec(text)?.[1] }));
const shown = sections.filter(({ shell }) => shell !== undefined);
/** Only a fault of the installation shows them; the tests of faults do. */
const unseen = ['data-unreadable', 'database-unavailable', 'detection-refused', 'internal-error', 'keys-unavailable', 'not-supported', 'starting', 'unavailable', 'upstream-invalid', 'upstream-unavailable'];

describe('the requests of docs/errors.md, sent to a demo word for word', () => {
  const directory = temporaryDirectory();
  let program: Program;
  let answers = new Map<string, string>();

  beforeAll(async () => {
    program = await startDemo(join(directory.path, 'demo'));
    const script = [`cd '${directory.path}'`, preparation, ...shown.map(({ code, shell }) => `printf '\\n=== ${code}\\n'\n${shell ?? ''}`)].join('\n');
    const { stdout } = await promisify(execFile)('sh', ['-euc', script], { env: { ...process.env, DATA_DIR: join(directory.path, 'demo') }, maxBuffer: 16 * 1024 * 1024 });
    answers = new Map(stdout.split('\n=== ').slice(1).map((text) => [text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n') + 1)]));
  }, 300_000);
  afterAll(async () => {
    await program.stop();
    directory.remove();
  });

  test('there is one for each code but those that only faults show', () => {
    expect(sections.map(({ code }) => code)).toEqual(Object.keys(problemCatalogue));
    expect(sections.filter(({ shell }) => shell === undefined).map(({ code }) => code).toSorted()).toEqual(unseen);
  });

  test.each(shown.map(({ code }) => [code]))('%s is what the last answer says', (code) => {
    const last = answers.get(code)?.slice(answers.get(code)?.lastIndexOf('{"type":"urn:vitalgate:problem:')) ?? '';
    expect(JSON.parse(last)).toMatchObject({ code, type: `urn:vitalgate:problem:${code}`, status: problemCatalogue[code as keyof typeof problemCatalogue].status });
  });
});
