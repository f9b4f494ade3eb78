/** Writes contracts and guides as a static site, to docs/site/ or to the folder that is named; what an earlier run left there goes. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { documentationSite } from './docs/site.ts';

const folder = process.argv[2] === undefined ? join(import.meta.dirname, '..', 'docs', 'site') : resolve(process.argv[2]);
const files = documentationSite();
if (process.argv[2] === undefined) rmSync(folder, { recursive: true, force: true });
for (const [name, content] of files) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}
console.log(`${files.size} files; open ${join(folder, 'index.html')}`);
