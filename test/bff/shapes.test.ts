import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { type App, newEnrolledApp, type Receipt } from './app.ts';

interface Listed {
  readonly _id: string;
  readonly state: string;
  readonly reason?: string;
  readonly rawDataType?: string;
  readonly recordedAt: string;
  readonly rawData?: unknown;
  readonly normalizedData?: { readonly period: { readonly endDate?: string }; readonly observations: readonly { readonly name: string; readonly value: number; readonly unitCode: string }[]; readonly attachments?: readonly { readonly pointer: string }[] };
}

const root = join(import.meta.dirname, '..', 'fixtures', 'healthkit');
const bodyOf = (folder: string, file: string): unknown => JSON.parse(readFileSync(join(root, folder, file), 'utf8'));

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
});
afterAll(() => vitalgate.stop());

const newApp = () => newEnrolledApp(vitalgate);
const upload = async (app: App, format: string, body: unknown, query = '') => (await (await app.post(`/health-data/${format}${query}`, body)).json()) as Receipt & { readonly deleted: number; readonly deletions?: { readonly unknown: number; readonly deleted: number } };
const idle = () => eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);
const listOf = async (app: App) => {
  await idle();
  return (await (await app.get('/health-data?_l=200&_p=normalizedData,rawDataType,reason,recordedAt,rawData')).json()) as Listed[];
};
/** What became of a sample, in a few words: its values with their units and what is attached, or why it has none. */
const told = ({ state, reason, normalizedData }: Listed): string => {
  if (!normalizedData) return `${state} ${reason ?? ''}`;
  const { observations, attachments = [] } = normalizedData;
  return [...observations.map(({ value, unitCode }) => `${String(Number(value.toFixed(4)))} ${unitCode}`), ...attachments.map(({ pointer }) => pointer)].join(', ');
};

const [standard, kingstinct, autoExport] = ['healthkitstandard-json', 'react-native-healthkit-json', 'health-auto-export-json'];

/** Every payload we have, with the query an app would send for a getter whose items name neither type nor unit. */
const payloads: readonly (readonly [folder: string, format: string, files: Readonly<Record<string, readonly [query: string, ...told: string[]]>>])[] = [
  ['react-native-health', standard, {
    'activity-summary.json': ['', 'missing-date /0/startDate'],
    'blood-glucose.mmol.json': ['', '5.7 mmol/L'],
    'blood-pressure.json': ['', '120 mm[Hg], 81 mm[Hg]', '119 mm[Hg], 77 mm[Hg]'],
    'body-temperature.celsius.json': ['?unit=celsius', '36.7 Cel'],
    'clinical-records.json': ['', '/fhirData'],
    'daily-steps.aggregated.json': ['?type=StepCount', '1210 {steps}', '3978 {steps}'],
    'ecg.short.json': ['', '62 /min, 1 {event}, /voltageMeasurements'],
    'heart-rate.json': ['?type=HeartRate&unit=bpm', '71 /min', '74.02 /min', '74 /min'],
    'heartbeat-series.json': ['', '/heartbeatSeries'],
    'height.inch.json': ['?type=Height&unit=inch', '182.88 cm'],
    'hrv.second.json': ['?type=HeartRateVariability', '45.213 ms'],
    'insulin.json': ['', '5 [iU]'],
    'mindful-session.json': ['?type=MindfulSession', '10 min'],
    'oxygen-saturation.fraction.json': ['?type=OxygenSaturation', '98 %', '97 %'],
    'sleep.json': ['?type=SleepAnalysis', 'normalization-failed event-unknown', '325 min', '3 min', '22 min', '47.5 min', '42.5 min', '60 min'],
    'vo2max.json': ['', '41.2 mL/(kg.min)'],
    'weight.pound.json': ['?type=BodyMass&unit=pound', '72.8016 kg'],
    'workouts.anchored.json': ['', '32.648 min, 312.5 kcal, 5005.0598 m, 1 {event}, 1 {event}'],
    'workouts.getSamples.json': ['', '32.6481 min, 312.5 kcal, 5005.0598 m'],
  }],
  ['kingstinct', kingstinct, {
    'anchored-response.json': ['', '312 {steps}'],
    'category-sleep.json': ['', '47.5 min'],
    'correlation-blood-pressure.json': ['', '128 mm[Hg], 82 mm[Hg]'],
    'quantity.json': ['', '71 /min', '5.7 mmol/L', '97 %'],
    'workout.json': ['', '32.648 min, 312.5 kcal, 5005.1 m, 1 {event}'],
  }],
  ['health-auto-export', autoExport, {
    'metrics-common.json': ['', '4 [iU]', '103 mg/dL', '128 mm[Hg], 82 mm[Hg]', '72.8016 kg', '97 %', '71.3 /min'],
    'metrics-kJ.json': ['', '0.0903 kcal', '0.1837 kcal'],
    'sleep-aggregated.json': ['', 'normalization-failed no-rule'],
    'sleep-phases.json': ['', 'normalization-failed no-rule'],
    'sleep-unaggregated.json': ['', '396 min'],
    'twelve-hour-clock.json': ['', '64 /min', '64 /min'],
    'workouts-v1.json': ['', '19.1667 min, 54.0658 kcal, 908 {steps}, 16.36 m, 0 m, /route'],
    'workouts-v2.json': ['', '32.648 min, 312.5 kcal, 5000 m, 9.4 kcal/(kg.h), /route'],
  }],
  ['flutter-health', standard, { 'points.json': ['?timeZone=Europe/Rome', '71 /min', '47.5 min'] }],
  ['capacitor', standard, {
    'capgo.json': ['', '71 /min', '128 mm[Hg], 82 mm[Hg]'],
    'perfood-quantity.json': ['?type=HeartRate', '71 /min'],
    'perfood-sleep.json': ['', '406 min'],
    'perfood-workout.json': ['?type=workoutType', '30 min, 300 kcal, 5000 m'],
  }],
];

