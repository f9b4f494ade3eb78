import { randomUUID } from 'node:crypto';
import { rotateDataKeys } from '../../src/device-manager/resealing.ts';
import { expire } from '../../src/device-manager/retention.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { normalizedIn } from '../../bench/setup/normalized.ts';
import { expireAccounts } from '../../src/user-manager/retention.ts';
import { answered, bloodPressure, chartOf, clientWith, eventually, heartRate, service, type Client } from '../device-manager/client.ts';
import { bundle, pulse } from '../device-manager/fhir-documents.ts';
import type { TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { bearer } from '../security/callers.ts';
import { deliver, plantPatient, withOtherKinds, type PlantedPatient } from '../security/planted-patient.ts';
import type { TestVitalgate } from '../setup/vitalgate.ts';

/** What is asked in one stage, by its name. */
export type Stage = readonly [name: string, ask: () => Promise<unknown>];

/** The way of a sample: what happens in these stages names the patient in each of its conditions. */
export const samplePath = ['upload', 'upload again', 'delivery', 'delivery in FHIR', 'chart'] as const;

/** So that something of the crowd is older, and little. */
const keptDays = { payloads: 899, healthData: 899.9, quarantine: 5000, discarded: 8.5 };
const accountDays = { sessions: 1, resets: 1, bulkJobs: 30, mails: 7 };
const samples = Array.from({ length: 40 }, (_, second) => heartRate(second * 60));

const each = async (client: Client, paths: readonly string[]): Promise<void> => {
  for (const path of paths) {
    const answer = await client.get(path);
    if (answer.status !== 200) throw new Error(`${path} answered ${String(answer.status)} ${await answer.text()}`);
    await answer.text();
  }
};

/** The text of an answer that is a success. */
const taken = async (asked: Promise<Response>): Promise<string> => {
  const answer = await asked;
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url} answered ${String(answer.status)} ${text}`);
  return text;
};

const tokenOf = async (vitalgate: TestVitalgate): Promise<Readonly<Record<string, string>>> => {
  const { username, password } = await vitalgate.addUser({ userGroup: 'operator' });
  return bearer((JSON.parse(await taken(clientWith(vitalgate.urls.userManager, {}).post('/oauth/token', { username, password }))) as { accessToken: string }).accessToken);
};

/** One time each with the usual words: what phones, senders, operators, services and jobs ask. The patient is there from the first stage on. */
export const defaultRequests = (vitalgate: TestVitalgate, tmm: TherapyMonitoringPlayer): readonly Stage[] => {
  let patient: PlantedPatient;
  let key = '';
  let operator: Client;
  const { urls, serviceToken, database: { pool } } = vitalgate;
  const app = (): Client => patient.app;
  const own = (): Client => service(vitalgate, patient.id);
  const users = () => clientWith(urls.userManager, bearer(serviceToken));
  const firstOf = async (client: Client, path: string): Promise<string> => (await answered<{ _id: string }[]>(client.get(path)))[0]?._id ?? '';
  const normalized = () => normalizedIn(pool);

  const signIn = async (): Promise<void> => {
    patient = await plantPatient(vitalgate);
    tmm.addPlan({ _id: 'plan', planName: 'Pulse', prototypeId: 'heart-rate', patientId: patient.id, doctorId: 'd', startDate: '2000-01-01' });
    ({ key } = await vitalgate.createWebhookKey());
    operator = clientWith(urls.deviceManager, await tokenOf(vitalgate));
    await each(app(), ['/profile', '/sessions', '/devices', '/audit', '/limits']);
  };
  const upload = async (): Promise<void> => {
    const receipt = await answered<{ uploadId: string }>(app().post('/health-data', samples));
    await withOtherKinds(patient);
    await each(app(), [`/uploads/${receipt.uploadId}`]);
    await normalized();
  };
  const again = async (): Promise<void> => {
    await answered(app().post('/health-data', samples));
    await answered(app().post('/health-data', samples.map((sample) => ({ ...sample, id: randomUUID() }))));
    await normalized();
  };
  const delivery = async (): Promise<void> => {
    for (let time = 0; time < 2; time += 1) await answered(deliver(vitalgate, key, patient));
    await normalized();
  };
  const fhirDelivery = async (): Promise<void> => {
    const sender = clientWith(urls.deviceManager, { 'x-api-key': key });
    const reading = (status: string, value: number) => bundle('transaction', [pulse(patient.serialNumber, '2024-03-03T10:00:00Z', value, { status, identifier: [{ system: 'urn:example', value: 'reading' }] })]);
    for (const [status, value] of [['preliminary', 61], ['final', 62]] as const) await answered(sender.post('/health-data/medisante', reading(status, value)));
    await eventually(() => answered<unknown[]>(own().get('/health-data?state=superseded')), (rows) => rows.length === 1);
    await normalized();
  };
  const chart = async (): Promise<void> => {
    await chartOf(own(), 'heart-rate', 1);
    await each(app(), ['heart-rate', 'blood-pressure'].flatMap((type) => ['', '&from=2024-01-01T00:00:00Z&to=2024-12-31T00:00:00Z'].map((range) => `/chart-data?normalizedDataType=${type}${range}`)));
  };
  const lists = async (): Promise<void> => {
    const id = await firstOf(own(), '/health-data');
    const usual = ['', '?state=normalized', '?rawDataType=HeartRate', '?normalizedDataType=heart-rate', '?from=2024-01-01T00:00:00Z&to=2025-01-01T00:00:00Z', '?_s=-receivedAt', '?_sk=25',
      `?_q=${encodeURIComponent('{"recordedAt":{"$gte":"2024-01-01T00:00:00Z"}}')}`, `?filters=${encodeURIComponent('[{"property":"rawDataType","operator":"equal","value":"HeartRate"}]')}`];
    await each(app(), ['/health-data', '/health-data?_l=200']);
    await each(own(), [...usual.flatMap((query) => [`/health-data${query}`, `/health-data/export${query.replace(/[?]_s.*/, '')}`.replace(/[?]_sk.*/, ''), `/health-data/count${query.replace(/[?]_s.*/, '')}`]), `/health-data/${id}`, '/devices']);
    await taken(own().send(`/health-data/normalize-data/${id}`, { method: 'PATCH' }));
  };
  const fhir = async (): Promise<void> => {
    const [observation, device] = [await entryOf(own(), '/fhir/Observation'), await entryOf(own(), '/fhir/Device')];
    await each(own(), [`/fhir/Observation/${observation}`, `/fhir/Device/${device}`, '/fhir/Observation?code=http://loinc.org%7C8867-4&date=ge2024-01-01', '/fhir/Observation?_lastUpdated=ge2024-01-01', `/fhir/Patient/${patient.id}/$everything`]);
  };
  const exporting = async (): Promise<void> => {
    const { _id } = JSON.parse(await taken(app().post('/exports'))) as { _id: string };
    await eventually(() => answered<{ state: string }>(app().get(`/exports/${_id}`)), ({ state }) => state === 'ready');
    await each(app(), [`/exports/${_id}/content`, '/export']);
    await each(own(), [`/patients/${patient.id}/exports`, `/patients/${patient.id}/exports/${_id}`]);
    await each(users(), [`/users/${patient.id}/export`, `/users/${patient.id}/audit`]);
  };
  const inbox = async (): Promise<void> => {
    const sender = clientWith(urls.deviceManager, { 'x-api-key': key });
    await answered(sender.post('/health-data/medisante', bloodPressure({ id: 'nobodys' }, '2024-03-02T09:10:11Z')));
    await answered(own().post('/health-data/healthkit', [heartRate(1, { type: 'NothingThatAnybodyKnows' })]));
    await each(operator, ['', '?kind=quarantined', '?kind=failed', '?kind=conflicting', '?reason=device-unknown', '?deviceId=nobodys'].map((query) => `/inbox${query}`));
    const entry = await firstOf(operator, '/inbox?deviceId=nobodys');
    await each(operator, [`/inbox/${entry}`]);
    await taken(operator.post(`/inbox/${entry}/replay`));
    await taken(operator.post('/inbox/replay', { deviceId: 'nobodys' }));
    await taken(own().post('/devices/assign', { deviceId: 'nobodys', deviceType: 'Medical', deviceProvider: 'medisante', assignedFrom: '2024-03-01T00:00:00Z', assignedUntil: '2024-03-02T00:00:00Z' }));
    await taken(operator.post(`/inbox/${entry}/discard`, { reason: 'test-device' }));
  };
  const submissions = async (): Promise<void> => {
    const id = await firstOf(own(), '/health-data?normalizedDataType=heart-rate&rawDataType=HeartRate');
    await own().post(`/health-data/${id}/detections`);
    await each(operator, ['?state=parked', '?state=delivered', `?state=waiting&patientId=${patient.id}`].map((query) => `/submissions${query}`));
    await taken(operator.post(`/submissions/${await firstOf(operator, '/submissions?state=parked')}/replay`));
    await taken(operator.post('/submissions/replay', { patientId: patient.id }));
  };
  const operating = async (): Promise<void> => {
    await each(operator, ['/api-keys', '/health-data-types', `/audit?patientId=${patient.id}`, '/audit', '/audit?event=chart-read', '/devices', `/devices?assignedPatientId=${patient.id}`, '/devices?deviceId=meter-7']);
    await each(users(), ['', `?_id=${patient.id}`, `?username=${patient.user.username}`, `?email=${patient.user.username}@example.org`, `?authUserId=${patient.id}`, '?userGroup=operator', '?_s=-createdAt'].map((query) => `/users${query}`));
    for (const url of Object.values(urls)) await each(clientWith(url, {}), ['/-/ready', '/-/check-up', '/-/metrics']);
    const run = JSON.parse(await taken(operator.post('/renormalizations', { patientId: patient.id, dryRun: false }))) as { _id: string };
    await eventually(() => answered<{ state: string }>(operator.get(`/renormalizations/${run._id}`)), ({ state }) => state === 'done');
    await rotateDataKeys(pool, patient.id, { actor: 'vitalgate', requestId: 'test' });
  };
  const deleting = async (): Promise<void> => {
    await answered(app().post('/health-data/deletions', { deletions: samples.slice(0, 5).map(({ id }) => ({ uuid: id })) }));
    const device = await firstOf(own(), '/devices');
    await taken(app().send(`/devices/${device}/unassign`, { method: 'POST' }));
  };
  const retention = async (): Promise<void> => {
    const { keyRing } = await openKeys(pool, { DATA_DIR: vitalgate.dataDir });
    await expire({ pool, keyRing, days: keptDays, isStopping: () => false });
    await expireAccounts(pool, vitalgate.dataDir, accountDays);
  };
  const erasing = async (): Promise<void> => {
    await taken(users().send(`/users/${(await vitalgate.addUser()).id}`, { method: 'DELETE' }));
    await taken(operator.post(`/patients/${patient.id}/erasure`, { confirm: patient.id }));
    await eventually(() => answered<{ state: string }>(operator.get(`/patients/${patient.id}/erasure`)), ({ state }) => state === 'done');
  };
  return [
    ['sign in', signIn], ['upload', upload], ['upload again', again], ['delivery', delivery], ['delivery in FHIR', fhirDelivery], ['chart', chart], ['lists', lists], ['FHIR', fhir], ['export', exporting],
    ['inbox', inbox], ['submissions', submissions], ['operators', operating], ['deletions', deleting], ['retention', retention], ['erasure', erasing],
  ];
};

const entryOf = async (client: Client, path: string): Promise<string> =>
  (await answered<{ entry?: { resource: { id: string } }[] }>(client.get(path))).entry?.[0]?.resource.id ?? '';
