/** Runs one benchmark of bench/ by its name: `npm run bench -- chart`. Without a name it lists them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'bench');
const names = readdirSync(folder).filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -'.ts'.length));
const [name] = process.argv.slice(2);

if (name !== undefined && names.includes(name)) {
  await import(`../bench/${name}.ts`);
} else {
  console.error(`npm run bench -- <name>, one of: ${names.join(', ')}`);
  process.exitCode = 2;
}
