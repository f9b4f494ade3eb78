import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashOfToken } from '../../src/user-manager/session-token.ts';
import { issueReset } from '../../src/user-manager/storage/password-reset-table.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { isNode, meantBy, specifications } from './specifications.ts';

interface Exchange {
  readonly name: string;
  readonly status: number;
}

/** The request examples of an operation by name, as the specification shows them. */
const requestsOf = (operationId: string): { url: string; method: string; template: string; examples: [string, unknown][] } => {
  for (const { service, spec } of specifications) {
    const operation = spec.operations.find(({ id }) => id === operationId);
    if (operation === undefined) continue;
    const item = (spec.document['paths'] as Record<string, Record<string, { requestBody?: unknown }>>)[operation.template];
    const body = item?.[operation.method.toLowerCase()]?.requestBody;
    const content = body === undefined ? {} : meantBy(spec, body)['content'];
    const media = isNode(content) ? content['application/json'] : undefined;
    const examples = Object.entries(isNode(media) ? (media['examples'] as object) : {}).map(([name, one]): [string, unknown] => [name, meantBy(spec, one)['value']]);
    return { url: service, method: operation.method, template: operation.template, examples };
  }
  throw new Error(`No specification has ${operationId}.`);
};

/** Every request the specifications show, sent in the order of a story; the answers are held to the contract by the services. */
describe('the requests shown in the specifications work', () => {
  let vitalgate: TestVitalgate;
  let cookie = '';
  let key = '';
  const sent = new Set<string>();
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    ({ key } = await vitalgate.createWebhookKey());
  }, 60_000);
  afterAll(() => vitalgate.stop());

  const headersFor = (service: string, patientId: string): Record<string, string> => {
    if (service === 'bff') return { cookie };
    return { cookie, authorization: `Bearer ${vitalgate.serviceToken}`, miauserid: patientId, 'x-api-key': key };
  };

  const urlOf = (service: string): string => ({ bff: vitalgate.urls.bff, 'device-manager': vitalgate.urls.deviceManager }[service] ?? vitalgate.urls.userManager);

  const send = async (operationId: string, { path = {}, query = '', patientId = '' }: { path?: Record<string, string>; query?: string; patientId?: string } = {}) => {
    const { url, method, template, examples } = requestsOf(operationId);
    sent.add(operationId);
    const target = `${urlOf(url)}${template.replaceAll(/\{(\w+)\}/g, (_, name: string) => path[name] ?? '')}${query}`;
    const answers: (Exchange & { body: string; setCookie: string | undefined })[] = [];
    for (const [name, value] of examples.length === 0 ? [['no body', undefined] as const] : examples) {
      // What an example says of whose it is belongs to the person of this run.
      const text = value === undefined ? undefined : JSON.stringify(value).replaceAll('9c86fda0197f4d0e8780daae45bac2f8', patientId);
      const answer = await fetch(target, { method, headers: { ...headersFor(url, patientId), ...(text !== undefined && { 'content-type': 'application/json' }) }, ...(text !== undefined && { body: text }) });
      answers.push({ name, status: answer.status, body: await answer.text(), setCookie: answer.headers.getSetCookie()[0]?.split(';')[0] });
    }
    return answers;
  };

  const idIn = (body: string | undefined): string => (JSON.parse(body ?? '{}') as { _id?: string })._id ?? '';
  const refused = (answers: readonly Exchange[]): Exchange[] => answers.filter(({ status }) => status >= 300);

  test('from a new user to a chart', async () => {
    const created = await send('createUser');
    expect(refused(created)).toEqual([]);
    const patientId = idIn(created[0]?.body);
    expect(refused(await send('issueToken'))).toEqual([]);
    const signedIn = await send('signIn');
    expect(refused(signedIn)).toEqual([]);
    cookie = signedIn[0]?.setCookie ?? '';

    const enrolled = await send('assignDevice');
    expect(refused(enrolled)).toEqual([]);
    expect(refused(await send('assignDeviceToPatient', { patientId }))).toEqual([]);
    const query = '?type=HeartRate&unit=bpm';
    const uploads = [...(await send('uploadHealthData', { query })), ...(await send('uploadHealthDataInFormat', { query, path: { format: 'standard-json' } }))];
    expect(uploads.map(({ name, body }) => ({ name, ...(JSON.parse(body) as object) }))).toMatchObject([
      { name: 'heart-rates', created: 2, rejected: 0 }, { name: 'mixed-samples', created: 2, rejected: 0 },
      { name: 'heart-rates', duplicates: 2, rejected: 0 }, { name: 'mixed-samples', duplicates: 2, rejected: 0 },
    ]);
    for (const format of [undefined, 'json']) {
      const suffix = format === undefined ? '' : 'InFormat';
      const path = { path: { format: format ?? '' } };
      expect(refused(await send(`receiveHealthKit${suffix}`, { query, patientId, ...path }))).toEqual([]);
      expect(refused(await send(`receiveMedisante${suffix}`, path))).toEqual([]);
    }

    const cuff = { path: { id: idIn(enrolled[1]?.body) } };
    expect(refused(await send('unassignDevice', cuff))).toEqual([]);
    expect(refused(await send('unassignDeviceFromPatient', { ...cuff, patientId }))).toEqual([]);
    const _id = (JSON.parse(uploads[0]?.body ?? '{}') as { items: { _id: string }[] }).items[0]?._id ?? '';
    const reading = [
      ...(await send('normalizeHealthData', { path: { _id }, patientId })), ...(await send('getHealthData', { path: { _id }, patientId })),
      ...(await send('listHealthData')), ...(await send('findHealthData', { patientId })), ...(await send('findDevices', { patientId })), ...(await send('listDevices')),
      ...(await send('getChartData', { query: '?normalizedDataType=heart-rate' })), ...(await send('getPatientChartData', { query: '?normalizedDataType=heart-rate', patientId })),
      ...(await send('findUsers')), ...(await send('getProfile')), ...(await send('getUserInfo')), ...(await send('signOut')),
    ];
    expect(refused(reading)).toEqual([]);
    cookie = (await send('signIn'))[0]?.setCookie ?? '';
    expect(refused(await send('endSession'))).toEqual([]);
    // The link that the examples hold was mailed to the person of this run, once for each service.
    const { token } = requestsOf('resetPassword').examples[0]?.[1] as { token: string };
    for (const operation of ['resetPassword', 'setNewPassword']) {
      await issueReset(vitalgate.database.pool, { tokenHash: hashOfToken(token), userId: patientId, minutes: 30 });
      expect(refused(await send(operation))).toEqual([]);
    }
    expect(refused([...(await send('showPasswordReset')), ...(await send('askForPasswordReset')), ...(await send('requestPasswordReset', { patientId }))])).toEqual([]);
    const operations = specifications.flatMap(({ spec }) => spec.operations.filter(({ platform }) => !platform).map(({ id }) => id));
    expect(operations.filter((id) => !sent.has(id))).toEqual([]);
  }, 60_000);
});
