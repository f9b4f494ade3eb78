import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeServerFile } from '../../src/server-file.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { commandLine, type RunOptions } from './command-line.ts';

/** A folder that the account PostgreSQL runs as can pass through. */
const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-cli-'));
  chmodSync(folder, 0o711);
  return folder;
};

describe('the command line', () => {
  let database: TestDatabase;
  let dataDir: string;

  const run = (words: readonly string[], options?: RunOptions) => commandLine({ DATA_DIR: dataDir }).run(words, options);

  beforeAll(async () => {
    database = await createTestDatabase();
    dataDir = temporaryFolder();
    // Commands find the database as they find the one of a running server.
    writeServerFile(dataDir, { pid: process.pid, urls: {}, database: database.connection });
  });
  afterAll(async () => {
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('adds a patient and shows a made password once', async () => {
    const { code, out } = await run(['users', 'add', '--username', 'anna', '--email', 'anna@example.org']);
    expect(code).toBe(0);
    expect(out).toMatch(/^patient anna added, _id [0-9a-f]{32}\npassword: [\w-]{24} {3}\(shown only now\)\n$/);
  });

  test('adds an operator with a password from standard input, and does not show it', async () => {
    const input = 'an operator with a long password\n';
    const { code, out } = await run(['--json', 'users', 'add', '--operator', '--username', 'olga', '--email', 'olga@example.org', '--password-stdin'], { input });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ _id: expect.stringMatching(/^[0-9a-f]{32}$/), username: 'olga', userGroup: 'operator' });
  });

  test('creates, lists and revokes a key', async () => {
    const created = JSON.parse((await run(['--json', 'keys', 'create', '--sender', 'medisante'])).out) as { _id: string; key: string };
    expect(created.key).toMatch(/^vg_/);
    const listed = await run(['keys', 'list']);
    expect(listed.out).toMatch(/medisante .*live/);
    expect(listed.out).not.toContain(created.key);
    expect((await run(['keys', 'revoke', created._id])).code).toBe(0);
    expect((await run(['keys', 'list'])).out).toMatch(/medisante .*revoked/);
  });

  test.each<[string, number, string[], string, RegExp]>([
    ['a user name that is taken', 1, ['users', 'add', '--username', 'ANNA', '--email', 'other@example.org'], '', /^--username is taken/],
    ['an address that is taken', 1, ['users', 'add', '--username', 'other', '--email', 'Anna@example.org'], '', /^--email is taken/],
    ['a short password', 2, ['users', 'add', '--username', 'ben', '--email', 'ben@example.org', '--password-stdin'], 'short', /^Choose a password of at least 15 characters/],
    ['an address that is none and a name with a space', 2, ['users', 'add', '--username', 'b n', '--email', 'ben'], '', /^--username has .*\n--email is no/],
    ['a user without a name', 2, ['users', 'add', '--email', 'ben@example.org'], '', /required option '--username/],
    ['a sender with capital letters', 2, ['keys', 'create', '--sender', 'Medi Sante'], '', /^--sender is lower-case/],
    ['a key that does not exist', 3, ['keys', 'revoke', 'vg_none'], '', /^There is no key/],
    ['a command that does not exist', 2, ['mail'], '', /unknown command/],
    ['a subcommand that does not exist', 2, ['users', 'ad'], '', /^error: unknown command\n\(Did you mean add\?\)/],
    ['an option that does not exist', 2, ['keys', 'list', '--jsno'], '', /unknown option '--jsno'/],
    ['a word too many', 2, ['migrate', 'now'], '', /too many arguments/],
    ['no command', 2, [], '', /^Usage: vitalgate/],
  ])('refuses %s with exit code %d and without a result', async (_situation, exitCode, words, input, pattern) => {
    const { code, out, told } = await run(words, { input });
    expect([code, out]).toEqual([exitCode, '']);
    expect(told).toMatch(pattern);
  });

  test('lists wrong settings together', async () => {
    const { code, told } = await run(['keys', 'list'], { environment: { LOG_LEVEL: 'loud', BFF_PORT: 'x' } });
    expect(code).toBe(2);
    expect(told).toMatch(/BFF_PORT[\s\S]*LOG_LEVEL/);
  });

  test('tells in one line that the database does not answer', async () => {
    const environment = { DATA_DIR: join(dataDir, 'elsewhere'), DATABASE_URL: 'postgres://a:secret@127.0.0.1:1/x' };
    const { code, told } = await run(['keys', 'list'], { environment });
    expect(code).toBe(1);
    expect(told).toMatch(/^vitalgate: The database does not answer \(ECONNREFUSED\).*\n$/);
    expect(told).not.toContain('secret');
  });

  test('without a server it starts the embedded PostgreSQL for its own duration', async () => {
    const folder = temporaryFolder();
    const environment = { DATA_DIR: folder };
    expect((await run(['keys', 'create', '--sender', 'medisante'], { environment })).code).toBe(0);
    const listed = await run(['keys', 'list'], { environment });
    expect(listed.out).toMatch(/medisante/);
    expect(existsSync(join(folder, 'postgres', 'pg18', 'postmaster.pid'))).toBe(false);
    rmSync(folder, { recursive: true, force: true });
  });
});
