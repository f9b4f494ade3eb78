import { afterAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';

const root = join(import.meta.dirname, '..', '..');
const documents = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => join('docs', name))];
const scaling = readFileSync(join(root, 'docs', 'scaling.md'), 'utf8');

/** What pages leave open, in a form that a setting takes. */
const anySecret = randomBytes(32).toString('hex');
const settingsOf: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://vitalgate:secret@db/vitalgate', DEVICE_MANAGER_URL: 'http://devices:3001', USER_MANAGER_URL: 'http://people:3002', SERVICE_TOKEN: anySecret, MASTER_KEY: anySecret,
  PUBLIC_URL: 'https://health.example.org', SMTP_URL: 'smtps://mail.example.org', DATA_DIR: 'data',
};

/** Blocks that start some of the services, but those whose settings stand in a table beside them. */
const starting = documents.filter((name) => name !== join('docs', 'scaling.md')).flatMap((name) =>
  [...readFileSync(join(root, name), 'utf8').matchAll(/^```(?:sh)?\n([^`]*?SERVICES=[^`]*?)^```$/gm)].map(([, block = '']) => [name, block.replaceAll(/=…(?=\s)/g, `=${anySecret}`)] as const));

describe('the lines of pages that start some of the services', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-starts-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const told = join(folder, 'told');
  // Each start has the program judge its settings instead; what speaks to a database is passed over.
  const judge = `#!/bin/sh\ncase "$*" in *start) echo "$SERVICES $DATA_DIR" >> '${told}'; exec '${process.execPath}' '${join(root, 'src/cli/vitalgate.ts')}' config > /dev/null ;; esac\n`;
  for (const [name, text] of [['npx', judge], ['npm', judge], ['psql', '#!/bin/sh\ncat > /dev/null\n']] as const) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  const follow = (block: string): { readonly failure: string; readonly places: readonly string[] } => {
    writeFileSync(told, '');
    const { status, stderr } = spawnSync('sh', ['-euc', `${block}\nwait`], { cwd: folder, encoding: 'utf8', input: '', env: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, OWNER_URL: 'postgres://owner@db/vitalgate' } });
    return { failure: `${stderr}${status === 0 ? '' : `exit code ${String(status)}`}`, places: readFileSync(told, 'utf8').trim().split('\n') };
  };

  test('there are some', () => {
    expect(starting.map(([name]) => name)).toEqual(expect.arrayContaining([join('docs', 'audit.md'), join('docs', 'foreign-upstreams.md')]));
  });

  test.each(starting)('in %s have settings that the program takes, and each process its own DATA_DIR', (_name, block) => {
    const { failure, places } = follow(block);
    expect(failure).toBe('');
    expect(places).toHaveLength(block.match(/\bstart\b/g)?.length ?? 0);
    expect(new Set(places.map((place) => place.split(' ')[1])).size).toBe(places.length);
  });

  test('would be noticed where a setting is missing', () => {
    expect(follow(`SERVICES=user-manager SERVICE_TOKEN=${anySecret} npx vitalgate start`).failure).toContain('DEVICE_MANAGER_URL is needed');
  });
});

describe('what each process needs, as the page on scaling says', () => {
  const rows = [...scaling.matchAll(/^\| (BFF|Device Manager|User Manager) \| ([^|]*) \|/gm)].map(([, process = '', needs = '']) => [process, [...needs.matchAll(/`([A-Z_]+)`/g)].map(([, name = '']) => name)] as const);

  test.each(rows)('of a %s alone is enough to start it: %j', (process, names) => {
    const environment = Object.fromEntries(names.map((name) => [name, settingsOf[name] ?? '']));
    expect(Object.values(environment)).not.toContain('');
    expect(readConfig({ ...environment, SERVICES: process.toLowerCase().replace(' ', '-') }).SERVICES).toHaveLength(1);
  });

  test('names for all of them the User Manager, which is the issuer of tokens, and for those whose links people follow where the BFF is', () => {
    expect(rows).toHaveLength(3);
    expect(rows.filter(([, names]) => !names.includes('USER_MANAGER_URL'))).toEqual([]);
    expect(rows.filter(([, names]) => names.includes('PUBLIC_URL')).map(([process]) => process)).toEqual(['BFF', 'User Manager']);
  });
});
