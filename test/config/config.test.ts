import { describe, expect, test } from '@jest/globals';
import { ConfigError, readConfig } from '../../src/config.ts';

const mistakesOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
};

const foreignIssuer = { WEBHOOK_JWT_ISSUER: 'https://issuer', WEBHOOK_JWKS_URL: 'https://issuer/keys', WEBHOOK_JWT_AUDIENCE: 'vitalgate' };

describe('settings', () => {
  test('without any, all three services run on loopback with their usual ports', () => {
    expect(readConfig({})).toMatchObject({
      HOST: '127.0.0.1',
      BFF_PORT: 3000,
      DEVICE_MANAGER_PORT: 3001,
      USER_MANAGER_PORT: 3002,
      SERVICES: ['bff', 'device-manager', 'user-manager'],
      JOBS: [
        'normalize', 'release-quarantine', 'renormalize', 'submit-detections', 'rotate-data-keys', 'export-patient', 'erase-patient', 'expire-data',
        'password-reset-mail', 'password-changed-mail', 'bulk-activation', 'bulk-change-password', 'erase-health-data', 'scrub-accounts', 'expire-accounts', 'chain-audit',
      ],
    });
  });

  test('no list of members of /userinfo means all of them', () => {
    expect(readConfig({}).USERINFO_ADDITIONAL_PROPERTIES).toBeUndefined();
  });

  test.each([
    ['an empty text counts as unset', { BFF_PORT: '' }, { BFF_PORT: 3000 }],
    ['port 0 means any free port', { BFF_PORT: '0' }, { BFF_PORT: 0 }],
    ['JOBS=none runs no background work', { JOBS: 'none' }, { JOBS: [] }],
    ['a database on a Unix socket', { DATABASE_URL: 'postgres://a:b@/c?host=%2Frun' }, { DATABASE_URL: 'postgres://a:b@/c?host=%2Frun' }],
    ['a password with all of it encoded, and a user with an @ as a parameter', { DATABASE_URL: 'postgres://a:hunter2%2F%3F%23%40@c/d?user=a@b' }, { DATABASE_URL: 'postgres://a:hunter2%2F%3F%23%40@c/d?user=a@b' }],
    ['a service named twice runs once', { SERVICES: 'bff,user-manager,device-manager, bff' }, { SERVICES: ['bff', 'user-manager', 'device-manager'] }],
    ['JOBS takes a list', { JOBS: 'normalize' }, { JOBS: ['normalize'] }],
    ['members of /userinfo as a list', { USERINFO_ADDITIONAL_PROPERTIES: 'email, roles,' }, { USERINFO_ADDITIONAL_PROPERTIES: ['email', 'roles'] }],
    ['an empty list of members of /userinfo means none', { USERINFO_ADDITIONAL_PROPERTIES: '' }, { USERINFO_ADDITIONAL_PROPERTIES: [] }],
    ['a header is named in any case', { USERID_HEADER_KEY: 'X-Patient' }, { USERID_HEADER_KEY: 'x-patient' }],
    ['a proxy that forwards names the patient', { USERID_HEADER_KEY: 'X-Forwarded-User' }, { USERID_HEADER_KEY: 'x-forwarded-user' }],
    ['the name of an issuer may have an @', { ...foreignIssuer, WEBHOOK_JWT_ISSUER: 'https://issuer/@acme' }, {}],
    ['addresses may have a path, and that of keys a query', { USER_MANAGER_URL: 'https://um/path', ...foreignIssuer, WEBHOOK_JWKS_URL: 'https://issuer/keys?version=2' }, { USER_MANAGER_URL: 'https://um/path' }],
    ['mail without the User Manager needs no address', { SERVICES: 'device-manager', SMTP_URL: 'smtp://mail', USER_MANAGER_URL: 'http://um', SERVICE_TOKEN: 't'.repeat(32) }, { SMTP_URL: 'smtp://mail' }],
    ['a User Manager alone with a Device Manager elsewhere', { SERVICES: 'user-manager', DEVICE_MANAGER_URL: 'http://dm', SERVICE_TOKEN: 't'.repeat(32) }, { DEVICE_MANAGER_URL: 'http://dm' }],
    ['a User Manager of an installation without a Device Manager', { SERVICES: 'user-manager', DEVICE_MANAGER_URL: 'none', SERVICE_TOKEN: 't'.repeat(32) }, { DEVICE_MANAGER_URL: 'none' }],
    [
      'one service alone with its upstreams',
      { SERVICES: 'bff', HTTP_PORT: '8080', DEVICE_MANAGER_URL: 'http://dm', USER_MANAGER_URL: 'http://um', SERVICE_TOKEN: 't'.repeat(32) },
      { SERVICES: ['bff'], HTTP_PORT: 8080 },
    ],
  ])('%s', (_situation, given, want) => {
    expect(readConfig(given as unknown as Record<string, string>)).toMatchObject(want);
  });

  test.each<[string, Record<string, string>, RegExp[]]>([
    ['a port that is no number', { BFF_PORT: 'many' }, [/^BFF_PORT is not a number$/]],
    ['a port out of range', { USER_MANAGER_PORT: '70000' }, [/^USER_MANAGER_PORT is above 65535$/]],
    ['a service that does not exist', { SERVICES: 'bff,mailer' }, [/^SERVICES is not a list of bff/]],
    ['a short service token', { SERVICE_TOKEN: 'short' }, [/^SERVICE_TOKEN is shorter than 32 characters$/]],
    ['a service token with a space', { SERVICE_TOKEN: `${'t'.repeat(32)} t` }, [/^SERVICE_TOKEN has characters other than visible ASCII/]],
    ['a client type that no header carries', { CLIENT_TYPE: 'web\nsite' }, [/^CLIENT_TYPE has characters other than visible ASCII/]],
    ['a master key of the wrong size', { MASTER_KEY: 'abcd' }, [/^MASTER_KEY is not 32 bytes/]],
    ['a master key that is a sample', { MASTER_KEY: '00'.repeat(32), MASTER_KEY_PREVIOUS: 'ab'.repeat(32) }, [/^MASTER_KEY is a sample/, /^MASTER_KEY_PREVIOUS is a sample/]],
    ['a master key from two places', { MASTER_KEY_FILE: '/key', MASTER_KEY_COMMAND: '/bin/key' }, [/^MASTER_KEY_FILE and MASTER_KEY_COMMAND exclude each other/]],
    ['a command that is no list', { MASTER_KEY_COMMAND: '["vault", 1]' }, [/^MASTER_KEY_COMMAND/]],
    ['a command that is half a list', { MASTER_KEY_COMMAND: '["vault"' }, [/^MASTER_KEY_COMMAND is neither a path nor/]],
    ['a database without a URL', { DATABASE_URL: 'postgres://a:b@c:port/d' }, [/^DATABASE_URL is not a postgres/]],
    ...['postgres://anna:/hunter2@db/x', 'postgres://anna:12/hunter2@db/x', 'postgres://anna:12?hunter2@db/x', 'postgres://anna:12#hunter2@db/x', 'postgres://anna:hunter2/2@db/x'].map((url): [string, Record<string, string>, RegExp[]] =>
      [`the database ${url}, whose password ends the host`, { DATABASE_URL: url }, [/^DATABASE_URL has an @ behind the host: write .* as %2F %3F %23 and %40$/]]),
    ['a mail server whose password ends the host', { SMTP_URL: 'smtps://anna:12/hunter2@mail', PUBLIC_URL: 'https://example.org' }, [/^SMTP_URL has an @ behind the host/]],
    ['a database of another kind', { DATABASE_URL: 'mysql://x' }, [/^DATABASE_URL is not a postgres/]],
    ['HTTP_PORT with three services', { HTTP_PORT: '8080' }, [/^HTTP_PORT is for one service alone/]],
    ['a BFF alone without upstreams', { SERVICES: 'bff', SERVICE_TOKEN: 't'.repeat(32) }, [/^DEVICE_MANAGER_URL is needed/, /^USER_MANAGER_URL is needed/]],
    ['a User Manager alone, which would keep the health data of whom it erases', { SERVICES: 'user-manager', SERVICE_TOKEN: 't'.repeat(32) }, [/^DEVICE_MANAGER_URL is needed: .* or none/]],
    ['a BFF that is told that there is no Device Manager', { SERVICES: 'bff', DEVICE_MANAGER_URL: 'none', USER_MANAGER_URL: 'http://um', SERVICE_TOKEN: 't'.repeat(32) }, [/^DEVICE_MANAGER_URL=none is for a User Manager alone/]],
    ['all services that are told that there is no Device Manager', { DEVICE_MANAGER_URL: 'none' }, [/^DEVICE_MANAGER_URL=none is for a User Manager alone/]],
    ['a Device Manager that is no URL', { DEVICE_MANAGER_URL: 'nobody' }, [/^DEVICE_MANAGER_URL is not an http or https URL$/]],
    ['two services on one port', { BFF_PORT: '3001' }, [/must differ$/]],
    ...['http://a:b@um', 'http://a@um', 'http://a:12/b@um', 'http://um/?a=b', 'http://um/#a'].flatMap((address) => ['USER_MANAGER_URL', 'DEVICE_MANAGER_URL', 'TMM_SERVICE_URL'].map((name): [string, Record<string, string>, RegExp[]] =>
      [`the address ${address} as ${name}`, { [name]: address }, [new RegExp(`^${name} has a user, a password, a query or a fragment`)]])),
    ...['http://a:b@um', 'http://a@um', 'http://a:12/b@um', 'http://um/#a'].map((address): [string, Record<string, string>, RegExp[]] =>
      [`the address ${address} as that of keys`, { ...foreignIssuer, WEBHOOK_JWKS_URL: address }, [/^WEBHOOK_JWKS_URL has a user, a password or a fragment/]]),
    ['an issuer with a password', { ...foreignIssuer, WEBHOOK_JWT_ISSUER: 'https://a:b@issuer' }, [/^WEBHOOK_JWT_ISSUER has a user, a password/]],
    ['mail without an address for links', { SMTP_URL: 'smtps://a:hunter2@mail.example.org' }, [/^PUBLIC_URL is needed with SMTP_URL/]],
    ['a file of groups that is not there', { USER_GROUPS_FILE: '/nonexistent/groups.json' }, [/^USER_GROUPS_FILE is no file that can be read$/]],
    ['a file of groups that is a folder', { USER_GROUPS_FILE: '.' }, [/^USER_GROUPS_FILE is no file that can be read$/]],
    ['a name of no header', { USERID_HEADER_KEY: 'user id' }, [/^USERID_HEADER_KEY is no name of a header$/]],
    ['a header that means something else', { USERID_HEADER_KEY: 'Authorization' }, [/^USERID_HEADER_KEY is a header that means something else$/]],
    ...['traceparent', 'tracestate', 'X-Forwarded-For', 'X-Service-Token', 'If-None-Match', 'Keep-Alive'].map((name): [string, Record<string, string>, RegExp[]] =>
      [`the header ${name} as that of a patient`, { USERID_HEADER_KEY: name }, [/^USERID_HEADER_KEY is a header that means something else$/]]),
    ['several mistakes are listed together', { BFF_PORT: 'x', LOG_LEVEL: 'loud' }, [/^BFF_PORT/, /^LOG_LEVEL/]],
  ])('refuses %s', (_situation, given, want) => {
    const mistakes = mistakesOf(given);
    expect(mistakes).toHaveLength(want.length);
    want.forEach((pattern, index) => expect(mistakes[index]).toMatch(pattern));
  });

  test('never repeats a secret', () => {
    expect(mistakesOf({ SERVICE_TOKEN: 'hunter2', MASTER_KEY: 'hunter2', USER_MANAGER_URL: 'http://anna:hunter2@um' }).join()).not.toContain('hunter2');
  });
});
