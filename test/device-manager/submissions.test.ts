import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { addSubmission } from '../../src/device-manager/outbox.ts';
import type { Fault, TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, clientWith, cuff, heartRate, newPatient, refused, service, watch, type Client, type KeptRecord, type Series } from './client.ts';
import { eventually, isPost, rates, startSubmitter, submitting, type Submitter } from './submitting.ts';

const pace = { TMM_RETRY_SECONDS: 0.05, TMM_TIMEOUT_SECONDS: 0.8, TMM_MAX_FAILURES: 3 };

describe('detections go to the plans that ask for them', () => {
  let submitter: Submitter;
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let operator: Client;
  const { plan, patient, upload, record, becomes, writtenUnder, arrives, listed, parked } = submitting(() => submitter);
  beforeAll(async () => {
    submitter = await startSubmitter(pace);
    ({ vitalgate, tmm, operator } = submitter);
  }, 60_000);
  afterAll(() => submitter.stop());
  afterEach(() => {
    tmm.fault = () => undefined;
    expect(tmm.breaches).toEqual([]);
  });

  test('a sample arrives once under each active plan for its type and device, and is then submitted', async () => {
    const { patientId, app } = await patient();
    const [forAll, forWatch] = [plan(patientId), plan(patientId, { assignedDevices: [watch.deviceId] })];
    const others = [plan(patientId, { assignedDevices: ['another'] }), plan(patientId, { endDate: '2024-06-30T00:00:00.000Z' }), plan(patientId, { startDate: '2024-08-01T00:00:00.000Z' }), plan(patientId, { prototypeId: 'blood-pressure' }), plan(newPatient())];
    const [id = ''] = await upload(app, rates(1));
    await becomes(app, id, 'submitted');
    expect([writtenUnder(forAll), writtenUnder(forWatch), ...others.map(writtenUnder)].map(({ length }) => length)).toEqual([1, 1, 0, 0, 0, 0, 0]);
    const { normalizedData } = await record(app, id);
    expect(writtenUnder(forAll)[0]).toMatchObject({ planType: 'monitoring', patientId, deviceId: watch.deviceId, observedAt: '2024-07-01T00:00:00.000Z', value: normalizedData });
    expect(tmm.arrived.every(({ headers }) => headers['authorization'] === 'Bearer tmm-credential')).toBe(true);
  });

  test.each([
    ['a day without time holds until its end', { endDate: '2024-07-01' }, 1],
    ['the day before is over', { endDate: '2024-06-30' }, 0],
    ['the instant itself still counts', { endDate: '2024-07-01T00:00:00.000Z' }, 1],
    ['no devices are all devices', { assignedDevices: [] }, 1],
    ['a start that is no date never comes', { startDate: 'some day soon' }, 0],
  ])('of a plan, %s', async (_situation, more, count) => {
    const { patientId, app } = await patient();
    const planId = plan(patientId, more);
    const [id = ''] = await upload(app, rates(1));
    await eventually(() => record(app, id), ({ state }) => state !== 'received');
    expect(await answered(app.post(`/health-data/${id}/detections`))).toHaveLength(count);
    expect(writtenUnder(planId)).toHaveLength(count);
    expect((await record(app, id)).state).toBe(count === 1 ? 'submitted' : 'normalized');
  });

  test('many plans are read page by page', async () => {
    const { patientId, app } = await patient();
    for (let count = 0; count < 203; count += 1) plan(patientId);
    const [id = ''] = await upload(app, rates(1));
    await becomes(app, id, 'submitted');
    expect(tmm.written.filter((one) => one.patientId === patientId)).toHaveLength(203);
  });

  test('a plan gets its detections in the order in which they were observed', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    await upload(app, rates(130).toReversed());
    const instants = (await arrives(planId, 130)).map(({ observedAt }) => observedAt);
    expect(instants).toHaveLength(130);
    expect(instants).toEqual(instants.toSorted());
  });

  test('one that is refused is parked with the reason, the others arrive, and a replay delivers it once mended', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    tmm.fault = (one) => (isPost(one) && one.bytes.includes('00:00:03.000Z') ? 'refusal' : undefined);
    const ids = await upload(app, rates(8));
    expect(await arrives(planId, 7)).toHaveLength(7);
    const [row] = await parked(patientId);
    expect(row).toMatchObject({ sampleId: ids[3], planId, state: 'parked', reason: 'detection-refused' });
    expect(await record(app, ids[3] ?? '')).toMatchObject({ state: 'submission-failed', reason: 'detection-refused' });
    expect(await refused(app.post(`/health-data/${ids[3] ?? ''}/detections`))).toMatchObject({ status: 409, code: 'detection-refused' });
    tmm.fault = () => undefined;
    expect((await operator.post(`/submissions/${row?._id ?? ''}/replay`)).status).toBe(204);
    expect(await arrives(planId, 8)).toHaveLength(8);
    await becomes(app, ids[3] ?? '', 'submitted');
    expect((await operator.post(`/submissions/${row?._id ?? ''}/replay`)).status).toBe(409);
  });

  test.each<[Fault, string]>([['refusal', 'detection-refused'], ['value-refusal', 'value-refused'], ['no-prototype', 'prototype-unknown'], ['too-large', 'too-large']])(
    'what is refused by %p is parked as %s, and a replay of that reason delivers it', async (fault, reason) => {
      const { patientId, app } = await patient();
      const planId = plan(patientId);
      tmm.fault = (one) => (isPost(one) ? fault : undefined);
      await upload(app, rates(3));
      const rows = await parked(patientId, 3);
      expect(rows.map((row) => [row.planId, row.reason])).toEqual(Array.from({ length: 3 }, () => [planId, reason]));
      tmm.fault = () => undefined;
      const many = await operator.post('/submissions/replay', { patientId, reason });
      expect([many.status, await many.json()]).toEqual([202, { entries: 3 }]);
      expect(await arrives(planId, 3)).toHaveLength(3);
    });

  test('plans that are refused park the sample, and a replay looks them up again', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    tmm.fault = () => 'refusal';
    const [id = ''] = await upload(app, rates(1));
    const [row] = await parked(patientId);
    expect([row?.sampleId, row?.planId, row?.reason]).toEqual([id, undefined, 'plans-refused']);
    tmm.fault = () => undefined;
    expect((await operator.post(`/submissions/${row?._id ?? ''}/replay`)).status).toBe(204);
    expect(await arrives(planId, 1)).toHaveLength(1);
  });

  test.each<[Fault, string]>([['error', 'tmm-unavailable'], ['html', 'tmm-answer-invalid'], ['silence', 'tmm-unavailable'], ['cut', 'tmm-unavailable'], ['error-after', ''], ['cut-after', '']])(
    'one that is answered by %p time and again does not hold up the others', async (fault, reason) => {
      const { patientId, app } = await patient();
      const planId = plan(patientId);
      tmm.fault = (one) => (isPost(one) && one.bytes.includes('00:00:01.000Z') ? fault : undefined);
      await upload(app, rates(5));
      const isWritten = fault.endsWith('-after');
      expect(await arrives(planId, isWritten ? 5 : 4)).toHaveLength(isWritten ? 5 : 4);
      if (isWritten) expect(await listed(`&patientId=${patientId}`)).toEqual([]);
      else expect(await parked(patientId)).toMatchObject([{ state: 'parked', reason, attempts: expect.any(Number) }]);
    });

  test.each<[Fault]>([['error'], ['html'], ['silence'], ['cut'], ['unauthorized'], ['busy'], ['no-such-path']])('while everything is answered by %p nothing is parked, and all arrive in order afterwards', async (fault) => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    let asked = 0;
    tmm.fault = () => ((asked += 1) > 0 ? fault : undefined);
    const ids = await upload(app, rates(3));
    await eventually(() => Promise.resolve(asked), (count) => count >= 3);
    const [row] = await eventually(() => listed(`&state=waiting&patientId=${patientId}`), (rows) => rows.some(({ reason }) => reason !== undefined));
    expect(row).toMatchObject({ state: 'waiting', reason: { unauthorized: 'credential-refused', busy: 'too-many-requests', 'no-such-path': 'tmm-answer-invalid', html: 'tmm-answer-invalid' }[fault as string] ?? 'tmm-unavailable' });
    if (fault === 'error') expect(await refused(app.post(`/health-data/${ids[0] ?? ''}/detections`))).toMatchObject({ status: 503, code: 'upstream-unavailable' });
    expect(await listed(`&patientId=${patientId}`)).toEqual([]);
    tmm.fault = () => undefined;
    expect((await arrives(planId, 3)).map(({ observedAt }) => observedAt)).toEqual([0, 1, 2].map((second) => `2024-07-01T00:00:0${String(second)}.000Z`));
  });

  test('what a later version supersedes is marked, and stays as it was delivered', async () => {
    const { patientId, app } = await patient();
    const device = cuff(`Maker:Model:tmm-${randomUUID()}`);
    await answered(app.post('/devices/assign', { ...device, assignedFrom: '2024-03-01T00:00:00Z' }));
    const planId = plan(patientId, { prototypeId: 'blood-pressure' });
    const { key } = await vitalgate.createWebhookKey();
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key });
    const { _id } = await answered<{ _id: string }>(sender.post('/health-data/medisante', bloodPressure({ id: device.deviceId }, '2024-03-02T09:10:11Z')));
    expect(await arrives(planId, 1)).toHaveLength(1);
    await becomes(app, _id, 'submitted');
    // As a correction of the sender leaves it.
    await vitalgate.database.pool.query(`update device_manager.sample set state = 'received' where _id = $1::uuid`, [_id]);
    await vitalgate.database.pool.query(`update device_manager.submission set rule_version = 0, _id = gen_random_uuid() where sample_id = $1::uuid`, [_id]);
    await answered(app.send(`/health-data/normalize-data/${_id}`, { method: 'PATCH' }));
    const rows = await eventually(() => listed(`&state=delivered&patientId=${patientId}`), ([row]) => row?.supersededAt !== undefined);
    expect(rows).toMatchObject([{ sampleId: _id, supersededAt: expect.any(String) }]);
    await eventually(async () => (await listed(`&state=waiting&patientId=${patientId}`)).length, (count) => count === 0);
    expect(writtenUnder(planId)).toHaveLength(1);
    const again = await answered<{ _id: string }[]>(app.post(`/health-data/${_id}/detections`));
    expect(again).toHaveLength(1);
    expect(await answered(app.post(`/health-data/${_id}/detections`))).toEqual(again);
    const versions = await listed(`&state=delivered&patientId=${patientId}`);
    expect(versions.map(({ supersededAt }) => supersededAt !== undefined).toSorted()).toEqual([false, true]);
  });

  test('a sample that goes before it was sent is never sent', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    tmm.fault = () => 'busy';
    const [id = ''] = await upload(app, rates(1));
    await eventually(() => listed(`&state=waiting&patientId=${patientId}`), (rows) => rows.some(({ reason }) => reason !== undefined));
    await vitalgate.database.pool.query(`update device_manager.sample set state = 'withdrawn' where _id = $1::uuid`, [id]);
    tmm.fault = () => undefined;
    const [row] = await eventually(() => listed(`&state=dropped&patientId=${patientId}`), (rows) => rows.length > 0);
    expect(row).toMatchObject({ sampleId: id, state: 'dropped' });
    expect(writtenUnder(planId)).toEqual([]);
    expect((await app.post(`/health-data/${id}/detections`)).status).toBe(404);
  });

  test('a sample from the near future waits until it is not', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    const at = new Date(Date.now() + 6000).toISOString();
    await upload(app, [heartRate(0, { startDate: at, endDate: at })]);
    expect(await eventually(() => listed(`&state=waiting&patientId=${patientId}`), (rows) => rows.some((row) => row.planId !== undefined))).toHaveLength(1);
    expect(await arrives(planId, 1)).toHaveLength(1);
  });

  test('the chart of a plan shows what was written, by filter', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    await upload(app, rates(4));
    await arrives(planId, 4);
    const chart = (filters: object[], client = app) => client.get(`/detections/chart-data?filters=${encodeURIComponent(JSON.stringify([{ property: 'planId', operator: 'equal', value: planId }, ...filters]))}`);
    const [series] = await answered<Series[]>(chart([]));
    expect(series).toEqual({ name: 'Heart rate [bpm]', data: [0, 1, 2, 3].map((second) => ({ x: Date.UTC(2024, 6, 1) + second * 1000, y: 71 })) });
    const some = await answered<Series[]>(chart([{ property: 'recordedAt', operator: 'between', value: ['2024-07-01T00:00:01.000Z', '2024-07-01T00:00:02.000Z'] }]));
    expect(some[0]?.data).toHaveLength(2);
    const switchedOff = ['deviceId', 'recordedAt'].map((property) => ({ property, operator: 'equal', value: '2024-07-01T00:00:01.000Z', applied: false }));
    expect((await answered<Series[]>(chart(switchedOff)))[0]?.data).toHaveLength(4);
    expect(await answered(chart([], service(vitalgate, newPatient())))).toEqual([]);
    expect((await app.get(`/detections/chart-data/?_id=${newPatient()}&filters=${encodeURIComponent(JSON.stringify([{ property: 'planId', operator: 'equal', value: planId }]))}`)).status).toBe(403);
    tmm.fault = () => 'html';
    expect((await chart([])).status).toBe(503);
  });

  test('check-up names it when it is in trouble, and the Device Manager stays ready', async () => {
    const ask = async (path: string) => (await fetch(`${vitalgate.urls.deviceManager}/-/${path}`)).status;
    expect([await ask('check-up'), await ask('ready')]).toEqual([200, 200]);
    tmm.fault = () => 'error';
    expect([await ask('check-up'), await ask('ready')]).toEqual([503, 200]);
  });

  test.each([
    ['nothing', undefined], ['no JSON', '['], ['no array', '{}'], ['no plan', '[]'], ['two plans', '[{"property":"planId","operator":"equal","value":"a"},{"property":"planId","operator":"equal","value":"b"}]'],
    ['an operator nobody knows', '[{"property":"planId","operator":"like","value":"a"}]'], ['a member nobody knows', '[{"property":"planId","operator":"equal","value":"a"},{"property":"x","operator":"equal","value":1}]'],
    ['a day for an instant', '[{"property":"planId","operator":"equal","value":"a"},{"property":"observedAt","operator":"less","value":"2024-07-01"}]'], ['null in it', '[null]'],
    ['one instant for between', '[{"property":"planId","operator":"equal","value":"a"},{"property":"observedAt","operator":"between","value":["2024-07-01T00:00:00Z"]}]'],
  ])('filters with %s are refused', async (_situation, filters) => {
    const answer = await service(vitalgate).get(`/detections/chart-data${filters === undefined ? '' : `?filters=${encodeURIComponent(filters)}`}`);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'invalid-request']);
  });

  test.each([['a submission nobody has', '/submissions/nobody/replay', 404], ['a sample nobody has', '/health-data/nobody/detections', 404], ['a filter nobody knows', '/submissions/replay', 400]])('%s is answered', async (_situation, path, status) => {
    expect((await operator.post(path, path.endsWith('/replay') && status === 400 ? { sender: 'x' } : undefined)).status).toBe(status);
  });

  test('neither log, metrics, jobs nor outbox hold a value, and the gauge counts what is parked', async () => {
    const { patientId, app } = await patient();
    plan(patientId);
    tmm.fault = (one) => (isPost(one) ? 'refusal' : undefined);
    await upload(app, [heartRate(0, { value: 123.456 })]);
    await parked(patientId);
    const metrics = await (await fetch(`${vitalgate.urls.deviceManager}/-/metrics`)).text();
    expect(metrics).toMatch(/vitalgate_submissions\{[^}]*state="parked"[^}]*reason="detection-refused"[^}]*\} [1-9]/);
    const { rows } = await vitalgate.database.pool.query('select * from device_manager.submission where patient_id = $1', [patientId]);
    expect(JSON.stringify(rows) + vitalgate.logged() + metrics).not.toContain('123.456');
  });
});

