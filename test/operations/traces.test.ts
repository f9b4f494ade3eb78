import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import { traceSettingsIn } from '../../src/tracing/trace-settings.ts';
import { createPasswords } from '../../src/user-manager/password.ts';
import { register } from '../../src/user-manager/registration.ts';
import { startTraceReceiver, type ReceivedSpan, type TraceReceiver } from '../players/trace-receiver.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'vitalgate-traces-'));

interface Program {
  readonly urls: Readonly<Record<'bff' | 'deviceManager' | 'userManager', string>>;
  readonly logged: () => string;
  readonly end: () => Promise<void>;
}

/** The program as it is started for real, and told to end. */
const start = async (database: TestDatabase, environment: Readonly<Record<string, string>>): Promise<Program> => {
  const settings = { BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', DATABASE_URL: database.url, DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'warn' };
  const child: ChildProcess = spawn(process.execPath, [join(root, 'src/main.ts')], { env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...settings, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [told, logged] = ['', ''];
  child.stdout?.on('data', (text: Buffer) => (logged += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (told += text.toString()));
  const ended = once(child, 'exit');
  for (let tries = 0; tries < 1200 && !told.includes('Data lies in') && child.exitCode === null; tries += 1) await sleep(50);
  const urlOf = (name: string): string => new RegExp(`^${name} +(http\\S+)`, 'm').exec(told)?.[1] ?? '';
  return {
    urls: { bff: urlOf('BFF'), deviceManager: urlOf('Device Manager'), userManager: urlOf('User Manager') },
    logged: () => logged,
    end: async () => {
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    },
  };
};

const canary = `canary-${randomBytes(8).toString('hex')}`;
const uuid = 'B9480B59-3A05-416C-97CF-E0DE431ADCB5';
const password = randomBytes(18).toString('base64url');
const callersTrace = '4bf92f3577b34da6a3ce929d0e0e4736';

let database: TestDatabase;
let receiver: TraceReceiver;
const secrets: string[] = [canary, uuid, uuid.toLowerCase(), '71.4242', 'HeartRate'];

const useIt = async ({ bff, deviceManager }: Program['urls']): Promise<void> => {
  const outcome = await register(database.pool, await createPasswords(), { username: canary, email: `${canary}@example.org`, password, userGroup: 'patient', creatorId: 'test' });
  if (!('_id' in outcome)) throw new Error('the user was refused');
  const json = { 'content-type': 'application/json', 'x-request-id': canary, 'user-agent': canary };
  const signedIn = await fetch(`${bff}/oauth/token`, { method: 'POST', headers: json, body: JSON.stringify({ username: canary, password }) });
  const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const headers = { ...json, cookie };
  await fetch(`${bff}/devices/assign`, { method: 'POST', headers, body: JSON.stringify({ deviceId: canary, deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: canary }) });
  const items = JSON.stringify([{ id: uuid, value: 71.4242, startDate: '2024-07-23T15:44:05.993+0200', endDate: '2024-07-23T15:44:05.993+0200' }]);
  const uploaded = await fetch(`${bff}/health-data?type=HeartRate&unit=bpm&deviceId=${canary}`, { method: 'POST', headers: { ...headers, traceparent: `00-${callersTrace}-00f067aa0ba902b7-01` }, body: items });
  expect(uploaded.status).toBe(200);
  for (const path of [`/uploads/${canary}`, `/${canary}?${canary}=${canary}`, '/chart-data?normalizedDataType=heart-rate']) await fetch(`${bff}${path}`, { headers });
  await fetch(`${bff}/reset-password`, { method: 'POST', headers: json, body: JSON.stringify({ email: `${canary}@example.org` }) });
  const { key } = await createApiKey(database.pool, { sender: 'medisante' });
  await fetch(`${deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'x-api-key': key, 'x-forwarded-proto': 'https', 'content-type': 'application/json' }, body: readFileSync(join(root, 'test/fixtures/medisante/captured/glucose-bg800-pryv.json')) });
  await fetch(`${deviceManager}/-/ready`);
  secrets.push(outcome._id, password, cookie.split('=')[1] ?? '', key, '90-TEST-01');
  const jobs = async () => (await database.pool.query<{ left: number }>('select count(*)::int as left from graphile_worker.jobs where attempts = 0')).rows[0]?.left;
  for (let tries = 0; tries < 600 && (await jobs()) !== 0; tries += 1) await sleep(50);
};

beforeAll(async () => {
  [database, receiver] = await Promise.all([createTestDatabase(), startTraceReceiver()]);
  const program = await start(database, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test', TRUSTED_PROXIES: '127.0.0.1' });
  await useIt(program.urls);
  await program.end();
});
afterAll(async () => {
  await receiver.stop();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

const spanNamed = (service: string, name: string): ReceivedSpan => {
  const found = receiver.spans.find((one) => one.service === service && one.name === name);
  if (found === undefined) throw new Error(`no ${name} of ${service} among ${receiver.spans.map((one) => `${one.service} ${one.name}`).join(', ')}`);
  return found;
};
const parentOf = ({ parentId }: ReceivedSpan): ReceivedSpan | undefined => receiver.spans.find(({ spanId }) => spanId === parentId);

describe('traces', () => {
  test('go where the standard variables say, all of them before the program ends', () => {
    expect(new Set(receiver.asked)).toEqual(new Set(['/v1/traces application/x-protobuf']));
    expect([...new Set(receiver.spans.map(({ service }) => service))].toSorted()).toEqual(['vitalgate-bff', 'vitalgate-device-manager', 'vitalgate-user-manager']);
  });

  test('one upload is one trace: the BFF, the Device Manager, its statements', () => {
    const upload = spanNamed('vitalgate-bff', 'POST /health-data');
    expect(upload).toMatchObject({ traceId: callersTrace, parentId: '00f067aa0ba902b7', attributes: { 'http.response.status_code': 200, 'vitalgate.operation': 'uploadHealthData' } });
    const forwarded = spanNamed('vitalgate-device-manager', 'POST /health-data/healthkit/{format}');
    const asking = parentOf(forwarded);
    expect([asking?.service, asking?.name, asking?.parentId]).toEqual(['vitalgate-bff', 'POST /health-data/healthkit/{format}', upload.spanId]);
    const inTrace = receiver.spans.filter(({ traceId }) => traceId === callersTrace);
    const names = inTrace.map(({ service, name }) => `${service} ${name}`).join('\n');
    for (const name of ['BEGIN', 'COMMIT', 'INSERT device_manager.payload', 'INSERT device_manager.audit_event']) expect(names).toContain(`vitalgate-device-manager ${name}`);
    expect(inTrace.filter((span) => span !== upload && parentOf(span) === undefined)).toEqual([]);
    const statements = inTrace.filter(({ name }) => name.startsWith('INSERT device_manager.'));
    expect(statements.every(({ parentId }) => parentId === forwarded.spanId)).toBe(true);
  });

  test('the question who somebody is belongs to the request that asked it', () => {
    const asking = parentOf(spanNamed('vitalgate-user-manager', 'GET /userinfo'));
    expect([asking?.service, asking?.name, asking && parentOf(asking)?.service]).toEqual(['vitalgate-bff', 'GET /userinfo', 'vitalgate-bff']);
  });

  test('a job is a trace of its own, with its statements', () => {
    const job = spanNamed('vitalgate-device-manager', 'job normalize');
    expect(job).toMatchObject({ parentId: '', attributes: { 'vitalgate.job.task': 'normalize', 'vitalgate.job.attempt': 1 } });
    expect(receiver.spans.filter(({ parentId }) => parentId === job.spanId).length).toBeGreaterThan(3);
  });

  test('what is asked all the time has none: pages of the platform, and looking for jobs', () => {
    expect(receiver.spans.filter(({ name }) => name.includes('/-/'))).toEqual([]);
    const roots = new Set(receiver.spans.filter(({ parentId }) => parentId === '').map(({ name }) => name.split(' ')[0]));
    expect([...roots].filter((word) => !['GET', 'POST', 'job'].includes(word ?? ''))).toEqual([]);
  });

  test('nothing of a person, a device, a value, a credential, a query or a path that was sent is in what arrived', () => {
    const bytes = receiver.bytes();
    expect(bytes.length).toBeGreaterThan(10_000);
    expect(bytes.includes('uploadHealthData')).toBe(true); // the search finds what is there
    expect(secrets.filter((secret) => secret === '' || bytes.includes(secret))).toEqual([]);
    const members = new Set(receiver.spans.flatMap(({ attributes }) => Object.keys(attributes)));
    expect([...members].toSorted()).toEqual([
      'db.collection.name', 'db.operation.name', 'db.system.name', 'http.request.method', 'http.response.status_code', 'http.route', 'server.address', 'server.port', 'url.template',
      'vitalgate.job.attempt', 'vitalgate.job.task', 'vitalgate.operation',
    ]);
  });
});

test('a receiver that is not there hinders neither requests nor the end, and is told in the log', async () => {
  const program = await start(database, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '1000', OTEL_BSP_SCHEDULE_DELAY: '50' });
  expect((await fetch(`${program.urls.bff}/limits`)).status).toBe(200);
  await program.end();
  expect(program.logged()).toContain('"msg":"traces were not sent"');
});

describe('whether there are traces', () => {
  /** The files that a program loaded from its start to its end, as V8 counts them. */
  const loadedWith = async (environment: Readonly<Record<string, string>>): Promise<string[]> => {
    const coverage = mkdtempSync(join(folder, 'coverage-'));
    const program = await start(database, { ...environment, NODE_V8_COVERAGE: coverage });
    await program.end();
    return readdirSync(coverage).flatMap((name) => (JSON.parse(readFileSync(join(coverage, name), 'utf8')) as { result: { url: string }[] }).result.map(({ url }) => url));
  };

  test('without an endpoint no package is loaded; with one they are', async () => {
    const without = await loadedWith({});
    expect(without.length).toBeGreaterThan(300);
    // prom-client loads the bare interface by itself, with traces or without.
    expect(without.filter((url) => url.includes('open-telemetry') || (url.includes('@opentelemetry/') && !url.includes('@opentelemetry/api/')))).toEqual([]);
    expect((await loadedWith({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces` })).filter((url) => url.includes('@opentelemetry/sdk-trace')).length).toBeGreaterThan(0);
  });

  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
  test.each<[string, Readonly<Record<string, string>>, object | undefined, number]>([
    ['nothing given', {}, undefined, 0],
    ['an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, undefined, 0],
    ['an endpoint', endpoint, { sampler: 'parentbased_always_on', ratio: 1, everyMs: 5000, serviceName: undefined }, 0],
    ['an endpoint for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, {}, 0],
    ['switched off', { ...endpoint, OTEL_SDK_DISABLED: 'true' }, undefined, 0],
    ['no exporter of traces', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, undefined, 0],
    ['one in ten', { ...endpoint, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' }, { sampler: 'parentbased_traceidratio', ratio: 0.1 }, 0],
    ['a share that is none', { ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' }, { ratio: 1 }, 1],
    ['a share with a comma', { ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0,05' }, { ratio: 1 }, 1],
    ['a share of a hundred', { ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '5%' }, { ratio: 1 }, 1],
    ['an endpoint without a scheme', { OTEL_EXPORTER_OTLP_ENDPOINT: '10.0.0.5:4318' }, undefined, 1],
    ['a name and a port', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, undefined, 1],
    ['an endpoint of another scheme', { OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://10.0.0.5:4317' }, undefined, 1],
    ['an endpoint for traces without a scheme', { ...endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '10.0.0.5:4318' }, undefined, 1],
    ['an endpoint for traces, and another one without a scheme', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://10.0.0.5', OTEL_EXPORTER_OTLP_ENDPOINT: '10.0.0.5:4317' }, {}, 0],
    ['switched off, without a scheme', { OTEL_EXPORTER_OTLP_ENDPOINT: '10.0.0.5:4318', OTEL_SDK_DISABLED: 'true' }, undefined, 0],
    ['a certificate', { ...endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE: import.meta.filename }, {}, 0],
    ['a certificate that is not there', { ...endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, 'missing.pem') }, {}, 1],
    ['a key for traces that is not there, in place of one', { ...endpoint, OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: join(folder, 'missing.pem'), OTEL_EXPORTER_OTLP_CLIENT_KEY: import.meta.filename }, {}, 1],
    ['a sampler that is none', { ...endpoint, OTEL_TRACES_SAMPLER: 'jaeger_remote' }, { sampler: 'parentbased_always_on' }, 1],
    ['another protocol', { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, {}, 1],
    ['names', { ...endpoint, OTEL_SERVICE_NAME: 'ours', OTEL_RESOURCE_ATTRIBUTES: 'a=b,c=d%20e,f,g=%' }, { serviceName: 'ours', resource: { a: 'b', c: 'd e', g: '%' } }, 0],
    ['a name among what else is said', { ...endpoint, OTEL_RESOURCE_ATTRIBUTES: 'service.name=ours' }, { serviceName: 'ours' }, 0],
    ['a name in both places', { ...endpoint, OTEL_SERVICE_NAME: 'ours', OTEL_RESOURCE_ATTRIBUTES: 'service.name=theirs' }, { serviceName: 'ours' }, 0],
  ])('%s', (_situation, environment, settings, notices) => {
    const found = traceSettingsIn(environment);
    if (settings === undefined) expect(found.settings).toBeUndefined();
    else expect(found.settings).toMatchObject(settings);
    expect(found.notices.length).toBe(notices);
  });
});
