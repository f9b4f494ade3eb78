import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { type App, heartRate, newEnrolledApp, type Receipt } from './app.ts';

/** One sample or body that real phones and libraries have sent, and what should become of it. */
interface Case {
  readonly case: string;
  readonly type: string;
  readonly suggest: string;
  readonly item?: Readonly<Record<string, unknown>>;
  readonly rawText?: string;
}

const cases = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'healthkit', 'negative', 'rnh-cases.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Case);
const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });

/** Two cases describe their text instead of having it. */
const bodyOf = ({ case: name, item, rawText }: Case): string => {
  if (name === 'sourceName-10k') return JSON.stringify([{ ...item, sourceName: 'x'.repeat(10_000) }]);
  if (name === 'metadata-deep') return JSON.stringify([{ ...item, metadata: nested(200) }]);
  return rawText ?? JSON.stringify([item]);
};

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
});
afterAll(() => vitalgate.stop());

const newApp = () => newEnrolledApp(vitalgate);
type Answer = Partial<Receipt> & { readonly code?: string; readonly errors?: readonly { readonly pointer: string }[] };
const send = async (app: App, query: string, body: string): Promise<string> => {
  const answer = await app.send(`/health-data?${query}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { items, code, errors } = (await answer.json()) as Answer;
  if (items === undefined) return `${String(answer.status)} ${code ?? ''} ${errors?.[0]?.pointer ?? ''}`.trim();
  return items.map(({ status, error }) => (error ? `${error.code} ${error.pointer}` : status)).join(', ');
};
const idle = () => eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);
const becomes = async (app: App): Promise<string> => {
  await idle();
  const [record] = (await (await app.get('/health-data?_p=normalizedData,reason')).json()) as { state: string; reason?: string; normalizedData?: { observations: { value: number; unitCode: string; annotation?: Record<string, string> }[] } }[];
  if (!record?.normalizedData) return record ? `${record.state} ${record.reason ?? ''}` : 'nothing';
  return record.normalizedData.observations.map(({ value, unitCode, annotation = {} }) => [String(value), unitCode, ...Object.keys(annotation).filter((name) => annotation[name] === 'true')].join(' ')).join(', ');
};

/** The verdict, and what the record says. What nobody can read whole refuses the whole body, with a pointer to the item. */
const verdicts: Readonly<Record<string, readonly [verdict: string, record: string]>> = {
  good: ['created', '71 /min unitAssumed'],
  zulu: ['created', '71 /min unitAssumed'],
  nanoseconds: ['created', '71 /min unitAssumed'],
  'no-offset-local': ['invalid-date /0/startDate', 'nothing'],
  'epoch-apple-2001': ['invalid-date /0/startDate', 'nothing'],
  'buddhist-year': ['invalid-date /0/startDate', 'nothing'],
  'impossible-date': ['invalid-date /0/startDate', 'nothing'],
  'dst-fold': ['created', '71 /min unitAssumed'],
  'year-1970': ['created', '71 /min clockSuspect unitAssumed'],
  'empty-id': ['invalid-id /0/id', 'nothing'],
  'uuid-with-braces': ['invalid-id /0/id', 'nothing'],
  'numeric-id': ['invalid-id /0/id', 'nothing'],
  'null-value': ['missing-value /0/value', 'nothing'],
  'string-number-comma': ['invalid-value /0/value', 'nothing'],
  'negative-hr': ['value-out-of-range /0/value', 'nothing'],
  'hr-301': ['created', '301 /min unitAssumed implausible'],
  'nan-literal': ['400 malformed-json /0/value', 'nothing'],
  'boolean-value': ['invalid-value /0/value', 'nothing'],
  'spo2-fraction': ['created', '98 % unitAssumed'],
  'spo2-over': ['value-out-of-range /0/value', 'nothing'],
  'bodyfat-16.5': ['created', '16.5 % unitAssumed percentAssumed'],
  'temp-fahrenheit': ['created', 'normalization-failed implausible-with-assumed-unit'],
  'hrv-ms-vs-s': ['created', 'normalization-failed implausible-with-assumed-unit'],
  'bp-missing-diastolic': ['missing-value /0/bloodPressureDiastolicValue', 'nothing'],
  'bp-crisis': ['created', '224 mm[Hg] unitAssumed, 131 mm[Hg] unitAssumed'],
  'sleep-unknown-string': ['created', 'normalization-failed event-unknown'],
  'metadata-array': ['created', '71 {steps} unitAssumed'],
  'metadata-vendor-keys': ['created', '71 /min unitAssumed'],
  'metadata-dollar-key': ['created', '71 /min unitAssumed'],
  'metadata-deep': [`400 too-deep /0/metadata${'/a'.repeat(30)}`, 'nothing'],
  'sourceName-unicode': ['created', '71 /min unitAssumed'],
  'sourceName-10k': ['text-too-long /0/sourceName', 'nothing'],
  'object-instead-of-array': ['400 invalid-request', 'nothing'],
  'null-item': ['invalid-item /0', 'nothing'],
  'duplicate-conflict': ['created, conflict', '71 /min unitAssumed'],
  'truncated-json': ['400 malformed-json /0/value', 'nothing'],
  'duplicate-json-key': ['400 duplicate-key /0/value', 'nothing'],
  'workout-start-end-names': ['created', '32.648066666666665 min, 312.5 kcal, 5005.05984 m'],
  'steps-huge': ['created', '1000001 {steps} unitAssumed implausible'],
};

describe('what real phones and libraries have sent', () => {
  test.each(cases.map((one) => [one.case, one] as const))('%s', async (name, one) => {
    const app = await newApp();
    expect([await send(app, `type=${one.type}`, bodyOf(one)), await becomes(app)]).toEqual(verdicts[name]);
  });
});

describe('an item', () => {
  const sample = (more: object) => ({ ...heartRate(randomUUID(), 0), ...more });
  const long = 'x'.repeat(60_000);
  const clinical = (more: object) => sample({ type: 'HKClinicalTypeIdentifierAllergyRecord', value: undefined, fhirData: { resourceType: 'AllergyIntolerance', text: { status: 'generated', div: long } }, ...more });
  test.each<[string, unknown, string]>([
    ['with a number as text', sample({ type: 'HeartRate', unit: 'bpm', value: '71.5' }), 'created'],
    ['with a text that is no number', sample({ type: 'HeartRate', unit: 'bpm', value: 'NaN' }), 'invalid-value /0/value'],
    ['of 150 percent', sample({ type: 'OxygenSaturation', unit: '%', value: 150 }), 'value-out-of-range /0/value'],
    ['that weighs less than nothing', sample({ type: 'BodyMass', unit: 'kg', value: -71 }), 'value-out-of-range /0/value'],
    ['of a unit nobody knows', sample({ type: 'BodyMass', unit: 'gloops' }), 'unit-unknown /0/unit'],
    ['of a unit that measures something else', sample({ type: 'BodyMass', unit: 'bpm' }), 'unit-not-for-type /0/unit'],
    ['from the future', sample({ type: 'HeartRate', startDate: '2190-01-01T00:00:00Z', endDate: '2190-01-01T00:00:00Z' }), 'date-in-future /0/startDate'],
    ['that ends before it starts', sample({ type: 'HeartRate', endDate: '2024-06-01T00:00:00Z' }), 'end-before-start /0/endDate'],
    ['of another patient', sample({ type: 'HeartRate', assignedPatientId: 'somebody' }), 'not-your-data /0/assignedPatientId'],
    ["of somebody's device", sample({ type: 'HeartRate', deviceId: 'not-mine' }), 'device-not-enrolled /0/deviceId'],
    ['of a type nobody knows', sample({ type: 'HKQuantityTypeIdentifierOfNextYear', unit: 'count/min' }), 'unsupported'],
    ['with a text of 4097 characters', sample({ type: 'HeartRate', metadata: { note: long.slice(0, 4097) } }), 'text-too-long /0/metadata/note'],
    ['with a clinical record of 60 kB narrative', clinical({}), 'created'],
    ['with a long text beside the resource of a clinical record', clinical({ displayName: long }), 'text-too-long /0/displayName'],
    ['with a long text in what is no resource', clinical({ fhirData: { text: { div: long } } }), 'text-too-long /0/fhirData/text/div'],
    ['that is a list', [sample({})], 'invalid-item /0'],
    ['with a text nobody can store', sample({ type: 'HeartRate', sourceName: 'a\u0000b' }), 'invalid-text /0/sourceName'],
  ])('%s', async (_situation, item, verdict) => {
    expect(await send(await newApp(), '', JSON.stringify([item]))).toBe(verdict);
  });

  test('with a clinical record whose document is of 8 MB is kept and read as it was sent', async () => {
    const app = await newApp();
    const fhirData = { resourceType: 'DocumentReference', content: [{ attachment: { contentType: 'application/pdf', data: 'QUJD'.repeat(2_000_000) } }] };
    expect(await send(app, '', JSON.stringify([clinical({ type: 'HKClinicalTypeIdentifierClinicalNoteRecord', fhirData })]))).toBe('created');
    await idle();
    const [record] = (await (await app.get('/health-data?_p=rawData')).json()) as { state: string; rawData: { fhirData: unknown } }[];
    expect([record?.state, JSON.stringify(record?.rawData.fhirData) === JSON.stringify(fhirData)]).toEqual(['normalized', true]);
  });

  test('with a number beyond all numbers costs nobody else', async () => {
    const one = JSON.stringify(sample({ type: 'HeartRate', unit: 'bpm' }));
    expect(await send(await newApp(), '', `[${one.replace(':71', ':1e400')},${one}]`)).toBe('invalid-value /0/value, created');
  });

  test('more than 5000 of them, or 100 000, are refused with the limits', async () => {
    const app = await newApp();
    for (const count of [5001, 100_000]) expect(await send(app, '', `[${'0,'.repeat(count - 1)}0]`)).toBe('413 too-many-items');
  });
});
