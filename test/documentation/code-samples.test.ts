import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from '../../src/client/client.ts';
import { codeSamplesOf } from '../../src/http/code-samples.ts';
import { sampleRequests } from '../../src/http/sample-request.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { createClient as createSender } from '../../src/user-manager/client-tokens.ts';
import { addJob } from '../../src/jobs/runner.ts';
import { hashOfToken } from '../../src/user-manager/session-token.ts';
import { issueReset } from '../../src/user-manager/storage/password-reset-table.ts';
import { specifications } from '../contract/specifications.ts';
import { eventually } from '../device-manager/client.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

const run = promisify(execFile);

const samples = specifications.flatMap(({ service, spec }) =>
  sampleRequests(spec).flatMap((request) => codeSamplesOf(request, service === 'bff').map((sample) => ({ service, id: request.operation.id, ...sample }))));
const sourceOf = (id: string, lang: string): string => {
  const sample = samples.find((one) => one.id === id && one.lang === lang);
  if (sample === undefined) throw new Error(`${id} has no sample in ${lang}.`);
  return sample.source;
};

/** The identifier that the path of an operation has in its examples: the last of them. */
const idsIn = (id: string): string => {
  const request = specifications.flatMap(({ spec }) => sampleRequests(spec)).find(({ operation }) => operation.id === id);
  return String(Object.values(request?.path ?? {}).at(-1));
};

/** What an answer holds, as far as the story needs it. */
interface Answer {
  readonly _id?: string;
  readonly uploadId?: string;
  readonly jobId?: string;
  readonly state?: string;
  readonly refreshToken?: string;
  readonly items?: readonly { readonly _id?: string }[];
  readonly inserted?: readonly string[];
  readonly entry?: readonly { readonly resource: { readonly id: string } }[];
}
type Run = (id: string) => Promise<Answer>;

const token = '3kP0v6ZyqXw1Tn8RbL5uJd2GsHcE7aMf9iQoVxYtWmN';
/** The identifiers that the examples have, by what they name. */
const shown = {
  patient: '9c86fda0197f4d0e8780daae45bac2f8', cuff: '7a1d3c5e9b2f4860a4c8e6d0b1f2a3c4', sample: '0d5c29f0a1b24c3d9e8f7a6b5c4d3e2f', upload: '5b1f4e2d3c4b4a59a8b7c6d5e4f3a2b1', session: '5b1f0c7e9d8b4a53b2c1d0e9f8a7b6c5',
} as const;

