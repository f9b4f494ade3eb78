import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../src/doctor/finding.ts';
import { serviceRolesSql } from '../../src/service-roles.ts';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { startForeignUpstreams } from '../players/foreign-upstreams.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { commandLineHere, type Outcome } from './command-line.ts';
import { smallServers } from './small-servers.ts';

interface Report {
  readonly verdict: string;
  readonly findings: readonly Finding[];
}
type Settings = Readonly<Record<string, string>>;
type Found = Pick<Finding, 'verdict' | 'area' | 'looked'>;

/** Tests may run as root, and on a PostgreSQL that does not wait for its disk, as its superuser: all of this is told, and planted by nobody. */
const ofTheMachine = ({ looked, found }: Finding): boolean => looked === 'account' || found.startsWith('fsync is off') || found === 'is a superuser';
const troubles = (report: Report): readonly Finding[] => report.findings.filter((finding) => finding.verdict !== 'well' && !ofTheMachine(finding));

const folder = mkdtempSync(join(tmpdir(), 'vitalgate-doctor-'));
chmodSync(folder, 0o711);
const { serve, closedPort, stop: stopServers } = smallServers();
const canary = `canary${randomBytes(12).toString('hex')}`;
const newFolder = (): string => mkdtempSync(join(folder, 'data-'));
const fileOf = (text: string, mode = 0o600): string => {
  const path = join(newFolder(), 'file');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};
let vitalgate: TestVitalgate;
let mail: MailServer;
let therapyMonitoring: TherapyMonitoringPlayer;
let issuer: string;
let own: TestDatabase;
/** Of a program that ran on `vitalgate.database` and runs elsewhere. */
let dataDir: string;
let well: Settings;

beforeAll(async () => {
  const served = newFolder();
  vitalgate = await startTestVitalgate({ DATA_DIR: served });
  mail = await startMailServer();
  therapyMonitoring = await startTherapyMonitoring();
  issuer = await serve((_request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [{ kty: 'OKP' }] })));
  own = await createTestDatabase();
  dataDir = newFolder();
  for (const name of ['master-key', 'service-token']) copyFileSync(join(served, name), join(dataDir, name));
  chmodSync(join(dataDir, 'master-key'), 0o600);
  well = {
    DATA_DIR: dataDir, DATABASE_URL: vitalgate.database.url, SMTP_URL: mail.url, PUBLIC_URL: 'https://health.example.org', TMM_SERVICE_URL: therapyMonitoring.url, TMM_SERVICE_TOKEN: canary,
    USER_MANAGER_URL: vitalgate.urls.userManager, DEVICE_MANAGER_URL: vitalgate.urls.deviceManager, SERVICE_TOKEN: vitalgate.serviceToken,
    WEBHOOK_JWT_ISSUER: issuer, WEBHOOK_JWKS_URL: `${issuer}/${canary}`, WEBHOOK_JWT_AUDIENCE: 'vitalgate',
  };
});
afterAll(async () => {
  await vitalgate.stop();
  await own.drop();
  await Promise.all([mail.stop(), therapyMonitoring.kill(), stopServers()]);
  rmSync(folder, { recursive: true, force: true });
});

const examine = (settings: Settings = {}, words: readonly string[] = ['--json', 'doctor']): Promise<Outcome> => commandLineHere({ ...well, ...settings }).run(words);
const urlWith = (change: (url: URL) => void): string => {
  const url = new URL(vitalgate.database.url.replace('@/', '@localhost/'));
  change(url);
  return url.href.replace('@localhost/', '@/');
};

