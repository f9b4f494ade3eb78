/**
 * Makes generated/ from openapi/ (types by openapi-typescript, one bundled JSON per service by redocly, the scripts and styles of the pages for people by esbuild), and the pages of docs/ on
 * settings, commands, errors, HealthKit's types and security from the program, on benchmarks from their results. With `--check` nothing is written: fresh output is compared with the committed files, stale
 * ones are listed, and the exit code is 1.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchmarksPage } from './generate/benchmarks-page.ts';
import { commandsPage } from './generate/commands-page.ts';
import { configurationPage } from './generate/configuration-page.ts';
import { pageFiles } from './generate/page-files.ts';
import { securityChecklistPage } from './generate/security-checklist-page.ts';
import { securityInventoryPage } from './generate/security-inventory-page.ts';
import { errorsPage } from './generate/errors-page.ts';
import { healthKitTypesPage } from './generate/healthkit-types-page.ts';

const root = join(import.meta.dirname, '..');
const services = ['bff', 'device-manager', 'user-manager', 'therapy-monitoring'];
const typeFlags = ['--immutable', '--root-types', '--root-types-no-schema-prefix', '--root-types-keep-casing'];
const environment = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };

const run = (command: string, args: readonly string[]): void => {
  execFileSync(join(root, 'node_modules', '.bin', command), args, { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
};

/** The generated files of all services by name, made in a folder of their own. */
const generate = (folder: string): [string, string][] => {
  for (const service of services) run('redocly', ['bundle', `${service}@v1`, '--ext', 'json', '-o', join(folder, `${service}.json`)]);
  // The types are made from the bundles: one file each, every reference inside it.
  const configuration = join(folder, 'redocly.yaml');
  const apis = services.map((service) => [service, { root: join(folder, `${service}.json`), 'x-openapi-ts': { output: join(folder, `${service}.d.ts`) } }]);
  writeFileSync(configuration, JSON.stringify({ extends: ['minimal'], apis: Object.fromEntries(apis) as object }));
  run('openapi-typescript', ['--redocly', configuration, ...typeFlags]);
  return services.flatMap((service) => [`${service}.json`, `${service}.d.ts`]).map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
};

const folder = mkdtempSync(join(tmpdir(), 'vitalgate-generate-'));
const target = join(root, 'generated');
try {
  const made = generate(folder);
  const bundles = services.slice(0, 3).map((service) => JSON.parse(new Map(made).get(`${service}.json`) ?? '') as unknown);
  const files: [string, string][] = [
    ...made,
    ...pageFiles(),
    ['../docs/configuration.md', configurationPage()],
    ['../docs/commands.md', commandsPage()],
    ['../docs/errors.md', errorsPage(bundles)],
    ['../docs/healthkit-types.md', healthKitTypesPage()],
    ['../docs/security-inventory.md', securityInventoryPage()],
    ['../docs/security-checklist.md', securityChecklistPage()],
    ['../docs/benchmarks.md', await benchmarksPage()],
  ];
  const current = (name: string) => (existsSync(join(target, name)) ? readFileSync(join(target, name), 'utf8') : undefined);
  const stale = files.filter(([name, text]) => current(name) !== text).map(([name]) => name.replace('../', ''));
  if (process.argv.includes('--check')) {
    if (stale.length > 0) {
      console.error(`stale: ${stale.join(', ')}; run npm run generate`);
      process.exitCode = 1;
    }
  } else {
    mkdirSync(join(target, 'pages'), { recursive: true });
    for (const [name, text] of files) writeFileSync(join(target, name), text);
    console.log(stale.length === 0 ? 'generated files were fresh' : `wrote ${stale.join(', ')}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
