import { describe, expect, test } from '@jest/globals';
import { build, type BuildOptions } from 'esbuild';
import { join } from 'node:path';
import { createContext, runInContext, type Context } from 'node:vm';

const entry = join(import.meta.dirname, '..', '..', 'src', 'client', 'client.ts');
const LARGEST_BYTES = 26_000;

/** How bundlers of apps resolve packages; none of them has Node's own modules, and no polyfill is given. */
const bundlers: readonly (readonly [string, BuildOptions])[] = [
  ['React Native, as Metro resolves it', { platform: 'neutral', mainFields: ['react-native', 'browser', 'module', 'main'], conditions: ['react-native', 'import', 'require'], target: 'es2020' }],
  ['browsers', { platform: 'browser', target: 'es2020' }],
];

const bundleFor = (options: BuildOptions) => build({ ...options, entryPoints: [entry], bundle: true, format: 'iife', globalName: 'vitalgate', minify: true, write: false, metafile: true });

const ofEveryList = ['at', 'findLast', 'findLastIndex', 'toReversed', 'toSorted', 'with'];
/** What came into the language after ES2020 and no bundler adds: Safari before 16, Chrome before 110 and older Hermes lack some of it. */
const newer: Readonly<Record<string, readonly string[]>> = {
  'Array.prototype': [...ofEveryList, 'toSpliced'],
  'Uint8Array.prototype.__proto__': ofEveryList,
  'String.prototype': ['at', 'isWellFormed', 'replaceAll', 'toWellFormed'],
  'Set.prototype': ['difference', 'intersection', 'isDisjointFrom', 'isSubsetOf', 'isSupersetOf', 'symmetricDifference', 'union'],
  'Iterator.prototype': ['drop', 'every', 'filter', 'find', 'flatMap', 'forEach', 'map', 'reduce', 'some', 'take', 'toArray'],
  Array: ['fromAsync'],
  Map: ['groupBy'],
  Object: ['groupBy', 'hasOwn'],
  Promise: ['any', 'try', 'withResolvers'],
  globalThis: ['AggregateError', 'FinalizationRegistry', 'Iterator', 'WeakRef'],
};

/** A BFF at which Anna is signed in, and that keeps what it is sent. */
const fetch = async (request: Request): Promise<Response> => {
  if (request.method === 'GET') return Response.json({ sub: 'anna' });
  const sent = (await request.json()) as readonly unknown[] | { readonly deletions: readonly unknown[] };
  return Response.json({ items: ('deletions' in sent ? sent.deletions : sent).map((_, index) => ({ index, status: 'kept' })) });
};

/** Nothing of Node is in this world, not even `process`, and nothing of the language that is newer than the bundle says. */
const oldWorld = (): Context => {
  const world = createContext({ Response, Request, Headers, FormData, AbortController, setTimeout, clearTimeout, fetch });
  for (const [owner, names] of Object.entries(newer))
    for (const name of names) if (runInContext(`'${name}' in ${owner} && delete ${owner}.${name}`, world) !== true) throw new Error(`There is no ${owner}.${name} to take away.`);
  return world;
};

/** What an app does all day, and what became of it. */
const day = `(async () => {
  const events = [];
  const onEvent = (event) => events.push(event.kind === 'verdicts' ? event.verdicts.length : event.kind === 'anchor' ? event.anchor.value : event.kind);
  const outbox = vitalgate.createClient({ baseUrl: 'http://127.0.0.1', onEvent }).openOutbox({ owner: 'anna', chunk: { items: 2, bytes: 1000 } });
  await outbox.addSamples([1, 2, 3], { type: 'HeartRate', anchor: { name: 'HeartRate', value: 'a1' } });
  await outbox.addDeletions([], { anchor: { name: 'HeartRate', value: 'a2' } });
  await outbox.addDeletions(['x'], { anchor: { name: 'HeartRate', value: 'a3' } });
  const pending = await outbox.pendingAnchor('HeartRate');
  const { state } = await outbox.flush();
  await outbox.clear();
  return JSON.stringify([pending, state, events]);
})()`;

describe('a bundle of the client', () => {
  test.each(bundlers)('for %s needs nothing of Node, and is small', async (_situation, options) => {
    const { metafile, outputFiles } = await bundleFor(options);
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.filter(({ external, path }) => external === true && path !== '<runtime>').map(({ path }) => path));
    expect(imports).toEqual([]);
    expect(Object.keys(metafile.inputs).filter((path) => !/^(\.\.\/)*src\/client\/|node_modules\/openapi-fetch\//.test(path))).toEqual([]);
    const [file] = outputFiles;
    expect(/\brequire\(|\bBuffer\b|["']node:/.exec(file?.text ?? '')?.[0]).toBeUndefined();
    expect(file?.contents.length).toBeLessThan(LARGEST_BYTES);
  });

  test.each(bundlers)('for %s runs where the language and the platform are those of ES2020', async (_situation, options) => {
    const [file] = (await bundleFor(options)).outputFiles;
    // The day may pass them by.
    expect(/\b(?:structuredClone|crypto|AbortSignal|throwIfAborted|fromAsync|withResolvers|groupBy)\b/.exec(file?.text ?? '')?.[0]).toBeUndefined();
    const world = oldWorld();
    runInContext(file?.text ?? '', world);
    const told = (await runInContext(day, world)) as string;
    expect(JSON.parse(told)).toEqual(['a3', 'empty', [2, 'progress', 1, 'progress', 'a2', 1, 'progress', 'a3']]);
  });
});
