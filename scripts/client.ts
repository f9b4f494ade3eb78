/**
 * Builds the client that apps install, into dist/client: one ES module without anything of Node, and its types. Usage: npm run client
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const out = join(root, 'dist', 'client');

rmSync(out, { recursive: true, force: true });
await build({ entryPoints: [join(root, 'src', 'client', 'client.ts')], outfile: join(out, 'src', 'client', 'client.js'), bundle: true, format: 'esm', platform: 'neutral', mainFields: ['module', 'main'], target: 'es2020', logLevel: 'warning' });
const { status, stdout } = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', join(root, 'tsconfig.client.json')], { encoding: 'utf8' });
if (status !== 0) throw new Error(stdout);
mkdirSync(join(out, 'generated'), { recursive: true });
copyFileSync(join(root, 'generated', 'bff.d.ts'), join(out, 'generated', 'bff.d.ts'));
console.log(`wrote ${join('dist', 'client')}`);