describe('when the next run is due', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase('migrated');
  });
  afterAll(() => database.drop());

  const later = (hours: number) => new Date(Date.now() + hours * 3_600_000);
  test.each<[string, (Date | undefined)[], number]>([
    ['a run that ends once more came', [undefined, later(20)], 0],
    ['a run that ends before more comes', [later(20), undefined], 0],
    ['more that comes again before a run ends', [undefined, undefined, later(20)], 0],
    ['a run that ends with nothing new', [later(20)], 20],
  ])('%s leaves the earliest', async (_situation, added, hours) => {
    const patientId = newPatient();
    for (const runAt of added) await addSubmission(database.pool, patientId, runAt);
    const { rows } = await database.pool.query<{ hours: number }>(`select round(extract(epoch from run_at - now()) / 3600)::int as hours from graphile_worker.jobs where key = $1`, [`submit:${patientId}`]);
    expect(rows).toEqual([{ hours }]);
  });
});

describe('without a Therapy and Monitoring Manager', () => {
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
  }, 60_000);
  afterAll(() => vitalgate.stop());

  test('samples stay normalized, nothing enters the outbox, and submitting is not supported', async () => {
    const app = service(vitalgate, newPatient());
    await answered(app.post('/devices/assign', watch));
    const [{ _id } = { _id: '' }] = await answered<{ _id: string }[]>(app.post('/health-data/healthkit', [heartRate(0)]));
    expect(await eventually(() => answered<KeptRecord>(app.get(`/health-data/${_id}`)), ({ state }) => state !== 'received')).toMatchObject({ state: 'normalized' });
    expect((await vitalgate.database.pool.query('select from device_manager.submission')).rowCount).toBe(0);
    expect(await refused(app.post(`/health-data/${_id}/detections`))).toMatchObject({ status: 501, code: 'not-supported' });
    expect(await refused(app.get('/detections/chart-data?filters=[{"property":"planId","operator":"equal","value":"a"}]'))).toMatchObject({ status: 501, code: 'not-supported' });
  });

  test('prototypes are open to all, one for each normalized type, of the kind measurement', async () => {
    for (const path of ['/prototypes', '/prototypes/']) {
      const prototypes = await answered<{ identifier: string; type: string }[]>(fetch(`${vitalgate.urls.deviceManager}${path}`));
      expect(new Set(prototypes.map(({ identifier }) => identifier)).size).toBe(prototypes.length);
      expect(new Set(prototypes.map(({ type }) => type))).toEqual(new Set(['measurement']));
      expect(prototypes.map(({ identifier }) => identifier)).toEqual(expect.arrayContaining(['blood-pressure', 'heart-rate', 'ecg']));
    }
  });
});