describe('an installation that is well', () => {
  test('is told so, in each of its parts, and ends with 0 where the machine is well, too', async () => {
    const { code, out } = await examine();
    const report = JSON.parse(out) as Report;
    expect(troubles(report)).toEqual([]);
    expect([...new Set(report.findings.map(({ area }) => area))]).toEqual(['configuration', 'database', 'keys', 'upstreams', 'clock', 'disk']);
    expect(report.findings.map(({ looked }) => looked)).toEqual(expect.arrayContaining([
      'settings', 'version', 'tables of user_manager', 'tables of device_manager', 'tables of device_manager_keys', 'role', 'master key', 'DATA_DIR/master-key', 'Device Manager', 'User Manager',
      'Therapy and Monitoring Manager', 'mail server', 'token issuer', 'against the database', 'against Device Manager', 'against token issuer', 'DATA_DIR',
    ]));
    expect(code).toBe(report.findings.some(({ verdict }) => verdict === 'wrong') ? 1 : 0);
  });

  test('without a server: one with an embedded PostgreSQL is started for the look and stopped again', async () => {
    const settings = { DATA_DIR: newFolder(), SMTP_URL: mail.url, PUBLIC_URL: 'https://health.example.org' };
    const { run } = commandLineHere(settings);
    expect((await run(['--json', 'doctor'])).out).toContain('no data yet');
    await run(['migrate']);
    await run(['keys', 'status']);
    const { code, out, told } = await run(['--json', 'doctor']);
    expect(troubles(JSON.parse(out) as Report)).toEqual([]);
    expect((JSON.parse(out) as Report).findings).toContainEqual({ area: 'database', looked: 'durability', verdict: 'well', found: 'commits reach the disk' });
    expect([code, told]).toEqual([0, '']);
    expect((await run(['--json', 'doctor'])).code).toBe(0);
  });

  test('in lines for people', async () => {
    const { out } = await examine({}, ['doctor']);
    expect(out).toMatch(/^verdict +area +looked at +found\nwell +configuration +settings +read without mistakes\n/);
    expect(out).toMatch(/^well +keys +master key +opens the keys of the database$/m);
  });
});

test('a role that `migrate --print-roles` made for a service is well', async () => {
  const name = `doctor_${randomBytes(4).toString('hex')}`;
  const { pool } = vitalgate.database;
  await pool.query(serviceRolesSql(['device-manager']).replaceAll('vitalgate_device_manager', name));
  await pool.query(`alter role ${name} password '${canary}'`);
  try {
    const { out } = await examine({ SERVICES: 'device-manager', DATABASE_URL: urlWith((url) => Object.assign(url, { username: name, password: canary })) });
    const report = JSON.parse(out) as Report;
    expect(troubles(report)).toEqual([]);
    expect(report.findings).toContainEqual({ area: 'database', looked: 'role', verdict: 'well', found: 'may use all tables' });
  } finally {
    await pool.query(`drop owned by ${name}; drop role ${name}`);
  }
});

test('Device Manager and User Manager of another vendor, which know no more than the original contract, are well', async () => {
  const vendor = await startForeignUpstreams();
  try {
    const { out } = await examine({ SERVICES: 'bff', DEVICE_MANAGER_URL: vendor.url, USER_MANAGER_URL: vendor.url });
    const report = JSON.parse(out) as Report;
    expect(troubles(report)).toEqual([]);
    for (const looked of ['Device Manager', 'User Manager']) expect(report.findings).toContainEqual({ area: 'upstreams', looked, verdict: 'well', found: 'answers' });
  } finally {
    await vendor.stop();
  }
});

