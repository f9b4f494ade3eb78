import { createRequire, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { setGlobals } from './jest-globals.ts';

/** How jest has a test file run: `runtime` is the module system of jest, of which jest-circus uses some functions. */
type RunFile = (globalConfig: unknown, config: unknown, environment: unknown, runtime: object, testPath: string, sendMessage: unknown) => Promise<unknown>;

const require = createRequire(import.meta.url);
const { default: runByCircus } = require('jest-circus/runner') as { default: RunFile };
const globalsUrl = new URL('jest-globals.ts', import.meta.url).href;

registerHooks({ resolve: (specifier, context, next) => (specifier === '@jest/globals' ? { url: globalsUrl, shortCircuit: true } : next(specifier, context)) });

let files = 0;

/** Loads modules as Node does: those of the program once for all test files of a worker; a test file, and what sets it up, each time. */
const nativeModules: Readonly<Record<PropertyKey, unknown>> = {
  requireInternalModule: (path: string): unknown => {
    // jest-circus keeps the tests of a file in its modules.
    Reflect.deleteProperty(require.cache, path);
    return require(path);
  },
  setGlobalsForRuntime: setGlobals,
  unstable_shouldLoadAsEsm: () => true,
  unstable_importModule: (path: string): unknown => import(`${pathToFileURL(path).href}?file=${String(files)}`),
};

/**
 * Runs a test file by jest-circus in the Node that jest runs in, and not in a context of its own, into which jest would load, parse and
 * compile all modules anew for each file: that takes longer than most tests do.
 */
const runFile: RunFile = (globalConfig, config, environment, runtime, testPath, sendMessage) => {
  files += 1;
  const native = new Proxy(runtime, {
    get: (target, name): unknown => {
      if (name in nativeModules) return nativeModules[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...words: unknown[]) => unknown).bind(target) : value;
    },
  });
  return runByCircus(globalConfig, config, environment, native, testPath, sendMessage);
};

export default runFile;