describe.each(payloads)('%s as %s', (folder, format, files) => {
  test('all payloads are here', () => {
    expect(readdirSync(join(root, folder)).toSorted()).toEqual(Object.keys(files).toSorted());
  });

  test.each(Object.entries(files))('%s', async (file, [query, ...expected]) => {
    const app = await newApp();
    const receipt = await upload(app, format, bodyOf(folder, file), query);
    const refused = receipt.items.flatMap(({ error }) => (error ? [`${error.code} ${error.pointer}`] : []));
    const records = await listOf(app);
    expect([...records.map(told), ...refused].toSorted()).toEqual(expected.toSorted());
    const again = await upload(app, format, bodyOf(folder, file), query);
    expect({ created: again.created, duplicates: again.duplicates }).toEqual({ created: 0, duplicates: records.length });
  });
});

const pulse = (uuid: string, quantity: unknown, second = 0) => {
  const at = `2024-07-01T00:00:${String(second).padStart(2, '0')}.000Z`;
  return { uuid, quantityType: 'HKQuantityTypeIdentifierHeartRate', quantity, unit: 'count/min', startDate: at, endDate: at, sourceRevision: { source: { name: 'Watch', bundleIdentifier: 'com.apple.health.1' } } };
};
const [one, two, three] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222', '33333333-3333-4333-8333-333333333333'] as const;