describe('the code samples of the documentation, word for word but for addresses and identifiers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-samples-'));
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let patientId = '';
  const ran = new Set<string>();
  const names = new Map<string, string>();
  const environment: Record<string, string> = {};
  // One identifier may begin with another.
  const inThisRun = (source: string): string => [...names].toSorted(([a], [b]) => b.length - a.length).reduce((text, [example, real]) => text.replaceAll(example, real), source);

  beforeAll(async () => {
    tmm = await startTherapyMonitoring();
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url });
    const { bff, deviceManager, userManager } = vitalgate.urls;
    names.set('http://127.0.0.1:3000', bff).set('http://127.0.0.1:3001', deviceManager).set('http://127.0.0.1:3002', userManager);
    const operator = await vitalgate.addUser({ userGroup: 'operator' });
    const tokens = await fetch(`${userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: operator.username, password: operator.password }) });
    Object.assign(environment, {
      PATH: process.env['PATH'], SERVICE_TOKEN: vitalgate.serviceToken, SENDER_KEY: (await vitalgate.createWebhookKey()).key, OPERATOR_TOKEN: ((await tokens.json()) as { accessToken: string }).accessToken,
    });
  });
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const curl: Run = async (id) => {
    ran.add(`${id} Shell`);
    const { stdout } = await run('sh', ['-euc', `${inThisRun(sourceOf(id, 'Shell')).trim()} -w '\\n%{http_code}'`], { cwd: folder, env: environment, maxBuffer: 64 * 1024 * 1024 });
    const [text, status] = [stdout.slice(0, stdout.lastIndexOf('\n')), Number(stdout.slice(stdout.lastIndexOf('\n') + 1))];
    if (!(status >= 200 && status < 300)) throw new Error(`${id} answered ${String(status)}: ${text}`);
    return /^[[{]/.test(text) && !text.trim().includes('\n{') ? (JSON.parse(text) as Answer) : {};
  };

  let client: ReturnType<typeof createClient>;
  const typeScript: Run = async (id) => {
    ran.add(`${id} TypeScript`);
    const source = inThisRun(sourceOf(id, 'TypeScript')).replace("import { createClient } from 'vitalgate/client';", '');
    const AsyncFunction = (async () => { await Promise.resolve(); }).constructor as new (...words: string[]) => (one: unknown, create: typeof createClient, quiet: unknown) => Promise<{ data?: Answer; error?: { code: string }; client: typeof client }>;
    // A sample that signs in makes the client, every other one uses it; both know what it declares.
    const declared = ['data', 'error'].map((name) => `${name}: typeof ${name} === 'undefined' ? undefined : ${name}`).join();
    const outcome = await new AsyncFunction(id === 'signIn' ? '_' : 'client', 'createClient', 'console', `${source}; return { client, ${declared} };`)(client, createClient, { warn: () => undefined });
    ({ client } = outcome);
    if (outcome.error) throw new Error(`${id} answered ${outcome.error.code}`);
    return outcome.data ?? {};
  };

  const link = () => issueReset(vitalgate.database.pool, { tokenHash: hashOfToken(token), userId: patientId, minutes: 30 });

  /** What an app does, from a new person to the password reset and back. */
  const story = async (call: Run): Promise<void> => {
    await call('signIn');
    for (const id of ['getProfile', 'getLimits', 'assignDevice', 'listDevices']) await call(id);
    const { uploadId, items } = await call('uploadHealthData');
    names.set(shown.upload, uploadId ?? '').set(shown.sample, items?.[0]?._id ?? '');
    const page = await (await fetch(vitalgate.urls.bff)).text();
    for (const kind of ['js', 'css']) names.set(kind === 'js' ? 'patient-0d5c29f0a1b24c3d.js' : 'pages-0d5c29f0a1b24c3d.css', new RegExp(`[a-z-]+-[0-9a-f]{16}\\.${kind}`).exec(page)?.[0] ?? '');
    for (const id of ['showPatientPage', 'getPageScript', 'getPageStyle', 'getPageLicences', 'listUploads', 'listRefusedSamples', 'listChartedTypes']) await call(id);
    for (const id of ['uploadHealthDataInFormat', 'getUpload', 'listHealthData', 'getChartData', 'deleteHealthData', 'listOwnAudit']) await call(id);
    const { _id } = await call('startExport');
    names.set('5c3e1f7a9b2d4860a4c8e6d0b1f2a3c4', _id ?? '').set('2f86fda0197f4d0e8780daae45bac2f8', _id ?? '');
    await eventually(() => call('getExport'), ({ state }) => state === 'ready');
    for (const id of ['downloadExport', 'getLatestExport', 'unassignDevice', 'showPasswordReset', 'askForPasswordReset']) await call(id);
    // A link that a job mails meanwhile replaces ours.
    await eventually(async () => {
      await link();
      return call('setNewPassword').then(() => '', String);
    }, (refusal) => refusal === '');
    names.set('correct horse battery staple', 'a new horse in the old stable');
    await call('signIn');
    await call('changePassword');
    names.set('correct horse battery staple', 'five oars and a paper boat');
    const [session] = (await call('listOwnSessions')) as unknown as Answer[];
    names.set(shown.session, session?._id ?? '');
    await call('endOwnSession');
    await call('signIn');
    await call('signOut');
  };

  test('an app of our client and one of curl go through the whole of the BFF', async () => {
    const { _id = '' } = await curl('createUser');
    patientId = _id;
    names.set(shown.patient, patientId);
    const cuff = await fetch(`${vitalgate.urls.deviceManager}/devices/assign`, {
      method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${vitalgate.serviceToken}`, miauserid: patientId },
      body: JSON.stringify({ deviceId: 'BodyTrace:BT105:TEST-0002', deviceType: 'Medical', deviceProvider: 'medisante', assignedFrom: '2024-05-01T00:00:00Z' }),
    });
    names.set(shown.cuff, ((await cuff.json()) as { _id: string })._id);
    await story(curl);
    await story(typeScript);
    const missing = samples.filter(({ service, lang }) => service === 'bff' && lang !== 'Swift').map(({ id, lang }) => `${id} ${lang}`).filter((name) => !ran.has(name));
    expect(missing).toEqual([]);
  });

  const first = async (id: string): Promise<string> => ((await curl(id)) as unknown as Answer[])[0]?._id ?? '';
  const all = async (...ids: readonly string[]): Promise<void> => {
    for (const id of ids) await curl(id);
  };
  const named = (example: string, real: string | undefined): void => void names.set(example, real ?? '');

  /** A job for later, which has not begun. */
  const jobThatWaits = async (task: string, payload: Readonly<Record<string, string>>): Promise<string> => {
    await addJob(vitalgate.database.pool, { task, payload, key: `of-a-sample:${task}`, runAt: new Date(Date.now() + 86_400_000) });
    const { rows } = await vitalgate.database.pool.query<{ id: string }>('select id::text from graphile_worker.jobs where key = $1', [`of-a-sample:${task}`]);
    return rows[0]?.id ?? '';
  };

  test('a service, an operator and a sender go through the whole of the Device Manager', async () => {
    named(shown.sample, (await curl('receiveHealthKit') as unknown as Answer[])[0]?._id);
    await all('assignDeviceToPatient', 'findDevices', 'receiveHealthKitInFormat', 'receiveMedisante', 'receiveMedisanteInFormat', 'normalizeHealthData', 'getHealthData', 'findHealthData', 'countHealthData', 'exportHealthData');
    await all('listPatientUploads', 'listPatientRefusals', 'listPatientChartedTypes', 'getUploadProgress', 'getPatientChartData', 'findAudit', 'reportRefusal', 'getCapabilityStatement', 'unassignDeviceFromPatient');
    tmm.readPrototypes((await curl('listPrototypes')) as unknown as PrototypeSchema[]);
    tmm.addPlan({ _id: '668253dd1f4092358e249610', planName: 'Pulse', prototypeId: 'heart-rate', patientId, doctorId: 'd', startDate: '2000-01-01' });
    tmm.fault = ({ method }) => (method === 'POST' ? 'value-refusal' : undefined);
    await expect(curl('submitDetections')).rejects.toThrow('answered 409');
    named(idsIn('replaySubmission'), await first('listSubmissions'));
    tmm.fault = () => undefined;
    await all('replaySubmission', 'replaySubmissions', 'submitDetections', 'getDetectionChartData');
    for (const [search, read] of [['searchObservations', 'readObservation'], ['searchDevices', 'readDevice']] as const) {
      named(idsIn(read), (await curl(search)).entry?.[0]?.resource.id);
      await curl(read);
    }
    await all('exportPatient', 'deleteHealthKitSamples');
    await all('createHealthDataType', 'listHealthDataTypes', 'getHealthDataType', 'changeHealthDataType');
    names.set('version=1001', 'version=1002');
    await curl('retireHealthDataType');
    named(idsIn('getRenormalization'), (await curl('startRenormalization'))._id);
    await all('getRenormalization', 'registerDevice', 'listApiKeys');
    named(idsIn('revokeApiKey'), (await curl('createApiKey'))._id);
    await curl('revokeApiKey');
    await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': environment['SENDER_KEY'] ?? '' }, body: JSON.stringify({ metadata: { correlationId: 'waits' }, device: { id: 'nobodys' }, measurements: { timestamp: '2024-05-27T14:18:24Z' } }) });
    named(idsIn('readInbox'), await first('listInbox'));
    await all('readInbox', 'replayInboxEntry', 'replayInbox', 'discardInboxEntry');
    named(idsIn('getPatientExport'), (await curl('startPatientExport'))._id);
    await eventually(() => curl('getPatientExport'), ({ state }) => state === 'ready');
    await all('downloadPatientExport', 'listPatientExports', 'listJobs', 'retryJobs');
    named(idsIn('retryJob'), await jobThatWaits('submit-detections', { patientId }));
    await curl('retryJob');
    named(idsIn('discardJob'), await jobThatWaits('release-quarantine', { device: patientId }));
    await curl('discardJob');
  });

  test('a service, an operator and a client go through the whole of the User Manager', async () => {
    names.delete('correct horse battery staple');
    await link();
    await curl('resetPassword');
    names.set('correct horse battery staple', 'a new horse in the old stable');
    named('Yk5tQx8Zr1pT0mV5yKd2Lw7nB4cJ6hS9fGaUeXoRiQs', (await curl('issueToken')).refreshToken);
    await all('refreshToken', 'signIn', 'getUserInfo', 'changeOwnPassword');
    named(shown.session, await first('listSessions'));
    await curl('endSessionById');
    names.set('correct horse battery staple', 'five oars and a paper boat');
    await all('signIn', 'endSession', 'requestPasswordReset', 'findUsers', 'countUsers', 'createUserWithId');
    named('1f6f7c0e9d8b4a53b2c1d0e9f8a7b6c5', (await curl('importUsers')).inserted?.[0]);
    await curl('registerUser');
    named(idsIn('getBulkActivation'), (await curl('startBulkActivation')).jobId);
    await curl('getBulkActivation');
    named(idsIn('getBulkPasswordReset'), (await curl('startBulkPasswordReset')).jobId);
    await all('getBulkPasswordReset', 'updateUser', 'endUserSessions', 'changeUserStates', 'exportUser', 'listUserAudit', 'softDeleteUser');
    const { clientId, clientSecret } = await createSender(vitalgate.database.pool, { sender: 'medisante' });
    names.set('vgc_5d1c4f0b', clientId).set('q3Zx8r1pT0mV5yKd2Lw7nB4cJ6hS9fGaUeXoRiQtYkM', clientSecret);
    await all('issueClientToken', 'getSigningKeys', 'listAccountJobs', 'retryAccountJobs');
    named(idsIn('retryAccountJob'), await jobThatWaits('bulk-activation', { jobId: patientId }));
    await curl('retryAccountJob');
    named(idsIn('discardAccountJob'), await jobThatWaits('bulk-change-password', { jobId: patientId }));
    await curl('discardAccountJob');
  });

  test('what is left erases the patient, and then each sample has been run', async () => {
    await curl('erasePatient');
    await eventually(() => curl('getErasure'), ({ state }) => state === 'done');
    await curl('eraseUser');
    named(shown.patient, (await vitalgate.addUser()).id);
    await curl('deleteUser');
    expect(samples.filter(({ lang }) => lang !== 'Swift').map(({ id, lang }) => `${id} ${lang}`).filter((name) => !ran.has(name))).toEqual([]);
  });
});

