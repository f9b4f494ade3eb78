import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { randomUUID } from 'node:crypto';
import { createSqlWriter } from '../../src/query/condition-sql.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, bloodPressure, clientWith, cuff, eventually, heartRate, newPatient, refused, service, watch, type Client, type KeptRecord } from './client.ts';

interface Found extends KeptRecord {
  readonly recordedAt: string;
}

const q = (condition: unknown) => `_q=${encodeURIComponent(JSON.stringify(condition))}`;
const filters = (list: unknown) => `filters=${encodeURIComponent(JSON.stringify(list))}`;
const one = (property: string, operator: string, value: unknown) => filters([{ property, operator, value }]);

describe('finding samples', () => {
  let vitalgate: TestVitalgate;
  let operator: Client;
  let anna: Client;
  let patientId = '';
  let otherId = '';
  let ids: string[] = [];
  const at = (second: number) => new Date(Date.UTC(2024, 6, 1) + second * 1000).toISOString();
  /** Names of the found samples: their second, or what else they are. */
  const named = (records: readonly Found[]) => records.map(({ recordedAt, rawDataType }) => `${String((Date.parse(recordedAt) - Date.UTC(2024, 6, 1)) / 1000)}${rawDataType?.endsWith('BodyMass') === true ? ' weight' : ''}`);
  const find = async (query: string, client = anna) => named(await answered<Found[]>(client.get(`/health-data?${query}`)));

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
    patientId = newPatient();
    anna = service(vitalgate, patientId);
    await answered(anna.post('/devices/assign', watch));
    await answered(anna.post('/devices/assign', { ...watch, deviceId: 'scale' }));
    const weight = { ...heartRate(30, { type: 'BodyMass', unit: 'kg', value: 70, deviceId: 'scale' }) };
    const kept = await answered<{ _id: string }[]>(anna.post('/health-data/healthkit', [heartRate(10, { deviceId: 'apple-12345' }), heartRate(20, { deviceId: 'apple-12345' }), weight, heartRate(40, { deviceId: 'apple-12345', type: 'BodyTemperature', unit: undefined, value: 500 })]));
    ids = kept.map(({ _id }) => _id);
    await eventually(() => answered<Found[]>(anna.get('/health-data')), (all) => all.every(({ state }) => state !== 'received'));
    otherId = newPatient();
    const other = service(vitalgate, otherId);
    await answered(other.post('/devices/assign', watch));
    await answered(other.post('/health-data/healthkit', [heartRate(20)]));
  });
  afterAll(() => vitalgate.stop());

  test.each<[string, () => string, string[]]>([
    ['nothing asked', () => '', ['40', '30 weight', '20', '10']],
    ['equality', () => q({ deviceId: 'scale' }), ['30 weight']],
    ['$eq', () => q({ normalizedDataType: { $eq: 'body-weight' } }), ['30 weight']],
    ['$ne', () => q({ deviceId: { $ne: 'scale' } }), ['40', '20', '10']],
    ['$in', () => q({ _id: { $in: [ids[0], ids[2]] } }), ['30 weight', '10']],
    ['$in nothing', () => q({ _id: { $in: [] } }), []],
    ['$nin', () => q({ _id: { $nin: [ids[0], ids[2]] } }), ['40', '20']],
    ['$gt', () => q({ recordedAt: { $gt: at(20) } }), ['40', '30 weight']],
    ['$gte with $lt', () => q({ recordedAt: { $gte: at(20), $lt: at(40) } }), ['30 weight', '20']],
    ['$lte with an offset', () => q({ recordedAt: { $lte: '2024-07-01T02:00:20+02:00' } }), ['20', '10']],
    ['a day, from its midnight in UTC', () => q({ recordedAt: { $gte: '2024-07-01', $lt: '2024-07-02' } }), ['40', '30 weight', '20', '10']],
    ['a year that stands for never', () => q({ recordedAt: { $lt: '9999-12-31T23:59:59Z' } }), ['40', '30 weight', '20', '10']],
    ['another name of recordedAt', () => q({ observedAt: at(20) }), ['20']],
    ['$exists', () => q({ normalizedDataType: { $exists: false } }), ['40']],
    ['null', () => q({ normalizedDataType: null }), ['40']],
    ['a number', () => q({ ruleVersion: { $gte: 1 } }), ['30 weight', '20', '10']],
    ['$regex', () => q({ rawDataType: { $regex: 'Mass$' } }), ['30 weight']],
    ['$regex in any case', () => q({ rawDataType: { $regex: 'mass$', $options: 'i' } }), ['30 weight']],
    ['$regex of whole words', () => q({ deviceId: { $regex: String.raw`\bscale\b` } }), ['30 weight']],
    ['$regex within a word', () => q({ deviceId: { $regex: String.raw`\Bcale` } }), ['30 weight']],
    ['$regex in this case', () => q({ rawDataType: { $regex: 'mass$' } }), []],
    ['$or', () => q({ $or: [{ deviceId: 'scale' }, { recordedAt: at(10) }] }), ['30 weight', '10']],
    ['$and', () => q({ $and: [{ deviceId: 'apple-12345' }, { recordedAt: { $ne: at(10) } }] }), ['40', '20']],
    ['state', () => q({ state: 'normalization-failed' }), ['40']],
    ['__STATE__', () => q({ __STATE__: 'PUBLIC' }), ['40', '30 weight', '20', '10']],
    ['text that looks like SQL', () => q({ deviceId: "scale' or '1'='1" }), []],
    ['another patient, who is not seen', () => q({ patientId: { $exists: true } }), ['40', '30 weight', '20', '10']],
    ['a plain _id', () => `_id=${ids[1] ?? ''}`, ['20']],
    ['a plain instant', () => `recordedAt=${at(20)}`, ['20']],
    ['a plain rule', () => 'ruleId=healthkit-body-weight', ['30 weight']],
    ['a plain reason', () => 'reason=implausible-with-assumed-unit', ['40']],
    ['_st', () => '_st=PUBLIC,DRAFT', ['40', '30 weight', '20', '10']],
    ['_st of what no sample is', () => '_st=TRASH', []],
    ['_s', () => '_s=recordedAt', ['10', '20', '30 weight', '40']],
    ['_s by two members', () => '_s=-deviceId,recordedAt', ['30 weight', '10', '20', '40']],
    ['_l and _sk', () => '_l=2&_sk=1', ['30 weight', '20']],
    ['filters: equal', () => one('deviceId', 'equal', 'scale'), ['30 weight']],
    ['filters: a labelled value', () => one('deviceId', 'equal', { label: 'Scale', value: 'scale' }), ['30 weight']],
    ['filters: notEqual', () => one('deviceId', 'notEqual', 'scale'), ['40', '20', '10']],
    ['filters: greater', () => one('recordedAt', 'greater', at(20)), ['40', '30 weight']],
    ['filters: between, both ends included', () => one('observedAt', 'between', [at(20), at(30)]), ['30 weight', '20']],
    ['filters: notBetween', () => one('recordedAt', 'notBetween', [at(20), at(30)]), ['40', '10']],
    ['filters: includeSome', () => one('deviceId', 'includeSome', ['scale', { label: 'x', value: 'y' }]), ['30 weight']],
    ['filters: notIncludeAny', () => one('deviceId', 'notIncludeAny', ['scale']), ['40', '20', '10']],
    ['filters: regex, in any case', () => one('rawDataType', 'regex', 'bodymass'), ['30 weight']],
    ['filters: exists', () => one('reason', 'exists', true), ['40']],
    ['two filters', () => filters([{ property: 'deviceId', operator: 'equal', value: 'apple-12345' }, { property: 'recordedAt', operator: 'less', value: at(20) }]), ['10']],
    ['a filter that is switched off, beside one that holds', () => filters([{ property: 'deviceId', operator: 'equal', value: 'scale', applied: false }, { property: 'recordedAt', operator: 'less', value: at(40), applied: true }]), ['30 weight', '20', '10']],
    ['a filter that is switched off and has no value yet', () => filters([{ property: 'recordedAt', operator: 'between', applied: false }]), ['40', '30 weight', '20', '10']],
    ['no filter', () => 'filters=[]', ['40', '30 weight', '20', '10']],
    ['_q, filters and a plain field', () => `${q({ recordedAt: { $gt: at(10) } })}&${one('recordedAt', 'less', at(40))}&deviceId=apple-12345`, ['20']],
  ])('%s', async (_situation, query, expected) => {
    expect(await find(query())).toEqual(expected);
    expect(await answered<number>(anna.get(`/health-data/count?${query().replaceAll(/&?_(s|l|sk)=[^&]*/g, '')}`))).toBe(/_(l|sk)=/.test(query()) ? 4 : expected.length);
  });

  test.each<[string, () => string, string, string]>([
    ['what is encrypted', () => q({ rawData: { $exists: true } }), '/query/_q', 'not-filterable'],
    ['a part of what is encrypted', () => q({ 'normalizedData.observations.value': { $gt: 100 } }), '/query/_q', 'not-filterable'],
    ['what is encrypted, in a filter', () => one('normalizedData.observations.value', 'greater', 100), '/query/filters', 'not-filterable'],
    ['what is encrypted, in an order', () => '_s=rawData', '/query/_s', 'not-filterable'],
    ['an unknown member', () => q({ colour: 'red' }), '/query/_q', 'unknown-member'],
    ['a member of every object', () => q({ constructor: 'x' }), '/query/_q', 'unknown-member'],
    ['an unknown member of an order', () => '_s=colour', '/query/_s', 'unknown-member'],
    ['an unknown operator', () => q({ deviceId: { $where: '1' } }), '/query/_q', 'unknown-operator'],
    ['$nor', () => q({ $nor: [] }), '/query/_q', 'unknown-member'],
    ['$not', () => q({ deviceId: { $not: { $eq: 'x' } } }), '/query/_q', 'unknown-operator'],
    ['an operator on lists', () => q({ deviceId: { $size: 1 } }), '/query/_q', 'unknown-operator'],
    ['$options alone', () => q({ deviceId: { $options: 'i' } }), '/query/_q', 'unknown-operator'],
    ['a pattern that is none', () => q({ deviceId: { $regex: '(' } }), '/query/_q', 'invalid-pattern'],
    ['a pattern with a back reference', () => q({ deviceId: { $regex: String.raw`(a)\1` } }), '/query/_q', 'invalid-pattern'],
    ['a pattern of a filter that refers by name', () => one('deviceId', 'regex', String.raw`(?<a>a)\k<a>`), '/query/filters', 'invalid-pattern'],
    ['an operator that is unknown, of a filter that is switched off', () => filters([{ property: 'deviceId', operator: 'hasLengthEqual', value: 1, applied: false }]), '/query/filters', 'unknown-operator'],
    ['a filter that is switched off and names nothing', () => filters([{ operator: 'equal', value: 1, applied: false }]), '/query/filters', 'wrong-type'],
    ['a pattern that PostgreSQL does not know', () => q({ deviceId: { $regex: '(?<=a)b\\p{L}' } }), '/query/_q', 'invalid-pattern'],
    ['a pattern of a date', () => q({ recordedAt: { $regex: '2024' } }), '/query/_q', 'wrong-type'],
    ['a date that is none', () => q({ recordedAt: { $gt: 'yesterday' } }), '/query/_q', 'invalid-date'],
    ['a number for a date', () => q({ recordedAt: { $gt: 1719792000 } }), '/query/_q', 'wrong-type'],
    ['a time of no zone', () => q({ recordedAt: { $gte: '2024-07-01T00:00:00' } }), '/query/_q', 'invalid-date'],
    ['a time of no zone among others', () => q({ recordedAt: { $in: [at(10), '2024-07-01T00:00:20'] } }), '/query/_q', 'invalid-date'],
    ['a time of no zone, in a filter', () => one('recordedAt', 'between', ['2024-07-01T00:00:00', at(20)]), '/query/filters', 'invalid-date'],
    ['an instant of 30 February', () => q({ receivedAt: { $lt: '2024-02-30T00:00:00Z' } }), '/query/_q', 'invalid-date'],
    ['30 February', () => q({ recordedAt: '2024-02-30' }), '/query/_q', 'invalid-date'],
    ['a minute of 61 seconds', () => q({ recordedAt: '2016-12-31T23:59:60Z' }), '/query/_q', 'invalid-date'],
    ['a number for a text', () => q({ deviceId: 7 }), '/query/_q', 'wrong-type'],
    ['an _id that is none', () => q({ _id: 'x' }), '/query/_q', 'wrong-type'],
    ['an array', () => '_q=[]', '/query/_q', 'wrong-type'],
    ['broken JSON', () => '_q={', '/query/_q', 'malformed-json'],
    ['a NUL', () => q({ deviceId: 'a\0' }), '/query/_q', 'invalid-text'],
    ['deep nesting', () => q(Array.from({ length: 12 }).reduce<object>((inner) => ({ $and: [inner] }), {})), '/query/_q', 'too-deep'],
    ['filters that are no array', () => 'filters={}', '/query/filters', 'wrong-type'],
    ['an operator of filters that is unknown', () => one('deviceId', 'hasLengthEqual', 1), '/query/filters', 'unknown-operator'],
    ['an unknown state', () => '_st=GONE', '/query/_st', 'pattern'],
    ['a parameter nobody knows', () => 'limit=1', '/query/limit', 'unknown-parameter'],
  ])('%s is refused', async (_situation, query, pointer, code) => {
    for (const path of ['/health-data', ...(query().startsWith('_s=') ? [] : ['/health-data/count', '/health-data/export'])]) {
      const answer = await anna.get(`${path}?${query()}`);
      const { errors } = await refused(Promise.resolve(answer));
      expect([answer.status, errors?.[0]?.pointer, errors?.[0]?.code]).toEqual([400, pointer, code]);
    }
  });

  test('samples are found under the name of their type as delivered, and under every name of HealthKit', async () => {
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    const client = service(vitalgate, newPatient());
    for (const device of [watch, { ...cuff('Maker:Cuff:1'), assignedFrom: '2024-01-01T00:00:00Z' }]) await answered(client.post('/devices/assign', device));
    await answered(sender.post('/health-data/medisante', bloodPressure({ id: 'Maker:Cuff:1' }, at(1))));
    await answered(client.post('/health-data/healthkit', [heartRate(2, { type: 'BloodPressure', unit: 'mmHg', value: undefined, bloodPressureSystolicValue: 120, bloodPressureDiastolicValue: 80 }), heartRate(3)]));
    const [ofCuff, ofPhone] = ['BloodPressure', 'HKCorrelationTypeIdentifierBloodPressure'];
    for (const [query, expected] of [['BloodPressure&providerId=medisante', [ofCuff]], ['BloodPressure', [ofPhone, ofCuff]], ['blood_pressure', [ofPhone]], [ofPhone, [ofPhone]], ['Blood', []]] as const) {
      const found = (await answered<Found[]>(client.get(`/health-data?rawDataType=${query}`))).map(({ rawDataType }) => rawDataType);
      expect([query, found, await answered(client.get(`/health-data/count?rawDataType=${query}`))]).toEqual([query, expected, expected.length]);
    }
  });

  test('deleted samples are found by those alone who ask for them, in whatever way', async () => {
    const client = service(vitalgate, newPatient());
    await answered(client.post('/devices/assign', watch));
    const [stays, goes] = [heartRate(1), heartRate(2)];
    await answered(client.post('/health-data/healthkit', [stays, goes]));
    await answered(client.post('/health-data/deletions', { deletions: [{ uuid: goes.id }] }));
    const state = (condition: unknown) => q({ state: condition });
    for (const [query, expected] of [
      ['', ['1']], ['state=deleted', ['2']], [state('deleted'), ['2']], [state({ $in: ['normalized', 'received', 'deleted'] }), ['2', '1']], [q({ $or: [{ state: 'deleted' }, { recordedAt: at(1) }] }), ['2', '1']],
      [one('state', 'equal', 'deleted'), ['2']], [one('state', 'includeSome', ['deleted']), ['2']], [state({ $ne: 'normalization-failed' }), ['1']], [state({ $nin: ['deleted'] }), ['1']],
      [filters([{ property: 'state', operator: 'equal', value: 'deleted', applied: false }]), ['1']],
    ] as const) expect([query, await find(query, client), await answered(client.get(`/health-data/count?${query}`))]).toEqual([query, expected, expected.length]);
  });

  test('a query that takes too long is given up with advice', async () => {
    const { pool } = vitalgate.database;
    const blocker = await pool.connect();
    try {
      await blocker.query('begin; lock table device_manager.sample in access exclusive mode');
      const started = Date.now();
      const answer = await anna.get(`/health-data?${q({ deviceId: 'scale' })}`);
      expect([answer.status, (await refused(Promise.resolve(answer))).errors]).toEqual([400, [{ pointer: '/query/_q', code: 'too-slow', message: 'Narrow the query, by patientId or recordedAt.' }]]);
      expect(Date.now() - started).toBeLessThan(5000);
    } finally {
      await blocker.query('rollback');
      blocker.release();
    }
  });

  test('every value of a condition is a parameter', () => {
    const { where, values } = createSqlWriter({ a: 's.a' });
    expect([where({ member: 'a', kind: 'text', comparison: 'equal', values: ["x'--"] }), values]).toEqual(['(coalesce(s.a = $1::text, false))', ["x'--"]]);
    expect(where({ any: [] })).toBe('false');
  });

  describe('pages by cursor', () => {
    test('lead through all of it, also when a newer sample comes in meanwhile', async () => {
      const bert = newPatient();
      const client = service(vitalgate, bert);
      await answered(client.post('/devices/assign', watch));
      await answered(client.post('/health-data/healthkit', [1, 2, 2, 2, 3].map((second) => heartRate(second))));
      const seen: Found[] = [];
      for (let path: string | undefined = '/health-data?_l=2&providerId=healthkit'; path !== undefined && seen.length < 20; ) {
        const response: Response = await client.get(path);
        seen.push(...((await response.json()) as Found[]));
        await answered(client.post('/health-data/healthkit', [heartRate(100 + seen.length)]));
        const link = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
        path = link?.slice(vitalgate.urls.deviceManager.length);
      }
      expect(named(seen)).toEqual(['3', '2', '2', '2', '1']);
      expect(new Set(seen.map(({ _id }) => _id)).size).toBe(5);
    });

    test.each<[string, string, string]>([['nobody wrote', '_cursor=abc', 'invalid-cursor'], ['with another order', 'CURSOR&_s=deviceId', 'not-with-order'], ['with samples to skip', 'CURSOR&_sk=1', 'not-with-order']])('%s is refused', async (_situation, query, code) => {
      const link = (await anna.get('/health-data?_l=1')).headers.get('link') ?? '';
      const cursor = /_cursor=[^&>]+/.exec(link)?.[0] ?? '';
      expect((await refused(anna.get(`/health-data?${query.replace('CURSOR', cursor)}`))).errors?.[0]).toMatchObject({ pointer: '/query/_cursor', code });
    });
  });

  describe('the export', () => {
    const lines = async (query = '', client = anna) => {
      const answer = await client.get(`/health-data/export?${query}`);
      expect([answer.status, answer.headers.get('content-type')?.split(';')[0]]).toEqual([200, 'application/x-ndjson']);
      return (await answer.text()).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Found);
    };

    test('is a sample a line, as the list has it', async () => {
      expect(await lines()).toEqual(await answered(anna.get('/health-data')));
      expect(named(await lines(q({ deviceId: 'scale' })))).toEqual(['30 weight']);
      expect((await lines('_p=rawData')).map((record) => record.rawData)).not.toContain(undefined);
      expect(named(await lines(`patientId=${patientId}`, operator))).toEqual(['40', '30 weight', '20', '10']);
    });

    test('goes beyond one batch', async () => {
      const client = service(vitalgate, newPatient());
      await answered(client.post('/devices/assign', watch));
      await answered(client.post('/health-data/healthkit', Array.from({ length: 450 }, (_, second) => heartRate(second))));
      expect(new Set((await lines('', client)).map(({ _id }) => _id)).size).toBe(450);
    });

    test('is CSV when the client prefers it, safe for spreadsheets', async () => {
      const client = service(vitalgate, newPatient());
      await answered(client.post('/devices/assign', { ...watch, deviceId: '=1+1,"x"' }));
      await answered(client.post('/health-data/healthkit', [heartRate(1, { deviceId: '=1+1,"x"' })]));
      await eventually(() => answered<Found[]>(client.get('/health-data')), ([record]) => record?.state === 'normalized');
      const answer = await client.send('/health-data/export', { headers: { accept: 'text/csv' } });
      const rows: Record<string, string>[] = parse(await answer.text(), { columns: true });
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(rows).toMatchObject([{ deviceId: `'=1+1,"x"`, normalizedDataType: 'heart-rate', recordedAt: at(1), code: 'https://loinc.org/8867-4', value: '71', unitCode: '/min' }]);
      const empty = await service(vitalgate, newPatient()).send('/health-data/export', { headers: { accept: 'text/csv' } });
      expect((await empty.text()).trimEnd().split('\r\n')).toHaveLength(1);
    });
  });

  test('listing, counting and exporting leave rows in the audit, and another patient is refused', async () => {
    const client = service(vitalgate, patientId);
    await Promise.all(['', '/count', '/export'].map(async (path) => (await client.get(`/health-data${path}`)).text()));
    const { rows } = await vitalgate.database.pool.query<{ resource: string }>(`select distinct resource from device_manager.audit_event where patient_id = $1 and action = 'R' and resource like 'health-data%' order by 1`, [patientId]);
    expect(rows.map(({ resource }) => resource)).toEqual(['health-data', 'health-data/count', 'health-data/export']);
    expect(await Promise.all(['', '/count', '/export'].map(async (path) => (await client.get(`/health-data${path}?patientId=somebody`)).status))).toEqual([403, 403, 403]);
  });

  describe('whoever may see everybody leaves a row with each patient who was seen', () => {
    const who = () => new Map([[patientId, 'anna'], [otherId, 'other'], ['', 'nobody']]);
    const seenBy = async (client: Client, path: string): Promise<string[]> => {
      const requestId = `seen-${randomUUID()}`;
      const answer = await client.send(path, { headers: { 'x-request-id': requestId } });
      expect([path, answer.status]).toEqual([path, 200]);
      await answer.text();
      const { rows } = await vitalgate.database.pool.query<{ patient_id: string; peer: string }>('select patient_id, peer from device_manager.audit_event where request_id = $1', [requestId]);
      expect(rows.map(({ peer }) => peer)).toEqual(rows.map(() => 'loopback'));
      return rows.map(({ patient_id: id }) => who().get(id) ?? id).sort();
    };
    const exactly = (id: string) => q({ patientId: id });

    test.each<[string, () => string, string[], string[]]>([
      ['a patient named in a condition', () => exactly(patientId), ['anna'], ['anna']],
      ['a patient named in a filter', () => one('patientId', 'equal', patientId), ['anna'], ['anna']],
      ['a patient named by a pattern', () => q({ patientId: { $regex: `^${patientId}$` } }), ['anna'], ['anna']],
      ['a patient named as the creator', () => q({ creatorId: patientId }), ['anna'], ['anna']],
      ['a named patient without such samples', () => q({ patientId, deviceId: 'nothing-like-it' }), ['anna'], ['anna']],
      ['two patients named as choices', () => q({ $or: [{ patientId }, { patientId: { $in: [otherId] } }] }), ['anna', 'other'], ['anna', 'other']],
      ['a device of one patient', () => 'deviceId=scale', ['anna'], ['anna']],
      ['one sample', () => `_id=${ids[1] ?? ''}`, ['anna'], ['anna']],
      ['several patients: a number of theirs is about nobody', () => q({ $or: [{ _id: ids[1] }, { patientId: { $regex: `^${otherId}` } }] }), ['anna', 'other'], ['nobody']],
      ['nothing found, nobody named', () => 'deviceId=nothing-like-it', ['nobody'], ['nobody']],
      ['a patient who is left out', () => q({ patientId: { $ne: otherId }, deviceId: 'scale' }), ['anna'], ['anna']],
      ['a patient named in the usual way', () => `patientId=${patientId}`, ['anna'], ['anna']],
    ])('%s', async (_situation, query, seen, counted) => {
      expect({ list: await seenBy(operator, `/health-data?${query()}`), export: await seenBy(operator, `/health-data/export?${query()}`), count: await seenBy(operator, `/health-data/count?${query()}`) })
        .toEqual({ list: seen, export: seen, count: counted });
    });

    test('a service without a patient, too; and one with a patient writes of no other', async () => {
      expect(await seenBy(service(vitalgate), `/health-data?${exactly(patientId)}`)).toEqual(['anna']);
      expect(await seenBy(anna, `/health-data?${exactly(otherId)}`)).toEqual(['anna']);
    });

    test('an export of many batches is one row with a patient', async () => {
      const many = newPatient();
      const client = service(vitalgate, many);
      await answered(client.post('/devices/assign', { ...watch, deviceId: 'batches' }));
      await answered(client.post('/health-data/healthkit', Array.from({ length: 450 }, (_, second) => heartRate(second, { deviceId: 'batches' }))));
      expect(await seenBy(operator, '/health-data/export?deviceId=batches')).toEqual([many]);
    });

    test('Observations by their identifiers', async () => {
      const ofOthers = await Promise.all([patientId, otherId].map(async (id) => (await answered<{ entry?: { resource: { id: string } }[] }>(operator.get(`/fhir/Observation?patient=${id}&_count=1`))).entry?.[0]?.resource.id ?? ''));
      expect(await seenBy(operator, `/fhir/Observation?_id=${ofOthers[0] ?? ''}`)).toEqual(['anna']);
      expect(await seenBy(operator, `/fhir/Observation?_id=${ofOthers.join(',')}`)).toEqual(['anna', 'other']);
      expect(await seenBy(operator, '/fhir/Observation?_id=nothing-like-it')).toEqual(['nobody']);
    });
  });
});