describe('an envelope', () => {
  test('of which some samples are refused keeps the others, at their places, and every digit', async () => {
    const app = await newApp();
    const receipt = await upload(app, kingstinct, { samples: [pulse(one, 61.5), pulse('none', 62, 1), pulse(three, '1e400', 2), null, pulse(two, 64, 3)], newAnchor: 'x' });
    expect(receipt.items.map(({ status, error }) => (error ? `${error.code} ${error.pointer}` : status))).toEqual(['created', 'invalid-id /samples/1/uuid', 'invalid-value /samples/2/quantity', 'invalid-item /samples/3', 'created']);
    const records = await listOf(app);
    expect(records.map(told)).toEqual(['64 /min', '61.5 /min']);
    expect(records.map(({ rawData }) => rawData)).toEqual([pulse(two, 64, 3), pulse(one, 61.5)]);
  });

  test('deletes what it says was deleted, and one of its samples later loses its value alone', async () => {
    const app = await newApp();
    await upload(app, kingstinct, { samples: [pulse(one, 61), pulse(two, 62, 1), pulse(three, 63, 2)] });
    const next = await upload(app, kingstinct, { samples: [pulse(three, 63, 2)], deletedSamples: [{ uuid: two }, { uuid: '44444444-4444-4444-8444-444444444444' }, {}] });
    expect(next).toMatchObject({ duplicates: 1, deletions: { deleted: 1, unknown: 1, rejected: 1 } });
    expect((await listOf(app)).map(told)).toEqual(['63 /min', '61 /min']);
    expect(await upload(app, kingstinct, { deletedSamples: [{ uuid: one }] })).toMatchObject({ received: 0, deletions: { deleted: 1 } });
    const records = await listOf(app);
    expect(records.map(({ rawData }) => rawData)).toEqual([pulse(three, 63, 2)]);
    expect(await upload(app, kingstinct, [pulse(one, 61)])).toMatchObject({ deleted: 1 });
  });

  test.each<[string, string, unknown, string]>([
    ['a text', kingstinct, 'x', ''],
    ['samples that are no list', kingstinct, { samples: {} }, '/samples'],
    ['deletions that are no list', kingstinct, { samples: [], deletedSamples: 'all' }, '/deletedSamples'],
    ['an export without data', autoExport, { metrics: [] }, '/data'],
    ['metrics that are no list', autoExport, { data: { metrics: 'none' } }, '/data/metrics'],
    ['an object that is no envelope', standard, { id: one }, ''],
  ])('that is %s is refused as a whole', async (_situation, format, body, pointer) => {
    const app = await newApp();
    expect(await (await app.post(`/health-data/${format}`, body)).json()).toMatchObject({ status: 400, code: 'invalid-request', errors: expect.arrayContaining([expect.objectContaining({ pointer })]) });
  });

  test('of more than 5000 samples is refused with the limits', async () => {
    const app = await newApp();
    const data = { data: { metrics: [{ name: 'step_count', units: 'count', data: Array.from({ length: 5001 }, () => 0) }] } };
    expect(await (await app.post(`/health-data/${autoExport}`, data)).json()).toMatchObject({ status: 413, code: 'too-many-items', limits: { maxItems: 5000, maxBytes: 10_485_760 } });
  });

  test('of more than 5000 deletions beside a sample is refused with the limits, and the sample is not kept', async () => {
    const app = await newApp();
    const body = { samples: [pulse(one, 61)], deletedSamples: Array.from({ length: 5001 }, () => ({ uuid: two })) };
    expect(await (await app.post(`/health-data/${kingstinct}`, body)).json()).toMatchObject({ status: 413, code: 'too-many-items', retryable: false, limits: { maxItems: 5000, maxBytes: 10_485_760 } });
    expect(await (await app.get('/health-data')).json()).toEqual([]);
  });
});

