import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync, type BuildOptions } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');
const pages = join(root, 'src', 'bff', 'pages');

/** Browsers of 2022 and later. */
const common: BuildOptions = { absWorkingDir: root, bundle: true, minify: true, write: false, legalComments: 'none', charset: 'utf8', logLevel: 'warning', tsconfigRaw: '{}' };

const bundled = (options: BuildOptions): string => {
  const [file] = buildSync({ ...common, ...options }).outputFiles ?? [];
  if (file === undefined) throw new Error('Nothing was bundled.');
  return file.text;
};

const script = (entry: string): string =>
  bundled({ entryPoints: [join(pages, entry)], format: 'esm', platform: 'browser', mainFields: ['module', 'main'], target: 'es2022' });

/** What of others is in the scripts, with the licences under which it may be. */
const parts = ['uplot', 'openapi-fetch'];
const licences = (): string =>
  parts.map((name) => `${name}\n${'-'.repeat(name.length)}\n${readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8').trim()}\n`).join('\n');

/** The scripts and the style sheet of the pages, each in one file, as [name in generated/, text]. */
export const pageFiles = (): [string, string][] => [
  ['pages/patient.js', script('patient-page.ts')],
  ['pages/reset-password.js', script('reset-password-page.ts')],
  ['pages/pages.css', bundled({ entryPoints: [join(pages, 'pages.css')], target: ['chrome105', 'safari15.4', 'firefox110'] })],
  ['pages/licences.txt', licences()],
];
