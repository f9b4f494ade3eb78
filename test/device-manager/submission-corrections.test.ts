import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { answered, heartRate, type Client, type KeptRecord } from './client.ts';
import { eventually, isPost, rates, startSubmitter, submitting, type Submitter } from './submitting.ts';

interface Rule {
  readonly version: number;
  readonly normalizationRules: { readonly observations: readonly { readonly targets: readonly object[] }[] };
}

/** Members of a rule that the service writes itself. */
const written = new Set(['version', 'origin', 'isRetired', 'createdAt', 'creatorId']);

/** Has heart rates come out in hertz, or changed otherwise, from now on; answers what undoes it. */
const mendHeartRates = async (operator: Client, more?: object): Promise<() => Promise<unknown>> => {
  const path = '/health-data-types/healthkit-heart-rate';
  const { version, ...rule } = await answered<Rule>(operator.get(path));
  const before = Object.fromEntries(Object.entries(rule).filter(([member]) => !written.has(member)));
  const observations = rule.normalizationRules.observations.map((one) => ({ ...one, targets: one.targets.map((target) => ({ ...target, unitCode: 'Hz', unit: 'Hz' })) }));
  const change = (since: number, wanted: object) => answered<Rule>(operator.send(`${path}?version=${String(since)}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(wanted) }));
  const after = await change(version, { ...before, ...(more ?? { normalizationRules: { ...rule.normalizationRules, observations } }) });
  return () => change(after.version, before);
};

/** Runs the rules over what is kept of a patient. */
const renormalize = async (operator: Client, patientId: string): Promise<unknown> => {
  const { _id } = (await (await operator.post('/renormalizations', { patientId, dryRun: false })).json()) as { _id: string };
  return eventually(() => answered<{ state: string }>(operator.get(`/renormalizations/${_id}`)), ({ state }) => state === 'done');
};

const unitsOf = (written: readonly { readonly value?: unknown }[]) => written.flatMap(({ value }) => (value as NonNullable<KeptRecord['normalizedData']>).observations.map(({ unitCode }) => unitCode));

describe('detections of rules that change', () => {
  let submitter: Submitter;
  let tmm: TherapyMonitoringPlayer;
  let operator: Client;
  const { plan, patient, upload, record, becomes, writtenUnder, arrives, listed, parked } = submitting(() => submitter);
  beforeAll(async () => {
    submitter = await startSubmitter({ TMM_RETRY_SECONDS: 0.05, TMM_TIMEOUT_SECONDS: 3, TMM_MAX_FAILURES: 1 });
    ({ tmm, operator } = submitter);
  }, 60_000);
  afterAll(() => submitter.stop());
  let undo: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    tmm.fault = () => undefined;
    await undo?.();
    undo = undefined;
    expect(tmm.breaches).toEqual([]);
  });

  test('a detection of a rule that was mended is superseded by the run, and submitted anew only on request', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    const [id = ''] = await upload(app, rates(1));
    await becomes(app, id, 'submitted');
    undo = await mendHeartRates(operator);
    await renormalize(operator, patientId);
    expect((await listed(`&state=delivered&patientId=${patientId}`)).map(({ supersededAt }) => supersededAt !== undefined)).toEqual([true]);
    expect([(await record(app, id)).state, writtenUnder(planId).length]).toEqual(['normalized', 1]);
    expect([(await answered<object[]>(app.post(`/health-data/${id}/detections`))).length, writtenUnder(planId).length]).toEqual([1, 2]);
  });

  test('a delivered detection of a sample that a run makes another type of is superseded, though its value is the same', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    const [id = ''] = await upload(app, rates(1));
    await becomes(app, id, 'submitted');
    undo = await mendHeartRates(operator, { normalizedDataType: 'pulse-rate' });
    await renormalize(operator, patientId);
    expect((await listed(`&state=delivered&patientId=${patientId}`)).map(({ supersededAt }) => supersededAt !== undefined)).toEqual([true]);
    const { state, normalizedDataType } = await record(app, id);
    expect([state, normalizedDataType, writtenUnder(planId).length]).toEqual(['normalized', 'pulse-rate', 1]);
  });

  test('samples that no rule took are submitted once a run has repaired them, and another run adds nothing', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId, { prototypeId: 'body-weight' });
    const type = `Tmm${randomUUID().slice(0, 8)}`;
    const [id = ''] = await upload(app, [heartRate(0, { type, unit: 'kg', value: 72 })]);
    await becomes(app, id, 'normalization-failed');
    const observations = [{ value: '/value', required: true, targets: [{ code: '29463-7', name: 'Body weight', unit: 'kg', unitCode: 'kg' }] }];
    const rule = { identifier: type.toLowerCase(), providerId: 'healthkit', dataTypes: [type], normalizedDataType: 'body-weight', normalizationRules: { observations } };
    await answered(operator.post('/health-data-types', rule));
    await renormalize(operator, patientId);
    expect(unitsOf(await arrives(planId, 1))).toEqual(['kg']);
    await becomes(app, id, 'submitted');
    await renormalize(operator, patientId);
    expect([(await record(app, id)).state, writtenUnder(planId).length]).toEqual(['submitted', 1]);
  });

  test.each<[string, TherapyMonitoringPlayer['fault']]>([
    ['waited for its plans', () => 'busy'],
    ['was refused for now', (one) => (isPost(one) ? 'busy' : undefined)],
  ])('of a detection that %s when a run changed its value, the new value arrives alone', async (_situation, fault) => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    tmm.fault = fault;
    const [id = ''] = await upload(app, rates(1));
    await eventually(() => listed(`&state=waiting&patientId=${patientId}`), (rows) => rows.some(({ reason }) => reason !== undefined));
    undo = await mendHeartRates(operator);
    await renormalize(operator, patientId);
    tmm.fault = () => undefined;
    await becomes(app, id, 'submitted');
    expect([unitsOf(writtenUnder(planId)), await listed(`&state=waiting&patientId=${patientId}`)]).toEqual([['Hz'], []]);
  });

  test.each<[string, 'error' | 'error-after', number, string[], boolean[]]>([
    ['it had not arrived, and the new value arrives alone', 'error', 0, ['Hz'], [false]],
    ['it had arrived, and stays', 'error-after', 1, ['/min'], [true]],
  ])('of a detection that was parked without a clear answer when a run changed its value it is asked: %s', async (_situation, fault, count, units, superseded) => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    tmm.fault = (one) => (isPost(one) ? fault : undefined);
    await upload(app, rates(1));
    expect([(await parked(patientId)).map(({ reason }) => reason), writtenUnder(planId).length]).toEqual([['tmm-unavailable'], count]);
    undo = await mendHeartRates(operator);
    await renormalize(operator, patientId);
    tmm.fault = () => undefined;
    const delivered = await eventually(() => listed(`&state=delivered&patientId=${patientId}`), (rows) => rows.length === 1);
    expect([unitsOf(writtenUnder(planId)), delivered.map(({ supersededAt }) => supersededAt !== undefined)]).toEqual([units, superseded]);
    expect([await listed(`&state=waiting&patientId=${patientId}`), await listed(`&patientId=${patientId}`)]).toEqual([[], []]);
  });

  test('a detection whose sample was deleted while it was parked, and of which nobody can tell whether it arrived, is counted no more', async () => {
    const { patientId, app } = await patient();
    plan(patientId);
    tmm.fault = (one) => (isPost(one) ? 'error' : undefined);
    const sample = heartRate(0);
    await upload(app, [sample]);
    await parked(patientId);
    await answered(app.post('/health-data/deletions', { deletions: [{ uuid: sample.id }] }));
    expect(await eventually(() => listed(`&patientId=${patientId}`), ([row]) => row?.reason === 'outcome-unknown')).toMatchObject([{ supersededAt: expect.any(String) }]);
    expect(await (await fetch(`${submitter.vitalgate.urls.deviceManager}/-/metrics`)).text()).toMatch(/vitalgate_submissions\{[^}]*state="parked"[^}]*\} 0\n/);
  });

  test('a sample that no plan asked for is not submitted under a later one because a run changed its value', async () => {
    const { patientId, app } = await patient();
    const [id = ''] = await upload(app, rates(1));
    await becomes(app, id, 'normalized');
    await eventually(() => listed(`&state=waiting&patientId=${patientId}`), (rows) => rows.length === 0);
    undo = await mendHeartRates(operator);
    const later = plan(patientId);
    await renormalize(operator, patientId);
    expect([await listed(`&state=waiting&patientId=${patientId}`), writtenUnder(later)]).toEqual([[], []]);
  });

  test.each<[string, (patientId: string, app: Client, id: string) => Promise<unknown>]>([
    ['by a run', (patientId) => renormalize(operator, patientId)],
    ['with one sample normalized anew', (_patientId, app, id) => answered(app.send(`/health-data/normalize-data/${id}`, { method: 'PATCH' }))],
  ])('of a detection whose plans are looked up while its value changes, %s, the new value arrives alone', async (_situation, normalizeAnew) => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    const [asked, answer] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    tmm.hold = ({ url }) => {
      if (url.searchParams.get('patientId') !== patientId) return undefined;
      asked.resolve(undefined);
      return answer.promise;
    };
    const [id = ''] = await upload(app, rates(1));
    await asked.promise;
    undo = await mendHeartRates(operator);
    await normalizeAnew(patientId, app, id);
    tmm.hold = () => undefined;
    answer.resolve(undefined);
    await becomes(app, id, 'submitted');
    expect([unitsOf(writtenUnder(planId)), await listed(`&state=waiting&patientId=${patientId}`)]).toEqual([['Hz'], []]);
  });

  test('the detection of a total that counts again is superseded no more', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId, { prototypeId: 'step-count' });
    const hour = { type: 'StepCount', unit: 'count', startDate: '2024-07-23T10:00:00.000Z', endDate: '2024-07-23T11:00:00.000Z' };
    const total = (value: number) => ({ ...hour, value, metadata: [{ sourceId: 'com.apple.health.1', sourceName: 'Watch', quantity: value }] });
    const passed = (minutes: number) => submitter.vitalgate.database.pool.query('update device_manager.sample_group set received_at = received_at - make_interval(mins => $2) where patient_id = $1', [patientId, minutes]);
    const [id = ''] = await upload(app, [total(3000)]);
    await becomes(app, id, 'submitted');
    const [mistyped = ''] = await upload(app, [total(50_000)]);
    await becomes(app, mistyped, 'submitted');
    await becomes(app, id, 'superseded');
    await passed(20);
    await upload(app, [total(3000), { ...heartRate(0), id: randomUUID(), startDate: new Date().toISOString(), endDate: new Date().toISOString() }]);
    await becomes(app, id, 'submitted');
    // The other one is put aside by a job of its own.
    await becomes(app, mistyped, 'superseded');
    expect((await listed(`&state=delivered&patientId=${patientId}`)).map(({ sampleId, supersededAt }) => [sampleId, supersededAt !== undefined]).toSorted()).toEqual([[id, false], [mistyped, true]].toSorted());
    expect(writtenUnder(planId)).toHaveLength(2);
  });
});