const noon = '2024-07-01 12:00:00 +0200';
describe('kinds that a library has in a shape of its own', () => {
  const list = (name: string, element: object) => ({ data: { [name]: [{ start: noon, end: noon, ...element }] } });
  const flutter = (type: string, value: object) => [{ uuid: one, type, value, dateFrom: '2024-07-01T12:00:00.000+0200', dateTo: '2024-07-01T12:30:00.000+0200', sourcePlatform: 'appleHealth' }];
  const base = { uuid: one, startDate: '2024-07-01T10:00:00.000Z', endDate: '2024-07-01T10:00:00.000Z' };
  const half = { endDate: '2024-07-01T10:30:00.000Z' };
  const rates = (...hr: number[]) => hr.map((rate) => ({ hr: rate, units: 'bpm' }));
  test.each<[string, string, unknown, string, string?]>([
    ['a mood of Health Auto Export', autoExport, list('stateOfMind', { id: one, kind: 'Daily Mood', valence: 0.5, valenceClassification: 6, labels: ['Calm'], associations: ['Self Care'] }), 'HKStateOfMindTypeIdentifier: 0.5 {score}, 1 {event}, 1 {event}, 1 {event}, 1 {event}'],
    ['a mood with a feeling of next year', autoExport, list('stateOfMind', { valence: 0.5, kind: 'Daily Mood', labels: ['Curious'], associations: [] }), 'HKStateOfMindTypeIdentifier: 0.5 {score}, 1 {event}'],
    ['a dose of Health Auto Export', autoExport, list('medications', { displayText: 'Metformin', status: 'Not Logged', dosage: 1 }), 'HKMedicationDoseEventTypeIdentifierMedicationDoseEvent: 1 {event}'],
    ['a symptom', autoExport, list('symptoms', { name: 'Headache', severity: 'Not Present' }), 'HKCategoryTypeIdentifierHeadache: 1 {event}'],
    ['a day of a cycle', autoExport, list('cycleTracking', { name: 'Menstrual Flow', value: 'Medium' }), 'HKCategoryTypeIdentifierMenstrualFlow: 1 {event}'],
    ['a trace', autoExport, list('ecg', { classification: 'Sinus Rhythm', averageHeartRate: 61, voltageMeasurements: [{ date: noon, voltage: 12, units: 'mcV' }] }), 'HKDataTypeIdentifierElectrocardiogram: 61 /min, 1 {event}, /voltageMeasurements'],
    ['a notification of a high rate', autoExport, list('heartRateNotifications', { threshold: 120, heartRate: rates(121, 130) }), 'HKCategoryTypeIdentifierHighHeartRateEvent: 1 {event}'],
    ['a notification of a low rate', autoExport, list('heartRateNotifications', { threshold: 40, heartRate: rates(39) }), 'HKCategoryTypeIdentifierLowHeartRateEvent: 1 {event}'],
    ['a notification without threshold', autoExport, list('heartRateNotifications', { heartRateVariation: [] }), 'HKCategoryTypeIdentifierIrregularHeartRhythmEvent: 1 {event}'],
    ['a notification that could be either', autoExport, list('heartRateNotifications', { threshold: 100, heartRate: rates(90, 110) }), 'heartRateNotifications: normalization-failed no-rule'],
    ['a mood of react-native-healthkit', kingstinct, [{ ...base, valence: -1, kind: 1, valenceClassification: 1, labels: [], associations: [] }], 'HKStateOfMindTypeIdentifier: -1 {score}, 1 {event}, 1 {event}'],
    ['a dose of react-native-healthkit', kingstinct, { samples: [{ ...base, medicationConceptIdentifier: 'x', logStatus: 4, scheduleType: 2, doseQuantity: 1, unit: 'count' }] }, 'HKMedicationDoseEventTypeIdentifierMedicationDoseEvent: 1 {event}, 1 {count}'],
    ['a summary of a day in the zone of the upload', kingstinct, [{ dateYear: 2024, dateMonth: 7, dateDay: 1, activeEnergyBurned: 300, appleStandHours: 9 }], 'HKActivitySummaryTypeIdentifier: 300 kcal, 9 {count}', '?timeZone=Europe%2FRome'],
    ['a track with the dates of its points', kingstinct, [{ locations: [{ date: '2024-07-01T10:00:00.000Z', latitude: 0, longitude: 0 }, { date: '2024-07-01T10:30:00.000Z', latitude: 0, longitude: 0 }] }], 'HKWorkoutRouteTypeIdentifier: 2 {count}, /locations'],
    ['a workout of Flutter', standard, flutter('WORKOUT', { __type: 'WorkoutHealthValue', workoutActivityType: 'RUNNING', totalEnergyBurned: 300, totalEnergyBurnedUnit: 'KILOCALORIE', totalDistance: 5000, totalDistanceUnit: 'METER', totalSteps: 6000, totalStepsUnit: 'COUNT' }), 'HKWorkoutTypeIdentifier: 30 min, 300 kcal, 5000 m, 6000 {steps}'],
    ['a workout of the Capacitor plugin in an upload that names no type', standard, [{ ...base, ...half, source: 'Watch', sourceBundleId: 'com.apple.health.1', duration: 0.5, workoutActivityId: 37, workoutActivityName: 'Running', totalEnergyBurned: -1, totalDistance: -1 }], 'HKWorkoutTypeIdentifier: 30 min'],
    ['a workout of a kin of the Capacitor plugin, which counts seconds', standard, [{ ...base, ...half, source: 'Watch', sourceBundleId: 'com.apple.health.1', duration: 1800, workoutActivityId: 37, workoutActivityName: 'Running', totalDistance: 5000 }], 'HKWorkoutTypeIdentifier: 30 min, 5000 m'],
    ['a workout of the Cordova plugin, its distance in metres', standard, [{ ...base, ...half, value: 'walking', unit: 'activityType', calories: 120, distance: 2400, duration: 1500, sourceName: 'Watch', sourceBundleId: 'com.apple.health.1' }], 'HKWorkoutTypeIdentifier: 25 min, 120 kcal, 2400 m', '?type=activity'],
    ['a meal of Flutter', standard, flutter('NUTRITION', { __type: 'NutritionHealthValue', name: 'Banana', calories: 105, protein: 1.3, vitaminC: 0.01 }), 'HKCorrelationTypeIdentifierFood: 105 kcal, 1.3 g, 10 mg'],
    ['an audiogram of Flutter', standard, flutter('AUDIOGRAM', { __type: 'AudiogramHealthValue', frequencies: [1000], leftEarSensitivities: [20], rightEarSensitivities: [25] }), 'HKDataTypeIdentifierAudiogram: 20 dB{HL}, 25 dB{HL}'],
    ['a trace of Flutter', standard, flutter('ELECTROCARDIOGRAM', { __type: 'ElectrocardiogramHealthValue', averageHeartRate: 61, samplingFrequency: 512, classification: 'SINUS_RHYTHM', voltageValues: [{ voltage: 1e-5, timeSinceSampleStart: 0 }] }), 'HKDataTypeIdentifierElectrocardiogram: 61 /min, 1 {event}, /value/voltageValues'],
  ])('%s', async (_situation, format, body, expected, query = '') => {
    const app = await newApp();
    const receipt = await upload(app, format, body, query);
    expect(receipt.items.flatMap(({ error }) => (error ? [error] : []))).toEqual([]);
    expect((await listOf(app)).map((record) => `${record.rawDataType ?? ''}: ${told(record)}`)).toEqual([expected]);
  });
});

