import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { failureOf, type Failure } from '../../src/client/sending.ts';
import { errorOf } from '../../src/client/vitalgate-error.ts';
import { itemCodes, itemError } from '../../src/healthkit/item-error.ts';
import { problemCatalogue } from '../../src/http/problem.ts';

const root = join(import.meta.dirname, '..', '..');
const textOf = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8');
const samples = [...textOf('client.md').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);

/** What the compiler says of a sample in an app that has the DOM. */
const faultsIn = (code: string): string[] => {
  const { options: own } = ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config, ts.sys, root);
  const options = { ...own, lib: ['lib.es2024.d.ts', 'lib.dom.d.ts'], types: [], paths: { 'vitalgate/client': [join(root, 'src/client/client.ts')] } };
  const file = join(root, 'test', 'client', 'sample-of-the-documentation.ts');
  const host = ts.createCompilerHost(options);
  const [read, exists] = [host.getSourceFile.bind(host), host.fileExists.bind(host)];
  host.fileExists = (path) => path === file || exists(path);
  host.getSourceFile = (path, version) => (path === file ? ts.createSourceFile(path, code, version) : read(path, version));
  const program = ts.createProgram({ rootNames: [file], options, host });
  return program.getSemanticDiagnostics(program.getSourceFile(file)).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')).filter((text) => !/declared but/.test(text));
};

describe('the page for apps', () => {
  test.each(samples.map((code, index) => [index + 1, code] as const))('compiles its sample %s', (_number, code) => {
    expect(faultsIn(code)).toEqual([]);
  });

  test('has samples', () => {
    expect(samples.length).toBeGreaterThan(2);
  });
});

test.each(itemCodes.map((code) => [code]))('the page of uploads tells what to do about %s', (code) => {
  const { retryable, message } = itemError(0, code, '');
  expect(textOf('uploads.md')).toContain(`| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${message} |`);
});

test('the page on permissions names types that are known, and what they become', () => {
  const rows = [...textOf('healthkit-permissions.md').matchAll(/^\| [^|]+ \| ((?:`HK\w+`(?:, )?)+) \| ([^|]+) \|$/gm)].map(([, types = '', becomes = '']) => ({ types: types.match(/HK\w+/g) ?? [], becomes: becomes.match(/[a-z-]+/g) ?? [] }));
  expect(rows.length).toBeGreaterThan(8);
  const known = new Map([...textOf('healthkit-types.md').matchAll(/^\| `(HK\w+)` .* \| ([a-z-]*) \|$/gm)].map(([, type = '', becomes = '']) => [type, becomes]));
  for (const { types, becomes } of rows) expect([types, [...new Set(types.map((type) => known.get(type)))]]).toEqual([types, becomes]);
});

describe('the page on syncing tells what the client does', () => {
  /** How the page says each thing that can be done about a failed attempt. */
  const words: readonly (readonly [string, Failure['kind']])[] = [
    ['stays until the person signs in', 'sign-in'], ['halved until', 'halve'], ['halved at once', 'slow'], ['dropped with all', 'erased'], ['stays until its owner', 'somebody-else'], ['stays; wait', 'wait'], ['stays, and the queue stops', 'park'],
  ];
  const rows = [...textOf('sync.md').matchAll(/^\| ([^|]*(?:\d{3}|no answer)[^|]*) \| ([^|]+) \|$/gm)].map(([, answers = '', fate = '']) => ({
    // A status before a code is that code's alone, and one with a code those of the row before.
    statuses: [...answers.matchAll(/\d{3}(?! `| with one of these codes)/g)].map(([status]) => status), codes: [...answers.matchAll(/`([\w-]+)`/g)].map(([, code]) => code), isNoAnswer: answers.includes('no answer'),
    kind: words.find(([beginning]) => fate.startsWith(beginning))?.[1],
    // What pointers begin with.
    places: [...answers.matchAll(/`(\/\w+\/)`/g)].map(([, place = '']) => place),
  }));
  const toldOf = (status: number, code: string | undefined) => (rows.find(({ codes }) => codes.includes(code)) ?? rows.find(({ statuses }) => statuses.includes(String(status))))?.kind;
  const failedBy = (status: number, problem: unknown) => failureOf(errorOf(new Response(null, { status }), problem)).kind;

  test.each(Object.entries(problemCatalogue))('about %s', (code, { status, retryable }) => {
    expect(toldOf(status, code)).toBe(failedBy(status, { code, status, retryable }));
  });

  const unreadable = rows.find(({ kind }) => kind === 'halve')?.codes ?? [];
  const places = rows.flatMap((row) => row.places.map((place) => ({ place, kind: row.kind })));

  test.each(places.flatMap(({ place, kind }) => unreadable.map((code) => ({ code, place, kind }))))('about $code in $place', ({ code, place, kind }) => {
    const inItem = { pointer: '/3/metadata/query/', code, message: '' };
    expect(failedBy(400, { code, status: 400, retryable: false, errors: [inItem, { ...inItem, pointer: `${place}name` }] })).toBe(kind);
    expect(failedBy(400, { code, status: 400, retryable: false, errors: [inItem] })).toBe('halve');
  });

  test('about faults outside the body', () => {
    expect(places).toEqual(['/query/', '/path/', '/headers/'].map((place) => ({ place, kind: 'park' })));
    expect(unreadable.length).toBeGreaterThan(5);
  });

  test.each([400, 401, 403, 404, 405, 408, 410, 413, 415, 429, 500, 502, 503, 504])('about a %s without a problem', (status) => {
    expect(toldOf(status, undefined)).toBe(failedBy(status, undefined));
  });

  test('about no answer, and names nothing twice', () => {
    expect(rows.find(({ isNoAnswer }) => isNoAnswer)?.kind).toBe(failureOf(new TypeError('fetch failed')).kind);
    for (const named of [rows.flatMap(({ statuses }) => statuses), rows.flatMap(({ codes }) => codes)]) expect(named).toEqual([...new Set(named)]);
  });
});
