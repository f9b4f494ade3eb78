import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config.ts';
import { settingNames } from '../../src/config/settings.ts';

const noticesOf = (...names: string[]) => loadConfig(Object.fromEntries(names.map((name) => [name, 'hunter2']))).notices;

describe('names in the environment', () => {
  test.each<[string, string, string]>([
    ['a letter left out', 'HTP_PORT', 'HTP_PORT is no setting; did you mean HTTP_PORT?'],
    ['two letters exchanged', 'DATABSAE_URL', 'DATABSAE_URL is no setting; did you mean DATABASE_URL?'],
    ['one letter too many', 'SERVICE_TOKENS', 'SERVICE_TOKENS is no setting; did you mean SERVICE_TOKEN?'],
    ['lower case', 'database_url', 'database_url is no setting; did you mean DATABASE_URL?'],
    ['our prefix before a setting', 'VITALGATE_DATA_DIR', 'VITALGATE_DATA_DIR is no setting; did you mean DATA_DIR?'],
    ['the name of the file', 'VITALGATE_CONFG', 'VITALGATE_CONFG is no setting; did you mean VITALGATE_CONFIG?'],
    ['our prefix before something else', 'VITALGATE_COLOUR', 'VITALGATE_COLOUR is no setting'],
    ['a database of the original system', 'MONGODB_URL', 'MONGODB_URL of the original system has no meaning here: data lives in PostgreSQL (DATABASE_URL)'],
    ['an endpoint of the original system', 'CRUD_SERVICE_URL', 'CRUD_SERVICE_URL of the original system has no meaning here: there is no CRUD service, data lives in PostgreSQL (DATABASE_URL)'],
  ])('%s is told, without the value', (_situation, name, notice) => {
    expect(noticesOf(name)).toEqual([notice]);
  });

  test('common ones, the name of the file and names far from ours are passed over', () => {
    const common = ['HOME', 'HOSTNAME', 'HOSTS', 'PORT', 'LANG', 'LOG_LEVELS', 'PATH', 'TERM', 'USER', 'SHELL', 'PWD', 'TZ', 'EDITOR', 'HTTP_PROXY', 'XDG_DATA_DIRS', 'NODE_ENV', 'npm_config_cache', 'constructor'];
    expect(noticesOf(...common)).toEqual([]);
    expect(loadConfig({ VITALGATE_CONFIG: '' }).notices).toEqual([]);
  });

  test('settings are far enough from each other: none is told to be another', () => {
    const empty = Object.fromEntries(settingNames.filter((name) => name !== 'USERINFO_ADDITIONAL_PROPERTIES').map((name) => [name, '']));
    expect(loadConfig(empty).notices).toEqual([]);
  });
});