describe('what a bridge says in a way of its own', () => {
  const span = { uuid: one, startDate: '2024-07-01T10:00:00.000Z', endDate: '2024-07-01T10:04:00.000Z' };
  const cordova = { id: one, startDate: span.startDate, endDate: span.endDate, sourceName: 'Watch', sourceBundleId: 'com.apple.health.1' };
  const flutter = (type: string, value: object = { __type: 'NumericHealthValue', numericValue: 4 }, unit = 'MINUTE') =>
    ({ uuid: one, type, value, unit, dateFrom: '2024-07-01T12:00:00.000', dateTo: '2024-07-01T12:04:00.000', sourcePlatform: 'appleHealth' });

  test.each<[string, object, ...string[]]>([
    ['no headache of Flutter, which writes the minutes over the value', flutter('HEADACHE_NOT_PRESENT'), 'Headache: not present 1 {event}'],
    ['a moderate headache of Flutter', flutter('HEADACHE_MODERATE'), 'Headache: moderate 1 {event}'],
    ['a headache of Flutter that says nothing of how severe', flutter('HEADACHE_UNSPECIFIED'), 'Headache: unspecified 1 {event}'],
    ['a headache of Flutter whose members the app renamed', { ...span, type: 'HEADACHE_MILD', value: 4, unit: 'MINUTE' }, 'Headache: mild 1 {event}'],
    ['a stage of sleep of Flutter whose members the app renamed', { ...span, type: 'SLEEP_LIGHT', value: 4, unit: 'MINUTE' }, 'Sleep Analysis: asleep core 4 min'],
    ['a mindful session of Flutter', flutter('MINDFULNESS'), 'Mindful Session 4 min'],
    ['a mindful session of the Cordova plugin, its value seconds', { ...cordova, type: 'mindfulness', value: 240, unit: 'sec' }, 'Mindful Session 4 min'],
    ['an hour of standing of Flutter, whose number is a value though its unit is a time', flutter('APPLE_STAND_HOUR', { __type: 'NumericHealthValue', numericValue: 1 }, 'HOUR'), 'Apple Stand Hour: idle 1 {event}'],
    ['a blood pressure of the Cordova plugin', { ...cordova, value: { systolic: 120, diastolic: 80 }, unit: 'mmHG' }, 'Systolic blood pressure 120 mm[Hg]', 'Diastolic blood pressure 80 mm[Hg]'],
    ['a blood glucose of the Cordova plugin', { ...cordova, type: 'blood_glucose', value: { glucose: 5.5, meal: 'before_meal' }, unit: 'mmol<180.1558800000541>/L' }, 'Glucose [Moles/volume] in Blood 5.5 mmol/L'],
    ['insulin of the Cordova plugin', { ...cordova, type: 'insulin_delivery', value: { insulin: 5, reason: 'bolus' }, unit: 'IU' }, 'Insulin Delivery 5 [iU]'],
    ['a day of a cycle of Flutter', flutter('MENSTRUATION_FLOW', { __type: 'MenstruationFlowHealthValue', flow: 'heavy', isStartOfCycle: true }, 'NO_UNIT'), 'Menstrual Flow: heavy 1 {event}'],
  ])('%s', async (_situation, item, ...expected) => {
    const app = await newApp();
    await upload(app, standard, [item], '?timeZone=Europe/Rome');
    const [record] = await listOf(app);
    expect(record?.normalizedData?.observations.map(({ name, value, unitCode }) => `${name} ${String(value)} ${unitCode}`) ?? record?.reason).toEqual(expected);
  });
});

