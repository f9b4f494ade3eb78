import { describe, expect, test } from '@jest/globals';
import { build, type BuildOptions } from 'esbuild';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';

const entry = join(import.meta.dirname, '..', '..', 'src', 'client', 'client.ts');
const LARGEST_BYTES = 26_000;

/** How bundlers of apps resolve packages; none of them has Node's own modules, and no polyfill is given. */
const bundlers: readonly (readonly [string, BuildOptions])[] = [
  ['React Native, as Metro resolves it', { platform: 'neutral', mainFields: ['react-native', 'browser', 'module', 'main'], conditions: ['react-native', 'import', 'require'], target: 'es2020' }],
  ['browsers', { platform: 'browser', target: 'es2020' }],
];

describe('a bundle of the client', () => {
  test.each(bundlers)('for %s needs nothing of Node, and is small', async (_situation, options) => {
    const { metafile, outputFiles } = await build({ ...options, entryPoints: [entry], bundle: true, format: 'iife', globalName: 'vitalgate', minify: true, write: false, metafile: true });
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.filter(({ external, path }) => external === true && path !== '<runtime>').map(({ path }) => path));
    expect(imports).toEqual([]);
    expect(Object.keys(metafile.inputs).filter((path) => !/^(\.\.\/)*src\/client\/|node_modules\/openapi-fetch\//.test(path))).toEqual([]);
    const [file] = outputFiles;
    expect(/\brequire\(|\bBuffer\b|["']node:/.exec(file?.text ?? '')?.[0]).toBeUndefined();
    // Nothing of Node is in this world, not even `process`.
    const world = createContext({ Response, Request, Headers, setTimeout, clearTimeout });
    runInContext(file?.text ?? '', world);
    expect(runInContext(`typeof vitalgate.createClient({ baseUrl: 'http://127.0.0.1' }).openOutbox({ owner: 'anna' }).flush`, world)).toBe('function');
    expect(file?.contents.length).toBeLessThan(LARGEST_BYTES);
  });
});