/** Kinds of delimiters that a text leaves open or closes too often, outside of its strings. */
const unbalanced = (source: string): string[] => {
  const bare = source.replace(/#"""\n[\s\S]*?\n"""#/g, '').replace(/"(?:[^"\\\n]|\\.)*"/g, '').replace(/\/\/.*$/gm, '');
  const open: string[] = [];
  const faults: string[] = bare.includes('"') ? ['"'] : [];
  for (const [one] of bare.matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(one)) open.push(one);
    else if (open.pop() !== { ')': '(', ']': '[', '}': '{' }[one]) faults.push(one);
  }
  return [...faults, ...open];
};

describe('the samples in Swift', () => {
  const swift = samples.filter(({ lang }) => lang === 'Swift');

  test('are well formed, and their bodies are what the examples say', () => {
    expect(swift.length).toBeGreaterThan(80);
    expect(swift.filter(({ source }) => unbalanced(source).length > 0).map(({ id }) => id)).toEqual([]);
    const bodies = swift.map(({ id, source }) => ({ id, body: /#"""\n([\s\S]*?)\n"""#/.exec(source)?.[1] })).filter(({ body }) => body !== undefined);
    const requests = new Map(specifications.flatMap(({ spec }) => sampleRequests(spec)).map((request) => [request.operation.id, request]));
    for (const { id, body } of bodies) {
      const shown = requests.get(id)?.body;
      if (shown?.kind === 'json') expect({ id, body: JSON.parse(body ?? '') as unknown }).toEqual({ id, body: shown.value });
    }
    for (const lost of ['Data(#"""\n{', 'URL(string: "http', 'func (', '"unclosed']) expect(unbalanced(lost)).not.toEqual([]);
  });

  test.each([
    ['a reading with a cookie', 'getChartData', `var request = URLRequest(url: URL(string: "http://127.0.0.1:3000/chart-data?normalizedDataType=heart-rate")!)
// URLSession keeps the cookie of signIn, and sends it.
let (data, response) = try await URLSession.shared.data(for: request)
let status = (response as? HTTPURLResponse)?.statusCode
`],
    ['a body without an answer', 'unassignDevice', `var request = URLRequest(url: URL(string: "http://127.0.0.1:3000/devices/7a1d3c5e9b2f4860a4c8e6d0b1f2a3c4/unassign")!)
request.httpMethod = "POST"
request.setValue("application/json", forHTTPHeaderField: "Content-Type")
request.httpBody = Data(#"""
{ "assignedUntil": "2024-07-22T12:00:00Z" }
"""#.utf8)
// URLSession keeps the cookie of signIn, and sends it.
let (_, response) = try await URLSession.shared.data(for: request)
let status = (response as? HTTPURLResponse)?.statusCode
`],
    ['a bearer and a patient', 'exportPatient', `var request = URLRequest(url: URL(string: "http://127.0.0.1:3001/fhir/Patient/9c86fda0197f4d0e8780daae45bac2f8/$everything")!)
request.setValue("Bearer \\(serviceToken)", forHTTPHeaderField: "Authorization")
request.setValue("9c86fda0197f4d0e8780daae45bac2f8", forHTTPHeaderField: "miauserid")
let (data, response) = try await URLSession.shared.data(for: request)
let status = (response as? HTTPURLResponse)?.statusCode
`],
  ])('write %s as an app would', (_situation, id, source) => {
    expect(sourceOf(id, 'Swift')).toBe(source);
  });
});