describe('a period that goes on, of which the end is kept', () => {
  const hour = 3_600_000;
  const ahead = (hours: number) => new Date(Date.now() + hours * hour).toISOString();
  /** Where it is about noon: neither day begins or ends while the test runs. */
  const east = 12 - new Date().getUTCHours();
  const zone = `?timeZone=Etc/GMT${east > 0 ? '-' : '%2B'}${String(Math.abs(east))}`;
  const rings = (days: number, day = new Date(Date.now() + (east + days * 24) * hour)) =>
    [{ dateYear: day.getUTCFullYear(), dateMonth: day.getUTCMonth() + 1, dateDay: day.getUTCDate(), activeEnergyBurned: 300, appleStandHours: 9 }];
  const sum = (start: number, end: number, more: object = {}) => [{ startDate: ahead(start), endDate: ahead(end), value: 70, ...more }];
  const [steps, ofSources] = ['?type=StepCount', { metadata: [{ sourceId: 'com.apple.health.1', sourceName: 'Watch', quantity: 70 }] }];
  test.each<[situation: string, format: string, body: unknown, query: string, verdict: string]>([
    ['the rings of today', kingstinct, rings(0), zone, 'created'],
    ['the rings of tomorrow', kingstinct, rings(1), zone, 'date-in-future /0/dateYear'],
    ['rings of two days', standard, sum(-24, 24, { activeEnergyBurned: 300, appleStandHours: 9 }), '?type=ActivitySummary', 'date-in-future /0/endDate'],
    ['steps of this hour', standard, sum(-0.5, 0.5, ofSources), steps, 'created'],
    ['steps of the next hour', standard, sum(0.5, 1.5, ofSources), steps, 'date-in-future /0/startDate'],
    ['steps of today that name no source', standard, sum(-12, 12), steps, 'created'],
    ['steps of a month', standard, sum(-24, 30 * 24, ofSources), steps, 'created'],
    ['steps of a longer time', standard, sum(-24, 31 * 24, ofSources), steps, 'date-in-future /0/endDate'],
    ['steps of one source, which it has counted', standard, sum(-0.5, 0.5, { sourceId: 'com.apple.health.1' }), steps, 'date-in-future /0/endDate'],
    ['steps that HealthKit knows by an identifier', standard, sum(-0.5, 0.5, { id: one }), steps, 'date-in-future /0/endDate'],
    ['a pulse', standard, sum(-0.5, 0.5), '?type=HeartRate', 'date-in-future /0/endDate'],
  ])('%s', async (_situation, format, body, query, verdict) => {
    const app = await newApp();
    const { items } = await upload(app, format, body, query);
    expect(items.map(({ status, error }) => (error ? `${error.code} ${error.pointer}` : status))).toEqual([verdict]);
    expect((await listOf(app)).map(({ normalizedData }) => Date.parse(normalizedData?.period.endDate ?? '') > Date.now())).toEqual(verdict === 'created' ? [true] : []);
  });
});