test.each<[string, number, Finding['verdict']]>([['as systemd hands them over', 0o440, 'well'], ['that everybody can read', 0o444, 'wrong']])('credentials %s', async (_situation, mode, verdict) => {
  const credentials = newFolder();
  const handedOver = (name: string, text: string): string => {
    const path = join(credentials, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const VITALGATE_CONFIG = handedOver('vitalgate.env', `SERVICE_TOKEN=${vitalgate.serviceToken}\n`);
  const MASTER_KEY_FILE = handedOver('master-key', readFileSync(join(dataDir, 'master-key'), 'utf8'));
  const { out, told } = await examine({ CREDENTIALS_DIRECTORY: credentials, VITALGATE_CONFIG, MASTER_KEY_FILE });
  const report = JSON.parse(out) as Report;
  expect(report.findings).toContainEqual(expect.objectContaining({ looked: 'MASTER_KEY_FILE', verdict, found: expect.stringMatching(/^of mode 044/) }));
  expect([troubles(report).length, told.includes('others can read it')]).toEqual(verdict === 'well' ? [0, false] : [2, true]);
});

interface Planted extends Found {
  readonly found: RegExp;
  readonly remedy: RegExp;
  readonly settings: () => Settings | Promise<Settings>;
  readonly undo?: () => unknown;
  /** It shows in further places. */
  readonly others?: true;
}

const wrong = (area: Finding['area'], looked: string): Found => ({ verdict: 'wrong', area, looked });
const warning = (area: Finding['area'], looked: string): Found => ({ verdict: 'warning', area, looked });
const sql = (text: string) => vitalgate.database.pool.query(text);
const database = () => new URL(vitalgate.database.url.replace('@/', '@localhost/')).pathname.slice(1);
const role = `doctor_${randomBytes(4).toString('hex')}`;
const asRole = async (rights: string): Promise<Settings> => {
  await sql(`create role ${role} login password '${canary}'; ${rights}`);
  return { DATABASE_URL: urlWith((url) => Object.assign(url, { username: role, password: canary })) };
};
const dropRole = () => sql(`drop owned by ${role}; drop role ${role}`);
interface Migration {
  readonly name: string;
  readonly applied_at: Date;
}
let last: Migration | undefined;
const foreignKey = () => ({ MASTER_KEY: randomBytes(32).toString('hex') });

const planted: Readonly<Record<string, Planted>> = {
  'a setting that cannot be': { ...wrong('configuration', 'settings'), found: /BFF_PORT is not a number/, remedy: /docs\/configuration\.md/, settings: () => ({ BFF_PORT: 'many' }) },
  'a misspelt name': { ...warning('configuration', 'settings'), found: /did you mean SMTP_URL/, remedy: /correct or remove the name/, settings: () => ({ SMPT_URL: canary }) },
  'open to the network': { ...warning('configuration', 'HOST'), found: /without TLS/, remedy: /TLS_CERT and TLS_KEY.*TRUSTED_PROXIES/, settings: () => ({ HOST: '0.0.0.0' }) },
  'certificate and key are no pair': {
    ...wrong('configuration', 'TLS_CERT, TLS_KEY'), found: /no pair/, remedy: /its own key/,
    settings: () => ({ TLS_CERT: join(import.meta.dirname, '../fixtures/tls/first-cert.pem'), TLS_KEY: fileOf(readFileSync(join(import.meta.dirname, '../fixtures/tls/second-key.pem'), 'utf8')) }),
  },
  'groups that are none': { ...wrong('configuration', 'USER_GROUPS_FILE'), found: /./, remedy: /docs\/users\.md/, settings: () => ({ USER_GROUPS_FILE: fileOf('{') }) },
  'no database there': { ...wrong('database', 'connection'), found: /ECONNREFUSED/, remedy: /start PostgreSQL/, settings: () => ({ DATABASE_URL: `postgres://anna:${canary}@127.0.0.1:9/${canary}` }) },
  'another password': { ...wrong('database', 'connection'), found: /28P01/, remedy: /user and password/, settings: () => ({ DATABASE_URL: urlWith((url) => (url.password = canary)) }) },
  'a database that is not there': { ...wrong('database', 'connection'), found: /3D000/, remedy: /create the database/, settings: () => ({ DATABASE_URL: urlWith((url) => (url.pathname = `/${canary}`)) }) },
  'tables newer than the program': {
    ...wrong('database', 'tables of user_manager'), found: /9999-to-come/, remedy: /run the version/,
    settings: async () => (await sql(`insert into user_manager.migration values ('9999-to-come')`), {}), undo: () => sql(`delete from user_manager.migration where name = '9999-to-come'`),
  },
  'tables that are not made yet': { ...warning('database', 'tables of device_manager'), found: /not made yet/, remedy: /the next start makes them/, settings: () => ({ DATABASE_URL: own.url }), others: true },
  'a migration to run, and a role that may not': {
    ...wrong('database', 'tables of user_manager'), found: /1 migrations to run, which this role may not do/, remedy: /as the owner/,
    settings: async () => {
      ({ rows: [last] } = await vitalgate.database.pool.query<Migration>('delete from user_manager.migration where name = (select max(name) from user_manager.migration) returning name, applied_at'));
      return asRole(`grant pg_read_all_data, pg_write_all_data to ${role}; alter role ${role} bypassrls`);
    },
    undo: async () => {
      await dropRole();
      await vitalgate.database.pool.query('insert into user_manager.migration values ($1, $2)', [last?.name, last?.applied_at]);
    },
  },
  'commits that do not wait for the disk': {
    ...wrong('database', 'durability'), found: /synchronous_commit is off/, remedy: /acknowledged can be lost/,
    settings: async () => (await sql(`alter database ${database()} set synchronous_commit = off`), {}), undo: () => sql(`alter database ${database()} reset synchronous_commit`),
  },
  'too few connections': {
    ...wrong('database', 'connections'), found: /5 may be open/, remedy: /max_connections/,
    settings: async () => (await sql(`alter database ${database()} connection limit 5`), {}), undo: () => sql(`alter database ${database()} connection limit -1`),
  },
  'a role without rights': {
    ...wrong('database', 'role'), found: /may not use \d+ tables, such as device_manager/, remedy: /--print-roles/,
    settings: () => asRole(`grant usage on schema user_manager, device_manager, device_manager_keys, graphile_worker to ${role}; grant select, insert on all tables in schema user_manager, device_manager_keys, graphile_worker to ${role}; grant select on all tables in schema device_manager to ${role}`),
    undo: dropRole,
  },
  'a role with nothing but its login, as after a restore': { ...wrong('database', 'role'), found: /may not use \d+ tables, such as device_manager/, remedy: /--print-roles/, settings: () => asRole(''), undo: dropRole },
  'a role that may not look into one schema': {
    ...wrong('database', 'role'), found: /may not use \d+ tables, such as device_manager_keys/, remedy: /--print-roles/,
    settings: () => asRole(`alter role ${role} bypassrls; ${['user_manager', 'device_manager', 'graphile_worker'].map((schema) => `grant usage on schema ${schema} to ${role}; grant select, insert on all tables in schema ${schema} to ${role}`).join(';')}`),
    undo: dropRole,
  },
  'a role that sees no jobs': {
    ...wrong('database', 'role'), found: /such as graphile_worker/, remedy: /--print-roles/,
    settings: () => asRole(['user_manager', 'device_manager', 'device_manager_keys', 'graphile_worker'].map((schema) => `grant usage on schema ${schema} to ${role}; grant select, insert on all tables in schema ${schema} to ${role}`).join(';')),
    undo: dropRole,
  },
  'no master key beside data': { ...wrong('keys', 'master key'), found: /missing/, remedy: /restore the master key from its backup/, settings: () => ({ DATA_DIR: newFolder() }) },
  'a foreign master key': { ...wrong('keys', 'master key'), found: /not the one this database was used with/, remedy: /restore the master key that/, settings: foreignKey },
  'a master key that everybody can read': {
    ...wrong('keys', 'DATA_DIR/master-key'), found: /0644/, remedy: /chmod 600/, settings: () => (chmodSync(join(dataDir, 'master-key'), 0o644), {}), undo: () => chmodSync(join(dataDir, 'master-key'), 0o600),
  },
  'a service token that somebody wrote': {
    ...wrong('keys', 'service token'), found: /shorter than 32/, remedy: /delete the file/, undo: () => writeFileSync(join(dataDir, 'service-token'), vitalgate.serviceToken),
    settings: () => (writeFileSync(join(dataDir, 'service-token'), 'changeme'), { SERVICE_TOKEN: '' }),
  },
  'a key file that its group can read': {
    ...warning('keys', 'MASTER_KEY_FILE'), found: /0640/, remedy: /chmod 600/, settings: () => ({ MASTER_KEY_FILE: fileOf(readFileSync(join(dataDir, 'master-key'), 'utf8'), 0o640) }),
  },
  'no User Manager there': { ...wrong('upstreams', 'User Manager'), found: /ECONNREFUSED/, remedy: /correct USER_MANAGER_URL/, settings: async () => ({ USER_MANAGER_URL: await closedPort() }) },
  'no host of that name': { ...wrong('upstreams', 'Device Manager'), found: /ENOTFOUND|EAI_AGAIN/, remedy: /host in DEVICE_MANAGER_URL/, settings: () => ({ DEVICE_MANAGER_URL: 'http://no-such-host.invalid' }) },
  'no Device Manager to erase in, of a User Manager alone': { ...wrong('upstreams', 'Device Manager'), found: /ECONNREFUSED/, remedy: /correct DEVICE_MANAGER_URL/, settings: async () => ({ SERVICES: 'user-manager', DEVICE_MANAGER_URL: await closedPort() }) },
  'another service token than the Device Manager has': { ...wrong('upstreams', 'Device Manager'), found: /refuses the service token/, remedy: /same SERVICE_TOKEN/, settings: () => ({ SERVICE_TOKEN: canary.repeat(2) }), others: true },
  'a running server that does not answer': {
    ...wrong('upstreams', 'running BFF'), found: /ECONNREFUSED/, remedy: /see its log/, undo: () => rmSync(join(dataDir, 'server.json')),
    settings: async () => {
      writeFileSync(join(dataDir, 'server.json'), JSON.stringify({ pid: process.pid, urls: { bff: await closedPort() }, database: { connectionString: vitalgate.database.url } }), { mode: 0o600 });
      return {};
    },
  },
  'an upstream in trouble': { ...wrong('upstreams', 'Device Manager'), found: /answers 503/, remedy: /see its log/, settings: async () => ({ DEVICE_MANAGER_URL: await serve((_request, response) => response.writeHead(503).end(canary)) }) },
  'a server that knows nothing of ours': {
    ...wrong('upstreams', 'Device Manager'), found: /^answers 404$/, remedy: /correct DEVICE_MANAGER_URL, without a redirect/, settings: async () => ({ DEVICE_MANAGER_URL: await serve((_request, response) => response.writeHead(404).end(canary)) }),
  },
  'an upstream that sends elsewhere': {
    ...wrong('upstreams', 'User Manager'), found: /^answers 301$/, remedy: /correct USER_MANAGER_URL, without a redirect/,
    settings: async () => ({ USER_MANAGER_URL: await serve((request, response) => response.writeHead(301, { location: `${vitalgate.urls.userManager}${request.url ?? ''}` }).end()) }),
  },
  'a page for everything in place of an upstream': {
    ...wrong('upstreams', 'Device Manager'), found: /no state/, remedy: /correct DEVICE_MANAGER_URL/, settings: async () => ({ DEVICE_MANAGER_URL: await serve((_request, response) => response.end(`<html>${canary}`)) }),
  },
  'another service of ours than the one meant': { ...wrong('upstreams', 'Device Manager'), found: /answers 404 to our credential/, remedy: /correct DEVICE_MANAGER_URL/, settings: () => ({ DEVICE_MANAGER_URL: vitalgate.urls.userManager }) },
  'an upstream that takes our credential nowhere': {
    ...wrong('upstreams', 'Device Manager'), found: /answers 302 to our credential/, remedy: /without a redirect/,
    settings: async () => ({
      DEVICE_MANAGER_URL: await serve((request, response) => (request.url === '/-/healthz' ? response.end('{"status":"OK","name":"vitalgate-device-manager"}') : response.writeHead(302, { location: '/login' }).end())),
    }),
  },
  'a mail server that is not there': { ...wrong('upstreams', 'mail server'), found: /ESOCKET|ECONNECTION/, remedy: /correct SMTP_URL/, settings: async () => ({ SMTP_URL: (await closedPort()).replace('http', 'smtp') }) },
  'a Therapy and Monitoring Manager that refuses us': {
    ...wrong('upstreams', 'Therapy and Monitoring Manager'), found: /refuses the credential/, remedy: /TMM_SERVICE_TOKEN/,
    settings: () => ((therapyMonitoring.fault = () => 'unauthorized'), {}), undo: () => (therapyMonitoring.fault = () => undefined),
  },
  'an issuer that answers a page': {
    ...wrong('upstreams', 'token issuer'), found: /no set of keys/, remedy: /JSON Web Key Set/, settings: async () => ({ WEBHOOK_JWKS_URL: await serve((_request, response) => response.end('<html>')) }),
  },
  'a clock that is wrong': {
    ...wrong('clock', 'against token issuer'), found: /(2999|300\d) s apart/, remedy: /synchronize/,
    settings: async () => ({ WEBHOOK_JWKS_URL: await serve((_request, response) => response.setHeader('date', new Date(Date.now() - 3_000_000).toUTCString()).end('{"keys":[{}]}')) }),
  },
  'a folder for data that is a file': { ...wrong('disk', 'DATA_DIR'), found: /no folder/, remedy: /DATA_DIR/, settings: () => ({ DATA_DIR: fileOf('') }), others: true },
};

describe('planted faults are found, each with its remedy', () => {
  test.each(Object.entries(planted))('%s', async (_situation, { settings, undo, others, verdict, area, looked, found, remedy }) => {
    const given = await settings();
    try {
      const { code, out, told } = await examine(given);
      const report = JSON.parse(out) as Report;
      const finding = report.findings.find((one) => one.verdict === verdict && one.area === area && one.looked === looked);
      expect([finding?.found, finding?.remedy]).toEqual([expect.stringMatching(found), expect.stringMatching(remedy)]);
      if (others !== true) expect(troubles(report).filter((one) => one !== finding)).toEqual([]);
      expect(code).toBe(report.findings.some((one) => one.verdict === 'wrong') ? 1 : 0);
      const secrets = [canary, vitalgate.serviceToken, readFileSync(join(dataDir, 'master-key'), 'utf8').trim()];
      expect(secrets.filter((secret) => `${out}${told}`.includes(secret))).toEqual([]);
    } finally {
      await undo?.();
    }
  });
});

describe('what cannot be planted on every machine', () => {
  const small = newFolder();
  const mounted = ['unshare', '--map-root-user', '--mount', 'sh', '-c', `mount -t tmpfs -o size=32m none '${small}' && exec "$@"`, 'sh'] as const;
  const canMount = spawnSync(mounted[0], [...mounted.slice(1), 'true']).status === 0;
  (canMount ? test : test.skip)('a file system of 32 MiB (needs a mount namespace)', () => {
    const program = join(import.meta.dirname, '../../src/cli/vitalgate.ts');
    const { status, stdout } = spawnSync(mounted[0], [...mounted.slice(1), process.execPath, program, '--json', 'doctor'], { env: { PATH: process.env['PATH'], SERVICES: 'bff', USER_MANAGER_URL: vitalgate.urls.userManager, DEVICE_MANAGER_URL: vitalgate.urls.deviceManager, SERVICE_TOKEN: vitalgate.serviceToken, DATA_DIR: small }, encoding: 'utf8' });
    expect([status, JSON.parse(stdout)]).toMatchObject([1, { verdict: 'wrong', findings: expect.arrayContaining([expect.objectContaining({ looked: 'DATA_DIR', verdict: 'wrong', found: expect.stringMatching(/^3\d MiB free$/) })]) }]);
  });
});
