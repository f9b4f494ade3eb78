/** Writes the documentation of all services as a static site, to build/documentation/ or to the folder that is named. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { documentationSite } from './documentation/site.ts';

const folder = process.argv[2] === undefined ? join(import.meta.dirname, '..', 'build', 'documentation') : resolve(process.argv[2]);
const files = documentationSite();
mkdirSync(folder, { recursive: true });
for (const [name, content] of files) writeFileSync(join(folder, name), content);
console.log(`${files.size} files; open ${join(folder, 'index.html')}`);
