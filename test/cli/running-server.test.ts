import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { commandLineHere } from './command-line.ts';

type Settings = Readonly<Record<string, string>>;

const folder = mkdtempSync(join(tmpdir(), 'vitalgate-beside-'));
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

describe('beside a running server', () => {
  const elsewhere = { DATABASE_URL: 'postgres://anna@127.0.0.1:9/nowhere' };
  const running = (database: object): Settings => {
    const place = mkdtempSync(join(folder, 'data-'));
    writeFileSync(join(place, 'server.json'), JSON.stringify({ pid: process.pid, urls: {}, database }), { mode: 0o600 });
    return { DATA_DIR: place };
  };
  const outcomeOf = async (settings: Settings, words: readonly string[]): Promise<string> => {
    const { code, out, told } = await commandLineHere(settings).run(words);
    return `${String(code)} ${out}${told}`;
  };

  test.each<[string, readonly string[], RegExp]>([
    ['doctor', ['doctor'], /^1 [^]*wrong +database +connection +does not answer \(ECONNREFUSED\)/], ['a command', ['users', 'list'], /^1 .*does not answer \(ECONNREFUSED\)/],
  ])('%s asks the database that DATABASE_URL names', async (_situation, words, wanted) => {
    expect(await outcomeOf({ ...running({ connectionString: database.url }), ...elsewhere }, words)).toMatch(wanted);
    expect(await outcomeOf({ ...running({ connectionString: elsewhere.DATABASE_URL }), DATABASE_URL: database.url }, words)).not.toContain('ECONNREFUSED');
  });

  test.each<[string, readonly string[], RegExp]>([['doctor', ['doctor'], /well +database +connection/], ['a command', ['users', 'list'], /^0 /]])('%s without DATABASE_URL asks that of the server', async (_situation, words, wanted) => {
    expect(await outcomeOf(running({ connectionString: database.url }), words)).toMatch(wanted);
  });
});
