import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashOfToken } from '../../src/user-manager/session-token.ts';
import { issueReset } from '../../src/user-manager/storage/password-reset-table.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { eventually } from '../device-manager/client.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { createClient } from '../../src/user-manager/client-tokens.ts';
import { untruth } from './shown-answer.ts';
import { isNode, meantBy, specifications } from './specifications.ts';

interface Sent {
  readonly path?: Record<string, string>;
  readonly query?: string;
  readonly patientId?: string;
  readonly mediaType?: string;
  /** Asked before what the example tells has happened. */
  readonly isPrelude?: boolean;
}

interface Exchange {
  readonly name: string;
  readonly status: number;
}

/** The request examples of an operation by name, as the specification shows them. */
const requestsOf = (operationId: string, mediaType = 'application/json'): { url: string; method: string; template: string; examples: [string, unknown][] } => {
  for (const { service, spec } of specifications) {
    const operation = spec.operations.find(({ id }) => id === operationId);
    if (operation === undefined) continue;
    const item = (spec.document['paths'] as Record<string, Record<string, { requestBody?: unknown }>>)[operation.template];
    const body = item?.[operation.method.toLowerCase()]?.requestBody;
    const content = body === undefined ? {} : meantBy(spec, body)['content'];
    const media = isNode(content) ? (content[mediaType] ?? content['multipart/form-data'] ?? content['application/x-www-form-urlencoded']) : undefined;
    const examples = Object.entries(isNode(media) ? (media['examples'] as object) : {}).map(([name, one]): [string, unknown] => [name, meantBy(spec, one)['value']]);
    return { url: service, method: operation.method, template: operation.template, examples };
  }
  throw new Error(`No specification has ${operationId}.`);
};

