import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { specifications } from '../contract/specifications.ts';

const root = join(import.meta.dirname, '..', '..');

/** The static site in a new folder, written by the script as `npm run docs` runs it. */
export const buildSite = (): { readonly folder: string; readonly remove: () => void } => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-documentation-'));
  execFileSync(process.execPath, [join(root, 'scripts', 'docs.ts'), folder]);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
};

/** What the index must say about each service. */
export const described = specifications.map(({ service, spec }) => {
  const { title, summary, version } = spec.document['info'] as { title: string; summary: string; version: string };
  return { service, title, summary, version, operations: spec.operations, document: spec.document };
});
