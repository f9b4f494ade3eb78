import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from '../../src/user-manager/client-tokens.ts';
import { eventually } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { askerOf, operations, statusOf, type Asked, type Asker, type Headers, type Twist } from './operation-request.ts';

const operation = (id: string): Asked => {
  const found = operations.find((one) => one.id === id);
  if (found === undefined) throw new Error(`There is no ${id}.`);
  return found;
};

/** One question about one operation: what is sent otherwise than its example says, and which path parameters. */
interface Question extends Twist {
  readonly id: string;
  readonly given?: Readonly<Record<string, string>>;
}

/** Statuses that few operations have, and that the stories of other tests do not meet. */
describe('what is particular to an operation', () => {
  let vitalgate: TestVitalgate;
  let asker: Asker;
  const ask = ({ id, given = {}, ...twist }: Question, by: Asker = asker): Promise<number> => statusOf({ ...by, given: { ...by.given, ...given } }, operation(id), twist);

  beforeAll(async () => {
    // Nothing but samples is worked on: archives stay unmade, and what is erased stays in its tables.
    vitalgate = await startTestVitalgate({ JOBS: ['normalize'], TMM_SERVICE_URL: 'http://127.0.0.1:9' });
    asker = await askerOf(vitalgate);
  });
  afterAll(() => vitalgate.stop());

  const sample = { id: 'B9480B59-3A05-416C-97CF-E0DE431ADCB5', type: 'HeartRate', unit: 'bpm', value: 71, startDate: '2024-07-23T13:44:05Z', endDate: '2024-07-23T13:44:05Z' };

  describe('somebody else is named', () => {
    const somebodyElse = '5b1f0c7e9d8b4a53b2c1d0e9f8a7b6c5';
    test.each<Question>([
      { id: 'findAudit', query: `?patientId=${somebodyElse}` },
      { id: 'searchDevices', query: `?patient=${somebodyElse}` },
      ...['listPatientUploads', 'listPatientRefusals', 'listPatientChartedTypes'].map((id) => ({ id, query: `?patientId=${somebodyElse}` })),
      ...['getErasure', 'startPatientExport', 'listPatientExports', 'getPatientExport', 'downloadPatientExport'].map((id) => ({ id, given: { patientId: somebodyElse } })),
      { id: 'erasePatient', given: { patientId: somebodyElse }, body: JSON.stringify({ confirm: somebodyElse }) },
    ])('$id: 403', async (question) => {
      expect(await ask(question)).toBe(403);
    });
  });

  test('receiveMedisanteInFormat: 403 to a client for other devices', async () => {
    const { clientId, clientSecret } = await createClient(vitalgate.database.pool, { sender: 'portal', deviceIds: ['scale'] });
    const grant = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
    const answer = await fetch(`${vitalgate.urls.userManager}/oauth2/token`, { method: 'POST', body: grant });
    const token: Headers = { authorization: `Bearer ${((await answer.json()) as { access_token: string }).access_token}` };
    expect(await ask({ id: 'receiveMedisanteInFormat', isKnown: false, headers: token })).toBe(403);
  });

  test('receiveHealthKitInFormat: 409 before a device is enrolled', async () => {
    expect(await ask({ id: 'receiveHealthKitInFormat', body: JSON.stringify([sample]) })).toBe(409);
  });

  test('retireHealthDataType: 409 to a version that is not the newest', async () => {
    const answer = await fetch(`${vitalgate.urls.deviceManager}/health-data-types`, { headers: asker.credentials['operatorCredential'] ?? {} });
    const [{ identifier } = { identifier: '' }] = (await answer.json()) as { identifier: string }[];
    expect(await ask({ id: 'retireHealthDataType', given: { identifier }, query: '?version=999999' })).toBe(409);
  });

  test('uploadHealthDataInFormat: 422 where all or nothing was asked for', async () => {
    await ask({ id: 'assignDevice' });
    expect(await ask({ id: 'uploadHealthDataInFormat', headers: { prefer: 'handling=strict' }, body: JSON.stringify([sample, { ...sample, startDate: undefined }]) })).toBe(422);
  });

  test('an archive is 404 before it is asked for, and 409 before it is made', async () => {
    expect(await ask({ id: 'getLatestExport' })).toBe(404);
    expect(await ask({ id: 'startExport' })).toBe(202);
    const answer = await fetch(`${vitalgate.urls.bff}/export`, { headers: asker.credentials['session'] ?? {} });
    const { _id } = (await answer.json()) as { _id: string };
    expect(await Promise.all(['downloadExport', 'downloadPatientExport'].map((id) => ask({ id, given: { _id } })))).toEqual([409, 409]);
  });

  test('signing in and changing the password: 429 after too many wrong passwords', async () => {
    const ben = await vitalgate.addUser();
    const session = { cookie: await vitalgate.signIn(ben) };
    const wrong = { username: ben.username, password: 'none of his passwords' };
    const statuses: number[] = [];
    while (statuses.length < 20 && statuses.at(-1) !== 429) statuses.push(await ask({ id: 'issueToken', body: JSON.stringify(wrong), headers: { 'content-type': 'application/json' } }));
    expect(statuses.at(-1)).toBe(429);
    expect(await ask({ id: 'changeOwnPassword', body: JSON.stringify({ currentPassword: wrong.password, password: 'five oars and a paper boat' }) }, { ...asker, credentials: { session } })).toBe(429);
  });

  describe('a patient is erased', () => {
    let _id: string;
    beforeAll(async () => {
      const receipt = await fetch(`${vitalgate.urls.bff}/health-data`, { method: 'POST', headers: { ...asker.credentials['session'], 'content-type': 'application/json' }, body: JSON.stringify([sample]) });
      ({ items: [{ _id }] } = (await receipt.json()) as { items: [{ _id: string }] });
      const record = async () => (await fetch(`${vitalgate.urls.deviceManager}/health-data/${_id}`, { headers: asker.credentials['serviceCredential'] ?? {} })).json() as Promise<{ state: string }>;
      await eventually(record, ({ state }) => state === 'normalized');
      const { authorization = '' } = asker.credentials['serviceCredential'] ?? {};
      const confirm = asker.given['patientId'] ?? '';
      expect(await ask({ id: 'erasePatient', body: JSON.stringify({ confirm }) }, { ...asker, credentials: { serviceCredential: { authorization } } })).toBe(202);
    });

    test.each<Question>([
      'assignDevice', 'assignDeviceToPatient', 'uploadHealthData', 'uploadHealthDataInFormat', 'deleteHealthData', 'receiveHealthKit', 'receiveHealthKitInFormat', 'deleteHealthKitSamples',
      'startExport', 'startPatientExport', 'submitDetections',
    ].map((id) => ({ id })))('$id: 410', async ({ id }) => {
      const body = id.startsWith('upload') || id.startsWith('receive') ? { body: JSON.stringify([sample]) } : id === 'assignDeviceToPatient' ? { body: JSON.stringify({ deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'healthkit', name: 'Watch', assignedPatientId: asker.given['patientId'] }) } : {};
      expect(await ask({ id, ...body, given: { _id } })).toBe(410);
    });
  });
});
