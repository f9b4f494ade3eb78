/**
 * Writes the bill of materials of what runs in production to build/sbom.cdx.json (CycloneDX), from the lock file and without internet:
 * `npm run sbom`. The same lock file gives the same components.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const target = process.argv[2] ?? join(root, 'build/sbom.cdx.json');
const text = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
const { components } = JSON.parse(text) as { components: readonly unknown[] };
mkdirSync(join(target, '..'), { recursive: true });
writeFileSync(target, text);
console.log(`${String(components.length)} components in ${target}`);
