/**
 * Writes the bill of materials of what runs in production to build/sbom.cdx.json (CycloneDX), from the lock file and without internet:
 * `npm run sbom`. The same lock file gives the same components.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
}
interface Bom {
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly metadata: { readonly component: Component };
}

const root = join(import.meta.dirname, '..');
const target = process.argv[2] ?? join(root, 'build/sbom.cdx.json');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version: string; dev?: true; devOptional?: true }> };

// `--omit dev` of npm drops packages of production that a tool needs as well (ajv, zod): the lock file tells them apart.
const text = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
const whole = JSON.parse(text) as Bom;

const production = new Set(
  Object.entries(lock.packages).filter(([, entry]) => entry.dev !== true && entry.devOptional !== true).map(([path, { version }]) => `${path.split('node_modules/').at(-1) ?? ''}@${version}`),
);
const components = whole.components.filter(({ name, version }) => production.has(`${name}@${version}`));
const kept = new Set([whole.metadata.component, ...components].map((component) => component['bom-ref']));
const dependencies = whole.dependencies.filter(({ ref }) => kept.has(ref)).map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => kept.has(one)) }));
mkdirSync(join(target, '..'), { recursive: true });
writeFileSync(target, `${JSON.stringify({ ...whole, components, dependencies }, null, 2)}\n`);
console.log(`${String(components.length)} components in ${target}`);
