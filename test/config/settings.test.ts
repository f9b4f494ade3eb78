import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { settingNames, settings, type SettingName } from '../../src/config/settings.ts';
import { shownValue } from '../../src/config/shown-value.ts';

describe('the table of settings', () => {
  // Lists and the folder are told in words of their own.
  const withDefault = Object.entries(readConfig({})).filter(([name, value]) => value !== undefined && !Array.isArray(value) && name !== 'DATA_DIR');

  test.each(withDefault)('says the default of %s as it is', (name, value) => {
    expect(settings[name as SettingName].otherwise).toBe(`\`${String(value)}\``);
  });

  test.each(settingNames)('tells the meaning of %s in a sentence', (name) => {
    expect(settings[name].meaning).toMatch(/^[A-Z0-9].*[.*]$/);
  });

  test('docs/configuration.md lists every setting, and no other', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'), 'utf8');
    expect([...page.matchAll(/^\| `([A-Z_]+)` \|(?:[^|]*\|){3}$/gm)].map((match) => match[1])).toEqual(settingNames);
  });
});

describe('the text of a setting as it is shown', () => {
  test.each<[string, SettingName, string, string]>([
    ['a plain one', 'HOST', '::1', '::1'],
    ['a secret', 'SERVICE_TOKEN', 'hunter2', '***'],
    ['a URL without a password', 'DATABASE_URL', 'postgres://anna@db:5432/vitalgate?sslmode=require', 'postgres://anna@db:5432/vitalgate?sslmode=require'],
    ['a URL with a password', 'DATABASE_URL', 'postgres://anna:hunter2@db/vitalgate', 'postgres://anna:***@db/vitalgate'],
    ['a URL without a host', 'DATABASE_URL', 'postgres://anna:hunter2@/vitalgate?host=/run', 'postgres://anna:***@/vitalgate?host=/run'],
    ['a password with a colon and an @', 'SMTP_URL', 'smtps://anna:hun:ter@2@mail', 'smtps://anna:***@mail'],
    ['a password without a user', 'SMTP_URL', 'smtps://:hunter2@mail', 'smtps://:***@mail'],
    ['a password as a parameter', 'DATABASE_URL', 'postgres://db/x?host=a&password=hunter2', 'postgres://db/x?***'],
    ['a password with a # not encoded', 'DATABASE_URL', 'postgres://db:1#hunter2@db/x', '***'],
    ['a password that begins with a /', 'DATABASE_URL', 'postgres://anna:/hunter2@db/x', '***'],
    ['a password of digits and a /', 'SMTP_URL', 'smtps://anna:12/hunter2@mail', '***'],
    ['a password of digits and a ?', 'DATABASE_URL', 'postgres://anna:12?hunter2=2@db/x', '***'],
    ['a user with an @ as a parameter', 'DATABASE_URL', 'postgres://anna@db/x?user=anna@example.org', 'postgres://anna@db/x?user=anna@example.org'],
    ['an address of a service with a password', 'USER_MANAGER_URL', 'http://a:hunter2@um:3002/x', 'http://a:***@um:3002/x'],
  ])('%s', (_situation, name, text, shown) => {
    expect(shownValue(name, text)).toBe(shown);
  });
});
