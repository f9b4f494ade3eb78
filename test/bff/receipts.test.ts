import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { eventually } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { type App, heartRate, newEnrolledApp, type Receipt } from './app.ts';

interface Progress {
  readonly uploadId: string;
  readonly state: string;
  readonly samples: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly index: number; readonly reason: string }[];
}

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate({ HISTORY_DAYS: 10_000, UPLOADS_PER_MINUTE: 30 });
});
afterAll(() => vitalgate.stop());

const newApp = () => newEnrolledApp(vitalgate);
const json = { 'content-type': 'application/json' };
const sample = (more: object = {}, second = 0) => ({ ...heartRate(randomUUID(), second), type: 'HeartRate', unit: 'bpm', ...more });
const receiptOf = async (answer: Promise<Response>) => (await (await answer).json()) as Receipt & { readonly unsupported: number; readonly uploadId: string; readonly code?: string };
const countOf = async (app: App) => ((await (await app.get('/health-data?_l=200')).json()) as unknown[]).length;

describe('a receipt tells what was assumed', () => {
  test.each<[string, object, string, object]>([
    ['nothing', sample(), '', {}],
    ['the unit, of the library', sample({ type: 'BodyMass', unit: undefined, value: 160.5 }), '', { assumed: ['unit'], type: 'HKQuantityTypeIdentifierBodyMass', unit: '[lb_av]' }],
    ['nothing where the request names type and unit', sample({ type: undefined, unit: undefined }), '?type=HeartRate&unit=bpm', {}],
    ['the type, from what only one type has', sample({ type: undefined, unit: 'bpm', metadata: { HKMetadataKeyHeartRateMotionContext: 1 } }), '', { assumed: ['type'], type: 'HKQuantityTypeIdentifierHeartRate', unit: '/min' }],
    ['that a percentage counts hundredths', sample({ type: 'BodyFatPercentage', unit: '%', value: 16.5 }), '', { assumed: ['percent'], type: 'HKQuantityTypeIdentifierBodyFatPercentage', unit: '%' }],
    ['that a text is a number', sample({ value: '71.5' }), '', { assumed: ['number'], type: 'HKQuantityTypeIdentifierHeartRate', unit: '/min' }],
    ['the time zone', sample({ startDate: '2024-07-01T02:00:00', endDate: '2024-07-01T02:00:00' }), '?timeZone=Europe/Rome', { assumed: ['time-zone'], type: 'HKQuantityTypeIdentifierHeartRate', unit: '/min' }],
  ])('%s', async (_situation, item, query, expected) => {
    const { items } = await receiptOf((await newApp()).post(`/health-data${query}`, [item]));
    const { index, status, _id, ...interpretation } = items[0] ?? { index: 1, status: '', _id: '' };
    expect([index, status, typeof _id, interpretation]).toEqual([0, 'created', 'string', expected]);
  });
});

describe('a date without an offset', () => {
  const flutter = (metadata?: object) => ({ uuid: randomUUID(), type: 'HEART_RATE', value: { __type: 'NumericHealthValue', numericValue: 71 }, unit: 'BEATS_PER_MINUTE', dateFrom: '2024-07-23T15:44:05.993', dateTo: '2024-07-23T15:44:05.993', ...(metadata && { metadata }) });

  test.each<[string, object | undefined, string, string]>([
    ['is on the clock of the phone that read it, wherever the sample was taken', { HKTimeZone: 'America/New_York' }, '?timeZone=Europe/Rome', '2024-07-23T13:44:05.993Z'],
    ['is read though nobody knows the zone of the sample', { HKTimeZone: 'GMT+0200' }, '?timeZone=Europe/Rome', '2024-07-23T13:44:05.993Z'],
    ['is in the zone of the sample where the upload names none', { HKTimeZone: 'America/New_York' }, '', '2024-07-23T19:44:05.993Z'],
    ['is refused where the upload names none, and nobody knows that of the sample', { HKTimeZone: 'GMT+0200' }, '', 'invalid-date'],
    ['is refused where neither names a zone', undefined, '', 'invalid-date'],
  ])('%s', async (_situation, metadata, query, expected) => {
    const app = await newApp();
    const { items } = await receiptOf(app.post(`/health-data${query}`, [flutter(metadata)]));
    const records = (await (await app.get('/health-data?_p=recordedAt')).json()) as { recordedAt: string }[];
    expect(items[0]?.error?.code ?? records[0]?.recordedAt).toBe(expected);
  });
});