test('one reading in three formats becomes the same record', async () => {
  const at = '2024-07-01 02:00:00 +0200';
  const bodies: readonly (readonly [string, unknown])[] = [
    [standard, [{ id: one, type: 'HeartRate', unit: 'bpm', value: 61.5, startDate: '2024-07-01T02:00:00.000+0200', endDate: '2024-07-01T02:00:00.000+0200', sourceId: 'com.apple.health.1' }]],
    [kingstinct, { samples: [pulse(one, 61.5)] }],
    [autoExport, { data: { metrics: [{ name: 'heart_rate', units: 'count/min', data: [{ date: at, Min: 61.5, Avg: 61.5, Max: 61.5, source: 'Watch' }] }] } }],
  ];
  const records = await Promise.all(bodies.map(async ([format, body]) => {
    const app = await newApp();
    await upload(app, format, body);
    const [record] = await listOf(app);
    return record?.normalizedData?.observations.map(({ value, unitCode, code }: { value: number; unitCode: string; code?: string }) => [record.recordedAt, code, value, unitCode]);
  }));
  expect(records).toEqual([records[0], records[0], records[0]]);
  expect(records[0]).toEqual([['2024-07-01T00:00:00.000Z', 'https://loinc.org/8867-4', 61.5, '/min']]);
});

describe('what a phone reads again on a journey is known, whatever offset it writes', () => {
  const [home, away] = [{ noon: '2024-07-01 12:00:00 +0200', later: '2024-07-01 12:30:00 +0200' }, { noon: '2024-07-01 06:00:00 -0400', later: '2024-07-01 06:30:00 -0400' }];
  type Place = typeof home;
  const list = (name: string, element: object) => ({ data: { [name]: [element] } });
  const walk = { activityId: 52, activityName: 'Walking', calories: 120, distance: 1.5, tracked: true, sourceName: 'Watch', sourceId: 'com.apple.health.1' };
  test.each<[string, string, (place: Place, isLater: boolean) => unknown]>([
    ['a trace with a date for each voltage', autoExport, ({ noon: start, later: end }) => list('ecg', { start, end, classification: 'Sinus Rhythm', averageHeartRate: 61, source: 'Watch', voltageMeasurements: [{ date: start, voltage: 12, units: 'mcV' }] })],
    ['a workout with its heart rates and its way', autoExport, ({ noon: start, later: end }) => list('workouts', { name: 'Walking', start, end, route: [{ lat: 1, lon: 1, timestamp: start }], heartRateData: [{ date: start, qty: 108, units: 'bpm' }] })],
    ['a workout whose energy is told in another unit', autoExport, ({ noon: start, later: end }, isLater) => list('workouts', { name: 'Walking', start, end, activeEnergy: isLater ? { qty: 100, units: 'kcal' } : { qty: 418.4, units: 'kJ' } })],
    ['a night, by when it began', autoExport, ({ noon, later }) => ({ data: { metrics: [{ name: 'sleep_analysis', units: 'hr', data: [{ date: noon, asleep: 0.5, inBed: 0.5, sleepStart: noon, sleepEnd: later, inBedStart: noon, inBedEnd: later, source: 'Watch' }] }] } })],
    ['a workout of react-native-health', standard, ({ noon: start, later: end }, isLater) => [{ ...walk, start, end, device: isLater ? 'iPhone 16' : 'iPhone 15' }]],
  ])('%s', async (_situation, format, bodyAt) => {
    const app = await newApp();
    expect(await upload(app, format, bodyAt(home, false))).toMatchObject({ duplicates: 0, rejected: 0 });
    expect(await upload(app, format, bodyAt(away, true))).toMatchObject({ duplicates: 1 });
  });

  test.each<[string, unknown, unknown]>([
    ['a trace with other voltages', list('ecg', { start: noon, end: noon, voltageMeasurements: [{ date: noon, voltage: 12 }] }), list('ecg', { start: noon, end: noon, voltageMeasurements: [{ date: noon, voltage: 13 }] })],
    ['a trace whose voltages were measured later', list('ecg', { start: noon, end: noon, voltageMeasurements: [{ date: noon, voltage: 12 }] }), list('ecg', { start: noon, end: noon, voltageMeasurements: [{ date: home.later, voltage: 12 }] })],
    ['another workout of that time', list('workouts', { name: 'Walking', start: noon, end: noon }), list('workouts', { name: 'Cycling', start: noon, end: noon })],
  ])('but %s is another', async (_situation, first, second) => {
    const app = await newApp();
    await upload(app, autoExport, first);
    expect(await upload(app, autoExport, second)).toMatchObject({ created: 1 });
  });
});
