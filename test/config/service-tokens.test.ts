import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceTokensOf } from '../../src/service-tokens.ts';

describe('the tokens of services', () => {
  const parent = mkdtempSync(join(tmpdir(), 'vitalgate-tokens-'));
  afterAll(() => rmSync(parent, { recursive: true, force: true }));
  const given = { SERVICE_TOKEN: undefined, SERVICE_TOKEN_PREVIOUS: undefined };
  const folderWith = (text?: string): string => {
    const folder = mkdtempSync(join(parent, 'data-'));
    if (text !== undefined) writeFileSync(join(folder, 'service-token'), text);
    return folder;
  };

  test('are one that is made once, and lies in DATA_DIR', () => {
    const DATA_DIR = folderWith();
    const [token, ...more] = serviceTokensOf({ ...given, DATA_DIR });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(more).toEqual([]);
    expect([readFileSync(join(DATA_DIR, 'service-token'), 'utf8'), serviceTokensOf({ ...given, DATA_DIR })]).toEqual([token, [token]]);
  });

  test('are those of the settings, whatever the file holds', () => {
    expect(serviceTokensOf({ SERVICE_TOKEN: 'a'.repeat(32), SERVICE_TOKEN_PREVIOUS: 'b'.repeat(32), DATA_DIR: folderWith('') })).toEqual(['a'.repeat(32), 'b'.repeat(32)]);
  });

  test.each<[string, string, string]>([
    ['nothing, as after a bad restore', '', 'is shorter than 32 characters'],
    ['a line end alone', '\n', 'is shorter than 32 characters'],
    ['what somebody wrote', 'changeme', 'is shorter than 32 characters'],
    ['two lines', `${'t'.repeat(43)}\n${'t'.repeat(43)}\n`, 'has characters other than visible ASCII'],
    ['a file of zeros', '\0'.repeat(43), 'has characters other than visible ASCII'],
  ])('are none where the file holds %s', (_situation, text, fault) => {
    const DATA_DIR = folderWith(text);
    const start = () => serviceTokensOf({ ...given, DATA_DIR });
    expect(start).toThrow(`The service token in ${join(DATA_DIR, 'service-token')} ${fault}`);
    expect(start).toThrow(/: delete the file, and the next start makes a new one\.$/);
  });
});