test('a type that no rule reads is unsupported: kept, and a duplicate when it comes again', async () => {
  const app = await newApp();
  const strange = [sample({ type: 'HKQuantityTypeIdentifierOfNextYear' }), sample()];
  expect(await receiptOf(app.post('/health-data', strange))).toMatchObject({ received: 2, created: 1, unsupported: 1, items: [{ status: 'unsupported' }, { status: 'created' }], anchor: { safeToAdvance: true } });
  expect(await receiptOf(app.post('/health-data', strange))).toMatchObject({ unsupported: 0, duplicates: 2 });
  expect(await countOf(app)).toBe(2);
});

describe('Prefer: handling=strict', () => {
  const strictly = (app: App, body: unknown, prefer = 'handling=strict') => app.send('/health-data', { method: 'POST', headers: { ...json, prefer }, body: JSON.stringify(body) });

  test.each(['handling=strict', 'respond-async, handling="strict"', 'Handling = Strict; x=1'])('%s refuses all for one, and keeps nothing', async (prefer) => {
    const app = await newApp();
    const answer = await strictly(app, [sample(), sample({ startDate: 'yesterday' }), sample({ value: null })], prefer);
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([422, 'handling=strict']);
    expect(await answer.json()).toMatchObject({ code: 'samples-refused', errors: [{ pointer: '/1/startDate', code: 'invalid-date' }, { pointer: '/2/value', code: 'missing-value' }] });
    expect(await countOf(app)).toBe(0);
  });

  test('keeps all where none is refused; without it each is judged by itself', async () => {
    const app = await newApp();
    const answer = await strictly(app, [sample(), sample({}, 1)]);
    expect([answer.status, answer.headers.get('preference-applied'), await answer.json()]).toMatchObject([200, 'handling=strict', { created: 2 }]);
    expect(await receiptOf(strictly(app, [sample({}, 2), null], 'handling=lenient'))).toMatchObject({ created: 1, rejected: 1 });
  });
});

describe('the progress of an upload', () => {
  const progressOf = async (app: App, id: string) => (await (await app.get(`/uploads/${id}`)).json()) as Progress;
  const doneOf = (app: App, id: string) => eventually(() => progressOf(app, id), ({ state }) => state === 'done');

  test('ends when each sample is normalized, failed with a reason, superseded or deleted', async () => {
    const app = await newApp();
    const version = (number: number) => sample({ metadata: { HKMetadataKeySyncIdentifier: 'a', HKMetadataKeySyncVersion: number } });
    const gone = sample({}, 5);
    const first = await receiptOf(app.post('/health-data', [sample({}, 1), sample({ type: 'Unheard' }, 2), version(1), version(2), gone, sample({}, 6)]));
    expect(await doneOf(app, first.uploadId)).toMatchObject({ uploadId: first.uploadId, samples: 6, counts: { received: 0, normalized: 4, failed: 1, superseded: 1, deleted: 0 }, failures: [{ index: 1, reason: 'no-rule' }] });
    await app.post('/health-data/deletions', { deletions: [{ uuid: gone.id }] });
    expect(await progressOf(app, first.uploadId)).toMatchObject({ counts: { normalized: 3, failed: 1, superseded: 1, deleted: 1 } });
  });

  test('counts what was there before it came, too', async () => {
    const app = await newApp();
    const [old, fresh] = [sample(), sample({}, 1)];
    await app.post('/health-data', [old]);
    const { uploadId } = await receiptOf(app.post('/health-data', [old, fresh]));
    expect(await doneOf(app, uploadId)).toMatchObject({ samples: 2, counts: { normalized: 2 } });
  });

  test.each([['of somebody else', true], ['that never was', false]])("%s is not found", async (_situation, real) => {
    const [anna, ben] = [await newApp(), await newApp()];
    const { uploadId } = await receiptOf(anna.post('/health-data', [sample()]));
    for (const id of real ? [uploadId] : ['0'.repeat(32), 'no-id']) expect((await ben.get(`/uploads/${id}`)).status).toBe(404);
  });
});