/** Every request the specifications show, sent in the order of a story; answers are held to the contract by the services, and to what the specifications show of them here. */
describe('the requests shown in the specifications work', () => {
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let cookie = '';
  let key = '';
  let operatorToken = '';
  const sent = new Set<string>();
  const untruths: string[] = [];
  beforeAll(async () => {
    tmm = await startTherapyMonitoring();
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url });
    ({ key } = await vitalgate.createWebhookKey());
  });
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
  });

  const headersFor = (service: string, patientId: string, operationId: string): Record<string, string> => {
    if (operationId === 'issueClientToken') return {};
    if (/ApiKeys?$|Inbox|registerDevice|HealthDataType|Renormalization|Submissions?$|Jobs?$/.test(operationId)) return { authorization: `Bearer ${operatorToken}` };
    if (service === 'bff') return { cookie };
    return { cookie, authorization: `Bearer ${vitalgate.serviceToken}`, miauserid: patientId, 'x-api-key': key };
  };

  const urlOf = (service: string): string => ({ bff: vitalgate.urls.bff, 'device-manager': vitalgate.urls.deviceManager }[service] ?? vitalgate.urls.userManager);

  /** What an example says of people and tokens becomes what they are in this run. */
  const names = new Map<string, string>();
  const inThisRun = (text: string, patientId: string): string =>
    [...names, ['9c86fda0197f4d0e8780daae45bac2f8', patientId] as const].reduce((changed, [shown, real]) => changed.replaceAll(shown, real), text);

  const bodyOf = (operationId: string, value: unknown, patientId: string, mediaType = 'application/json'): RequestInit => {
    if (value === undefined) return {};
    if (operationId === 'issueClientToken') return { body: new URLSearchParams(JSON.parse(inThisRun(JSON.stringify(value), patientId)) as Record<string, string>) };
    if (operationId !== 'importUsers') return { headers: { 'content-type': mediaType }, body: inThisRun(typeof value === 'string' ? value : JSON.stringify(value), patientId) };
    const form = new FormData();
    for (const [name, text] of Object.entries(value as Record<string, string>)) form.append(name, text);
    return { body: form };
  };

  const send = async (operationId: string, { path = {}, query = '', patientId = '', mediaType, isPrelude = false }: Sent = {}) => {
    const { url, method, template, examples } = requestsOf(operationId, mediaType);
    sent.add(operationId);
    const target = `${urlOf(url)}${template.replaceAll(/\{(\w+)\}/g, (_, name: string) => path[name] ?? '')}${query}`;
    const answers: (Exchange & { body: string; setCookie: string | undefined })[] = [];
    for (const [name, value] of examples.length === 0 ? [['no body', undefined] as const] : examples) {
      const { headers, ...init } = bodyOf(operationId, value, patientId, mediaType);
      const answer = await fetch(target, { method, ...init, headers: { ...headersFor(url, patientId, operationId), ...(headers as Record<string, string>) } });
      const body = await answer.text();
      const untold = isPrelude ? undefined : untruth(operationId, answer.status, answer.headers.get('content-type'), body);
      if (untold !== undefined) untruths.push(untold);
      answers.push({ name, status: answer.status, body, setCookie: answer.headers.getSetCookie()[0]?.split(';')[0] });
    }
    return answers;
  };

  const idIn = (body: string | undefined): string => (JSON.parse(body ?? '{}') as { _id?: string })._id ?? '';
  const refused = (answers: readonly Exchange[]): Exchange[] => answers.filter(({ status }) => status >= 300);

  const staffLooksAtChart = async (patientId: string): Promise<Exchange[]> => {
    const { status } = await fetch(`${vitalgate.urls.deviceManager}/chart-data?normalizedDataType=heart-rate&patientId=${patientId}`, { headers: { authorization: `Bearer ${operatorToken}` } });
    return [{ name: 'chart of staff', status }];
  };

  /** Answers once a job is done, as its example tells. */
  const whenDone = async (operationId: string, sent: Sent, done: string) => {
    await eventually(() => send(operationId, { ...sent, isPrelude: true }), ([answer]) => answer?.body.includes(done) === true);
    return send(operationId, sent);
  };

  /** Archives of the person, once they are ready; the second service answers the one that the first has made. */
  const exported = async (patientId: string) => {
    const [begun] = await send('startExport');
    const path = { _id: idIn(begun?.body), patientId };
    await eventually(() => send('getExport', { path, isPrelude: true }), ([answer]) => answer?.body.includes('"ready"') === true);
    const ofService = { path, patientId };
    return [
      ...(await send('getExport', { path })), ...(await send('downloadExport', { path })), ...(await send('getLatestExport')), ...(await send('startPatientExport', ofService)), ...(await send('listPatientExports', ofService)),
      ...(await send('getPatientExport', ofService)), ...(await send('downloadPatientExport', ofService)), ...(await send('exportUser', { path: { id: patientId } })), ...(await send('listUserAudit', { path: { id: patientId } })),
    ];
  };

  test('from a new user to a chart', async () => {
    const created = await send('createUser');
    expect(refused(created)).toEqual([]);
    const patientId = idIn(created[0]?.body);
    const issued = await send('issueToken');
    expect(refused(issued)).toEqual([]);
    names.set('Yk5tQx8Zr1pT0mV5yKd2Lw7nB4cJ6hS9fGaUeXoRiQs', (JSON.parse(issued[0]?.body ?? '{}') as { refreshToken: string }).refreshToken);
    expect(refused(await send('refreshToken'))).toEqual([]);
    const signedIn = await send('signIn');
    expect(refused(signedIn)).toEqual([]);
    cookie = signedIn[0]?.setCookie ?? '';
    expect(refused([...(await send('listSessions')), ...(await send('listOwnSessions'))])).toEqual([]);
    const operator = await vitalgate.addUser({ userGroup: 'operator' });
    const tokens = await fetch(`${vitalgate.urls.userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: operator.username, password: operator.password }) });
    operatorToken = ((await tokens.json()) as { accessToken: string }).accessToken;

    const enrolled = await send('assignDevice');
    expect(refused(enrolled)).toEqual([]);
    expect(refused(await send('assignDeviceToPatient', { patientId }))).toEqual([]);
    expect(refused([...(await send('listDevices')), ...(await send('findDevices', { patientId }))])).toEqual([]);
    const query = '?type=HeartRate&unit=bpm';
    const uploads = [...(await send('uploadHealthData', { query })), ...(await send('uploadHealthDataInFormat', { query, path: { format: 'standard-json' } }))];
    expect(uploads.map(({ name, body }) => ({ name, ...(JSON.parse(body) as object) }))).toMatchObject([
      { name: 'heart-rates', created: 2, rejected: 0 }, { name: 'mixed-samples', created: 2, rejected: 0 },
      { name: 'heart-rates', duplicates: 2, rejected: 0 }, { name: 'anchored-query', created: 1, rejected: 0, deletions: { unknown: 1 } }, { name: 'mixed-samples', duplicates: 2, rejected: 0 },
    ]);
    for (const format of [undefined, 'json']) {
      const suffix = format === undefined ? '' : 'InFormat';
      const path = { path: { format: format ?? '' } };
      expect(refused(await send(`receiveHealthKit${suffix}`, { query, patientId, ...path }))).toEqual([]);
      expect(refused(await send(`receiveMedisante${suffix}`, path))).toEqual([]);
      for (const mediaType of ['application/fhir+json', 'application/xml', 'text/xml', 'application/fhir+xml']) {
        const answers = await send(`receiveMedisante${suffix}`, { mediaType, path: { format: mediaType.endsWith('xml') ? 'xml' : 'json' } });
        expect([answers.length > 0, refused(answers)]).toEqual([true, []]);
      }
    }

    const cuff = { path: { id: idIn(enrolled[1]?.body) } };
    expect(refused(await send('unassignDevice', cuff))).toEqual([]);
    expect(refused(await send('unassignDeviceFromPatient', { ...cuff, patientId }))).toEqual([]);
    const _id = (JSON.parse(uploads[0]?.body ?? '{}') as { items: { _id: string }[] }).items[0]?._id ?? '';
    const upload = { path: { id: (JSON.parse(uploads[0]?.body ?? '{}') as { uploadId: string }).uploadId } };
    const reading = [
      ...(await send('normalizeHealthData', { path: { _id }, patientId })), ...(await send('getHealthData', { path: { _id }, patientId })),
      ...(await send('listHealthData')), ...(await send('findHealthData', { patientId })), ...(await send('countHealthData', { patientId })), ...(await send('exportHealthData', { patientId })),
      ...(await send('listUploads')), ...(await send('listPatientUploads', { patientId })), ...(await send('listChartedTypes')), ...(await send('listPatientChartedTypes', { patientId })),
      ...(await send('getChartData', { query: '?normalizedDataType=heart-rate&to=2024-07-23T13:50:00Z' })), ...(await send('getPatientChartData', { query: '?normalizedDataType=heart-rate&to=2024-07-23T13:50:00Z', patientId })),
      ...(await send('getUpload', upload)), ...(await send('getUploadProgress', { ...upload, patientId })), ...(await send('getLimits')), ...(await exported(patientId)), ...(await send('deleteHealthData')), ...(await send('findUsers')), ...(await send('getProfile')), ...(await send('getUserInfo')),
      ...(await staffLooksAtChart(patientId)), ...(await send('listOwnAudit')), ...(await send('findAudit', { patientId })), ...(await send('reportRefusal', { patientId })), ...(await send('listRefusedSamples')), ...(await send('listPatientRefusals', { patientId })), ...(await send('signOut')),
    ];
    expect(refused(reading)).toEqual([]);
    const [device] = await send('searchDevices', { patientId });
    const idOf = (answer: { body: string } | undefined) => ({ path: { id: (JSON.parse(answer?.body ?? '{}') as { entry?: { resource: { id: string } }[] }).entry?.[0]?.resource.id ?? '' }, patientId });
    const until = `?date=${encodeURIComponent('le2024-07-23T13:49:00Z')}&code=8867-4&_count=1`;
    const [observation] = await send('searchObservations', { patientId, query: until });
    const resources = [
      ...(await send('readObservation', idOf(observation))), ...(await send('readDevice', idOf(device))), ...(await send('exportPatient', { path: { id: patientId }, patientId })), ...(await send('getCapabilityStatement')),
    ];
    expect(refused(resources)).toEqual([]);
    cookie = (await send('signIn'))[0]?.setCookie ?? '';
    expect(refused(await send('endSession'))).toEqual([]);
    // The link that the examples hold was mailed to the person of this run, once for each service.
    const { token } = requestsOf('resetPassword').examples[0]?.[1] as { token: string };
    for (const [operation, change, list, end] of [
      ['resetPassword', 'changeOwnPassword', 'listSessions', 'endSessionById'], ['setNewPassword', 'changePassword', 'listOwnSessions', 'endOwnSession'],
    ] as const) {
      await issueReset(vitalgate.database.pool, { tokenHash: hashOfToken(token), userId: patientId, minutes: 30 });
      expect(refused(await send(operation))).toEqual([]);
      const { password } = requestsOf(operation).examples[0]?.[1] as { password: string };
      cookie = await vitalgate.signIn({ id: patientId, username: 'anna', password });
      const [changed] = await send(change);
      expect(changed).toMatchObject({ status: 204, setCookie: expect.stringMatching(/^sid=./) });
      cookie = changed?.setCookie ?? '';
      const [listed] = await send(list, { isPrelude: true });
      expect(refused(await send(end, { path: { id: (JSON.parse(listed?.body ?? '[]') as { _id: string }[])[0]?._id ?? '' } }))).toEqual([]);
    }
    expect(refused(await send('endUserSessions', { path: { id: patientId } }))).toEqual([]);
    const page = await send('showPatientPage');
    const loaded = (kind: string) => ({ path: { name: new RegExp(`/pages/${kind}/([^"]+)`).exec(page[0]?.body ?? '')?.[1] ?? '' } });
    expect(refused([...page, ...(await send('getPageScript', loaded('scripts'))), ...(await send('getPageStyle', loaded('styles'))), ...(await send('getPageLicences'))])).toEqual([]);
    expect(refused([ ...(await send('showPasswordReset')), ...(await send('askForPasswordReset')), ...(await send('requestPasswordReset', { patientId }))])).toEqual([]);

    const imported = await send('importUsers');
    const ben = (JSON.parse(imported[0]?.body ?? '{}') as { inserted: string[] }).inserted[0] ?? '';
    names.set('1f6f7c0e9d8b4a53b2c1d0e9f8a7b6c5', ben);
    const jobId = (answers: { body: string }[]) => ({ path: { id: (JSON.parse(answers[0]?.body ?? '{}') as { jobId: string }).jobId } });
    const accounts = [
      ...(await send('createUserWithId')), ...(await send('registerUser')), ...(await send('countUsers')),
      ...(await whenDone('getBulkActivation', jobId(await send('startBulkActivation')), '"completed"')), ...(await whenDone('getBulkPasswordReset', jobId(await send('startBulkPasswordReset', { patientId })), '"completed"')),
      ...(await send('updateUser', { path: { id: patientId } })), ...(await send('changeUserStates', { patientId })), ...(await send('softDeleteUser', { path: { id: patientId } })),
    ];
    expect(refused(accounts)).toEqual([]);

    const { clientId, clientSecret } = await createClient(vitalgate.database.pool, { sender: 'medisante' });
    names.set('vgc_5d1c4f0b', clientId).set('q3Zx8r1pT0mV5yKd2Lw7nB4cJ6hS9fGaUeXoRiQtYkM', clientSecret);
    const [createdKey] = await send('createApiKey');
    expect(refused([...(await send('listApiKeys')), ...(await send('revokeApiKey', { path: { id: idIn(createdKey?.body) } }))])).toEqual([]);
    expect(refused(await send('registerDevice'))).toEqual([]);
    await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': key }, body: JSON.stringify({ metadata: { correlationId: 'waits', measurementType: 'BloodPressure' }, device: { id: 'BodyTrace:BT105:TEST-0003' }, measurements: { systolicBloodPressure: { value: 16400, unit: 'Pa' }, timestamp: '2024-05-27T14:18:24Z' } }) });
    const [entries] = await send('listInbox');
    const waiting = { path: { id: (JSON.parse(entries?.body ?? '[]') as { _id: string; kind: string }[]).find(({ kind }) => kind === 'quarantined')?._id ?? '' } };
    expect(refused([...(await send('readInbox', waiting)), ...(await send('replayInboxEntry', waiting)), ...(await send('replayInbox')), ...(await send('discardInboxEntry', waiting))])).toEqual([]);
    for (const [list, many, retry, discard, task] of [['listJobs', 'retryJobs', 'retryJob', 'discardJob', 'export-patient'], ['listAccountJobs', 'retryAccountJobs', 'retryAccountJob', 'discardAccountJob', 'password-reset-mail']] as const) {
      // Given up, and about nobody: a job of that name that runs again ends at once or fails again.
      await vitalgate.database.pool.query(`select graphile_worker.add_job($1, '{}', run_at => now() + interval '1 hour', max_attempts => 1)`, [task]);
      await vitalgate.database.pool.query('update graphile_worker._private_jobs set attempts = max_attempts where task_id = (select id from graphile_worker._private_tasks where identifier = $1)', [task]);
      // What they failed of is another story than the one shown, of a mail server that nobody listens at.
      const listed = () => send(list, { isPrelude: true });
      const job = { path: { id: idIn(JSON.stringify((JSON.parse((await listed())[0]?.body ?? '[]') as object[])[0])) } };
      expect(refused([...(await send(many)), ...(await send(retry, job))])).toEqual([]);
      await eventually(listed, ([answer]) => answer?.body.includes(task) === true);
      expect(refused(await send(discard, job))).toEqual([]);
    }
    const type = { path: { identifier: 'hospital-monitor' } };
    const typed = [
      ...(await send('createHealthDataType')), ...(await send('listHealthDataTypes')), ...(await send('changeHealthDataType', { ...type, query: '?version=1001' })),
      ...(await send('retireHealthDataType', { ...type, query: '?version=1002' })), ...(await send('getHealthDataType', type)),
    ];
    const run = await send('startRenormalization');
    expect(refused([...typed, ...run, ...(await whenDone('getRenormalization', { path: { _id: idIn(run[0]?.body) } }, '"done"'))])).toEqual([]);
    const prototypes = await send('listPrototypes');
    tmm.readPrototypes(JSON.parse(prototypes[0]?.body ?? '[]') as PrototypeSchema[]);
    tmm.addPlan({ _id: 'plan', planName: 'Pulse', prototypeId: 'heart-rate', patientId, doctorId: 'd', startDate: '2000-01-01' });
    tmm.fault = ({ method }) => (method === 'POST' ? 'value-refusal' : undefined);
    expect((await send('submitDetections', { path: { _id }, patientId })).map(({ status }) => status)).toEqual([409]);
    const [parked] = await send('listSubmissions');
    const submission = { path: { _id: (JSON.parse(parked?.body ?? '[]') as { _id: string }[])[0]?._id ?? '' } };
    tmm.fault = () => undefined;
    expect(refused([...prototypes, ...(await send('replaySubmission', submission)), ...(await send('replaySubmissions')), ...(await send('submitDetections', { path: { _id }, patientId }))])).toEqual([]);
    expect(refused(await send('getDetectionChartData', { query: `?filters=${encodeURIComponent('[{"property":"planId","operator":"equal","value":"plan"}]')}`, patientId }))).toEqual([]);
    expect(refused(await send('deleteHealthKitSamples', { patientId }))).toEqual([]);
    const erased = { path: { patientId }, patientId };
    const leaving = await vitalgate.addUser();
    expect(refused([...(await send('deleteUser', { path: { id: leaving.id } })), ...(await send('eraseUser', { path: { id: patientId } })), ...(await send('erasePatient', erased)), ...(await whenDone('getErasure', erased, '"done"'))])).toEqual([]);
    expect(refused([...(await send('issueClientToken')), ...(await send('getSigningKeys'))])).toEqual([]);
    const operations = specifications.flatMap(({ spec }) => spec.operations.filter(({ platform }) => !platform).map(({ id }) => id));
    expect(operations.filter((id) => !sent.has(id))).toEqual([]);
    expect(untruths).toEqual([]);
  });
});
