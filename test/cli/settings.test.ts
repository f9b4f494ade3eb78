import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createProgram } from '../../src/cli/commands.ts';
import { settingNames } from '../../src/config/settings.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { commandLineHere, printed } from './command-line.ts';

const wordsOf = (command: Command, words: readonly string[]): (readonly string[])[] => [words, ...command.commands.flatMap((one) => wordsOf(one, [...words, one.name()]))];
const allCommands = wordsOf(createProgram({ environment: {}, print: () => undefined, say: () => undefined }), []);

const root = join(import.meta.dirname, '..', '..');

describe('settings on the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-settings-'));
  chmodSync(folder, 0o711);
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  const { run } = commandLineHere({ DATA_DIR: folder });
  const fileOf = (name: string, ...lines: string[]): string => {
    writeFileSync(join(folder, name), lines.join('\n'), { mode: 0o600 });
    return join(folder, name);
  };

  test('config shows what holds and where it comes from', async () => {
    const file = fileOf('ours.env', 'BFF_PORT=4000', 'LOG_LEVEL=warn', 'USERINFO_ADDITIONAL_PROPERTIES=');
    const shown = await printed<Record<string, object>>(run(['--json', '--config', file, 'config'], { environment: { LOG_LEVEL: 'error' } }));
    expect(Object.keys(shown)).toEqual(settingNames);
    expect(shown).toMatchObject({
      BFF_PORT: { value: '4000', from: 'file' }, LOG_LEVEL: { value: 'error', from: 'environment' }, HOST: { value: '127.0.0.1', from: 'default' },
      DATA_DIR: { value: folder, from: 'environment' }, HTTP_PORT: { value: null, from: 'default' }, USERINFO_ADDITIONAL_PROPERTIES: { value: '', from: 'file' },
    });
    const { out } = await run(['config'], { environment: { VITALGATE_CONFIG: file } });
    expect(out).toMatch(/^BFF_PORT +4000 +file$/m);
    expect(out).toMatch(/^SERVICE_TOKEN +\(made once in DATA_DIR\/service-token\) +default$/m);
    expect(out).toMatch(/^USERINFO_ADDITIONAL_PROPERTIES +\(none\) +file$/m);
  });

  test('config never shows a secret, in words or JSON, from file or environment', async () => {
    const token = 'hunter2-'.repeat(5);
    const secrets = [`SERVICE_TOKEN=${token}`, `SERVICE_TOKEN_PREVIOUS=${token}`, `MASTER_KEY=${randomBytes(32).toString('hex')}`, 'SMTP_URL=smtps://anna:hunter2@mail', 'PUBLIC_URL=https://example.org'];
    const file = fileOf('secrets.env', ...secrets, 'DATABASE_URL=postgres://anna:hunter2@db/x');
    for (const words of [['config'], ['config', '--json']]) {
      const { code, out, told } = await run(['--config', file, ...words], { environment: { MONGODB_URL: 'mongodb://hunter2', SERVICE_TOKN: 'hunter2' } });
      expect(code).toBe(0);
      expect(out).toMatch(/anna:\*\*\*@db/);
      expect(out + told).not.toMatch(/hunter2|abab/);
    }
  });

  test('an address with a password is refused, and not shown', async () => {
    const { code, out, told } = await run(['config'], { environment: { USER_MANAGER_URL: 'http://anna:hunter2@um' } });
    expect([code, out]).toEqual([2, '']);
    expect(told).toMatch(/USER_MANAGER_URL has a user, a password/);
    expect(told).not.toContain('hunter2');
  });

  test('names that are no settings are told on standard error, and the command runs', async () => {
    const { code, out, told } = await run(['--json', 'config'], { environment: { HTP_PORT: '1', MONGODB_URL: 'mongodb://x', HOSTNAME: 'x' } });
    expect([code, Object.keys(JSON.parse(out) as object).length]).toEqual([0, settingNames.length]);
    expect(told.split('\n').toSorted()).toEqual([
      '', 'HTP_PORT is no setting; did you mean HTTP_PORT?', 'MONGODB_URL of the original system has no meaning here: data lives in PostgreSQL (DATABASE_URL)',
    ]);
  });

  test('a file of secrets that others can read is told', async () => {
    const file = fileOf('open.env', `SERVICE_TOKEN=${'t'.repeat(32)}`);
    chmodSync(file, 0o644);
    expect((await run(['--config', file, 'config'])).told).toBe(`${file} holds secrets (SERVICE_TOKEN) and others can read it: chmod 600 it\n`);
  });

  test.each<[string, () => string[], RegExp]>([
    ['a misspelt name in the file', () => ['--config', fileOf('wrong.env', 'HTP_PORT=1'), 'config'], /wrong\.env, line 1: HTP_PORT is no setting; did you mean HTTP_PORT\?/],
    ['a file that is not there', () => ['config', '--config', join(folder, 'none.env')], /none\.env cannot be read \(ENOENT\)/],
    ['a file that is a folder', () => ['users', 'list', '--config', folder], /cannot be read \(EISDIR\)/],
  ])('%s ends any command with exit code 2', async (_situation, words, pattern) => {
    const { code, out, told } = await run(words());
    expect([code, out]).toEqual([2, '']);
    expect(told).toMatch(pattern);
  });

  test('migrate says what it ran, and then that all is up to date; a newer database is refused', async () => {
    const environment = { DATABASE_URL: database.url };
    const { ran } = await printed<{ ran: string[] }>(run(['--json', 'migrate'], { environment }));
    expect(ran).toEqual(expect.arrayContaining(['user_manager/0001-users-and-sessions', 'device_manager/0001-devices-and-health-data', 'graphile_worker/1']));
    expect(new Set(ran).size).toBe(ran.length);
    expect(await run(['migrate'], { environment })).toEqual({ code: 0, out: 'all tables are up to date\n', told: '' });
    await database.pool.query(`insert into user_manager.migration (name) values ('9999-to-come')`);
    expect(await run(['migrate'], { environment })).toEqual({ code: 1, out: '', told: expect.stringMatching(/The schema user_manager is newer than this program \(9999-to-come\)/) });
    await database.pool.query(`delete from user_manager.migration where name = '9999-to-come'`);
  });

  test('migrate touches the tables of the services that run here alone', async () => {
    const apart = { SERVICE_TOKEN: 't'.repeat(32), USER_MANAGER_URL: 'http://um', DEVICE_MANAGER_URL: 'http://dm' };
    expect(await run(['migrate'], { environment: { ...apart, SERVICES: 'bff' } })).toEqual({ code: 0, out: 'no service of SERVICES has tables\n', told: '' });
    const own = await createTestDatabase();
    const { out } = await run(['migrate'], { environment: { ...apart, SERVICES: 'user-manager', DATABASE_URL: own.url } });
    await own.drop();
    expect(out).toMatch(/^ran user_manager\/0001/);
    expect(out).not.toContain('device_manager');
  });

  test('start runs what the file says until it is told to end', async () => {
    const dataDir = join(folder, 'served');
    const file = fileOf('served.env', 'BFF_PORT=0', 'DEVICE_MANAGER_PORT=0', 'USER_MANAGER_PORT=0', `DATA_DIR=${dataDir}`, `DATABASE_URL='${database.url}'`, 'LOG_LEVEL=silent');
    const child = spawn(process.execPath, [join(root, 'src', 'cli', 'vitalgate.ts'), 'start', '--config', file], { env: { PATH: process.env['PATH'], VITALGATE_PORT: '1' }, stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    child.stderr.on('data', (text: Buffer) => (told += text.toString()));
    const ended = once(child, 'exit');
    for (let tries = 0; tries < 1200 && !told.includes('Data lies in'); tries += 1) await sleep(50);
    expect(existsSync(join(dataDir, 'server.json'))).toBe(true);
    expect(told).toMatch(/^VITALGATE_PORT is no setting/);
    expect(told).toMatch(/^BFF +http:\/\/127\.0\.0\.1:\d+ {2}\(.*\/documentation\)$/m);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('npm start -- --help is the page of start', async () => {
    const { stdout } = await promisify(execFile)('npm', ['start', '--silent', '--', '--help'], { cwd: root });
    expect(stdout).toMatch(/^Usage: vitalgate start \[options\]\n[\s\S]*--demo[\s\S]*Exit codes:[\s\S]*Environment:/);
  });

  test.each(allCommands.map((words) => [words]))('the help of %j tells purpose, examples, exit codes and environment, and needs no settings', async (words) => {
    const { code, out } = await run([...words, '--help'], { environment: { BFF_PORT: 'many' } });
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: vitalgate.*\n\n[A-Z][\s\S]*\.\n[\s\S]*\n {2}--config <path>[\s\S]*\nExamples:\n {2}[\s\S]*\nExit codes:\n {2}0 {2}done[\s\S]*\nEnvironment:\n/);
    expect(out.split('\n').filter((line) => line.length > 120 && !/^ {2}\S/.test(line))).toEqual([]);
  });

  test('--version is the one of the package', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), told: '' });
  });
});