describe('limits', () => {
  test('are open to all, cacheable, and those that hold', async () => {
    const answer = await fetch(`${vitalgate.urls.bff}/limits`);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=3600');
    const limits = (await answer.json()) as { maxItems: number; maxBytes: number };
    expect(limits).toEqual({
      maxItems: 5000, maxBytes: 10_485_760, recommendedItems: 1000, recommendedBytes: 1_048_576, encodings: ['gzip', 'br'],
      formats: ['healthkitstandard-json', 'react-native-healthkit-json', 'health-auto-export-json'], historyDays: 10_000, futureToleranceSeconds: 300, requestsPerMinute: 30,
    });
    const app = await newApp();
    const tooMany = await receiptOf(app.post('/health-data', Array.from({ length: limits.maxItems + 1 }, () => 0)));
    const tooLarge = await receiptOf(app.post('/health-data', ['x'.repeat(limits.maxBytes)]));
    expect([tooMany, tooLarge]).toMatchObject([{ code: 'too-many-items', limits: { maxItems: 5000, maxBytes: 10_485_760 } }, { code: 'payload-too-large', limits: { maxItems: 5000, maxBytes: 10_485_760 } }]);
  });

  test('of history: a sample that is older is refused for good, one that is not is taken', async () => {
    const at = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
    const aged = (days: number) => sample({ startDate: at(days), endDate: at(days) });
    const { items, anchor } = await receiptOf((await newApp()).post('/health-data', [aged(9999), aged(10_001)]));
    expect(items.map(({ status, error }) => error ?? status)).toMatchObject(['created', { code: 'older-than-history', retryable: false }]);
    expect(anchor.safeToAdvance).toBe(true);
  });

  test.each([['gzip', gzipSync], ['br', (bytes: Buffer) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })]] as const)('hold after decoding of %s, and what inflates beyond them is refused', async (encoding, compress) => {
    const app = await newApp();
    const send = (text: string) => app.send('/health-data', { method: 'POST', headers: { ...json, 'content-encoding': encoding }, body: compress(Buffer.from(text)) });
    expect(await receiptOf(send(JSON.stringify([sample()])))).toMatchObject({ created: 1 });
    expect(await receiptOf(send(`[${' '.repeat(100_000_000)}]`))).toMatchObject({ status: 413, code: 'payload-too-large', limits: { maxBytes: 10_485_760 } });
  });

  test('of requests: headers tell how many are left, and one too many waits', async () => {
    const app = await newApp();
    const sent = [];
    for (let count = 0; count < 31; count += 1) sent.push(await app.post('/health-data', []));
    expect([sent[0], sent[1]].map((answer) => [answer?.headers.get('ratelimit-policy'), answer?.headers.get('ratelimit')])).toEqual([
      ['"uploads";q=30;w=60', '"uploads";r=29;t=60'], ['"uploads";q=30;w=60', expect.stringMatching(/^"uploads";r=28;t=(60|59)$/)],
    ]);
    const last = sent.at(-1);
    expect([last?.status, last?.headers.get('ratelimit'), Number(last?.headers.get('retry-after'))]).toEqual([429, expect.stringContaining('r=0'), expect.any(Number)]);
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await (await newApp()).post('/health-data', [])).status).toBe(200);
  });
});
