import { afterAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError, loadConfig } from '../../src/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'vitalgate-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, 'vitalgate.env');
const fileOf = (...lines: string[]): string => {
  writeFileSync(path, lines.join('\n'));
  chmodSync(path, 0o600);
  return path;
};
const mistakesOf = (file: string, environment: Record<string, string> = {}): readonly string[] => {
  try {
    loadConfig(environment, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
};

describe('a file of settings', () => {
  test('is read where --config or VITALGATE_CONFIG names it', () => {
    const file = fileOf('BFF_PORT=4000');
    expect(loadConfig({}, file).config.BFF_PORT).toBe(4000);
    expect(loadConfig({ VITALGATE_CONFIG: file }).config.BFF_PORT).toBe(4000);
    expect(loadConfig({ VITALGATE_CONFIG: '/nonexistent' }, file).config.BFF_PORT).toBe(4000);
    expect(loadConfig({}).config.BFF_PORT).toBe(3000);
  });

  test('gives way to the environment, and each setting says where it comes from', () => {
    const { config, origins } = loadConfig({ BFF_PORT: '5000', HOST: '', USERINFO_ADDITIONAL_PROPERTIES: '' }, fileOf('BFF_PORT=4000', 'HOST=::1', 'USERINFO_ADDITIONAL_PROPERTIES=email'));
    expect([config.BFF_PORT, origins.BFF_PORT]).toEqual([5000, 'environment']);
    expect([config.HOST, origins.HOST]).toEqual(['::1', 'file']);
    expect([config.USERINFO_ADDITIONAL_PROPERTIES, origins.USERINFO_ADDITIONAL_PROPERTIES]).toEqual([[], 'environment']);
    expect([config.LOG_LEVEL, origins.LOG_LEVEL]).toEqual(['info', 'default']);
  });

  test.each<[string, string[], string]>([
    ['comments and empty lines', ['# sender', '', '   # another', 'MAIL_FROM=a'], 'a'],
    ['spaces around and a comment after', ['MAIL_FROM = Vitalgate <a@b>   # ours'], 'Vitalgate <a@b>'],
    ['quotes around a #', [`MAIL_FROM='a # b' # c`], 'a # b'],
    ['quotes within', ['MAIL_FROM=a "b" c'], 'a "b" c'],
    ['an export of a shell', ['export MAIL_FROM=a'], 'a'],
    ['line ends of Windows after a byte order mark', ['\uFEFFMAIL_FROM=a\r', '\r', 'HOST=::1\r'], 'a'],
    ['an empty value, which counts as unset', ['MAIL_FROM='], 'Vitalgate <vitalgate@localhost>'],
  ])('may have %s', (_situation, lines, value) => {
    expect(loadConfig({}, fileOf(...lines)).config.MAIL_FROM).toBe(value);
  });

  test.each<[string, string[], RegExp[]]>([
    ['a misspelt name', ['', 'HTP_PORT=1'], [/, line 2: HTP_PORT is no setting; did you mean HTTP_PORT\?$/]],
    ['a name of the system, which nothing else gives a meaning here', ['HOSTNAME=hunter2'], [/, line 1: HOSTNAME is no setting$/]],
    ['a name of the original system', ['REDIS_HOSTS=hunter2'], [/REDIS_HOSTS of the original system has no meaning here/]],
    ['its own name', ['VITALGATE_CONFIG=other'], [/VITALGATE_CONFIG belongs into the environment/]],
    ['a line without =', ['HTTP_PORT 8080'], [/, line 1: is not NAME=value$/]],
    ['a name twice', ['BFF_PORT=1', 'BFF_PORT=2'], [/, line 2: BFF_PORT is given a second time$/]],
    ['a # that would cut the value', [`SERVICE_TOKEN=${'hunter2'.repeat(5)}#x`], [/SERVICE_TOKEN has a quote or a #/]],
    ['a quote that is not closed', ['MAIL_FROM="hunter2'], [/MAIL_FROM has a quote or a #/]],
    ['a quote that closes too early', ['MAIL_FROM="hunter2\\"x"'], [/MAIL_FROM has a quote or a #/]],
    ['wrong values too, all together', ['HTP_PORT=1', 'BFF_PORT=hunter2'], [/HTP_PORT/, /^BFF_PORT is not a number$/]],
  ])('with %s starts nothing', (_situation, lines, want) => {
    const mistakes = mistakesOf(fileOf(...lines));
    expect(mistakes).toHaveLength(want.length);
    want.forEach((pattern, index) => expect(mistakes[index]).toMatch(pattern));
    expect(mistakes.join()).not.toContain('hunter2');
  });

  test.each<[string, string, RegExp]>([
    ['is missing', join(folder, 'none.env'), /none\.env cannot be read \(ENOENT\)$/],
    ['is a folder', folder, /cannot be read \(EISDIR\)$/],
  ])('that %s starts nothing', (_situation, file, pattern) => {
    expect(mistakesOf(file)).toEqual([expect.stringMatching(pattern)]);
  });

  test.each<[string, string[], number, string[]]>([
    ['a secret and others may read it', [`SERVICE_TOKEN=${'t'.repeat(32)}`, 'HOST=::1'], 0o644, ['SERVICE_TOKEN']],
    ['a password in a URL and its group may read it', ['DATABASE_URL=postgres://a:b@c/d', `MASTER_KEY=${randomBytes(32).toString('hex')}`], 0o640, ['DATABASE_URL, MASTER_KEY']],
    ['a secret that nobody else may read', [`SERVICE_TOKEN=${'t'.repeat(32)}`], 0o600, []],
    ['no secret', ['HOST=::1', 'DATABASE_URL=postgres://a@c:5432/d'], 0o644, []],
  ])('with %s', (_situation, lines, mode, told) => {
    const file = fileOf(...lines);
    chmodSync(file, mode);
    expect(loadConfig({}, file).notices).toEqual(told.map((names) => `${file} holds secrets (${names}) and others can read it: chmod 600 it`));
  });

  test.each<[string, string, number, number]>([
    ['a credential of systemd, whose access control list shows as rights of the group', folder, 0o440, 0],
    ['a credential that everybody may read', folder, 0o444, 1],
    ['a file elsewhere that its group may read', join(folder, 'credentials'), 0o440, 1],
    ['a file below the folder of credentials', dirname(folder), 0o440, 1],
    ['a file, and no folder of credentials', '', 0o440, 1],
  ])('is told or not when it has a secret and is %s', (_situation, credentials, mode, told) => {
    const file = fileOf(`SERVICE_TOKEN=${'t'.repeat(32)}`);
    chmodSync(file, mode);
    expect(loadConfig({ CREDENTIALS_DIRECTORY: credentials, VITALGATE_CONFIG: file }).notices).toHaveLength(told);
    chmodSync(file, 0o600);
  });
});
