import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { commandLine } from '../cli/command-line.ts';
import { startFaultProxy } from '../players/fault-proxy.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { importing, type Importing } from './importing.ts';
import { zipOf } from './zip.ts';

const month = join(import.meta.dirname, '..', 'fixtures', 'healthkit', 'generated', 'export-30days.xml.gz');

let vitalgate: TestVitalgate;
let folder: string;
let run: Importing['run'];
let imported: Importing['imported'];
let recordsOf: Importing['recordsOf'];
let exportOf: Importing['exportOf'];
let exportMade: Importing['exportMade'];
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  folder = mkdtempSync(join(tmpdir(), 'vitalgate-import-'));
  ({ run, imported, recordsOf, exportOf, exportMade } = importing(vitalgate, folder));
});
afterAll(async () => {
  await vitalgate.stop();
  rmSync(folder, { recursive: true, force: true });
});

const archiveOf = (name: string, elements: string, beside: Readonly<Record<string, string>>): string => {
  const file = join(folder, name);
  const entries = Object.entries({ 'export.xml': `<HealthData>${elements}</HealthData>`, ...beside });
  writeFileSync(file, zipOf(entries.map(([path, text]) => ({ name: `apple_health_export/${path}`, bytes: Buffer.from(text) }))));
  return file;
};
const at = 'startDate="2024-07-01 10:00:00 +0200" endDate="2024-07-01 10:00:00 +0200"';

describe('an import', () => {
  test('enrols a device where there is none, and says so', async () => {
    const user = await vitalgate.addUser();
    const file = exportOf('one.xml', `<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min" ${at} value="61.5"/>`);
    const { code, told } = await run(file, user);
    expect([code, told]).toEqual([0, expect.stringContaining('Enrolled the device apple-health-export')]);
    expect((await run(file, user)).told).not.toContain('Enrolled');
    expect((await recordsOf(user)).map(({ normalizedData }) => normalizedData?.observations[0]?.value)).toEqual([61.5]);
  });

  test('counts pressures once that stand in a correlation and beside it, before or after; and alone those that do not', async () => {
    const user = await vitalgate.addUser();
    const record = (side: string, value: number, hour = 10) => `<Record type="HKQuantityTypeIdentifierBloodPressure${side}" sourceName="Cuff" unit="mmHg" startDate="2024-07-01 ${String(hour)}:00:00 +0200" endDate="2024-07-01 ${String(hour)}:00:00 +0200" value="${String(value)}"/>`;
    const pair = (hour: number) => `<Correlation type="HKCorrelationTypeIdentifierBloodPressure" sourceName="Cuff" startDate="2024-07-01 ${String(hour)}:00:00 +0200" endDate="2024-07-01 ${String(hour)}:00:00 +0200">${record('Systolic', 120, hour)}${record('Diastolic', 80, hour)}</Correlation>`;
    const file = exportOf('pressures.xml', record('Systolic', 120), record('Diastolic', 80), pair(10), pair(11), record('Systolic', 120, 11), record('Diastolic', 80, 11), record('Systolic', 133, 12));
    expect((await imported(file, user)).statuses).toEqual({ created: 3 });
    expect((await recordsOf(user)).map(({ normalizedData }) => normalizedData?.observations.map(({ value }) => value))).toEqual([[133], [120, 80], [120, 80]]);
  });

  test('keeps what has no rule, tells refusals by type and code, and goes on', async () => {
    const user = await vitalgate.addUser();
    const file = exportOf('mixed.xml', '<Me HKCharacteristicTypeIdentifierDateOfBirth="1970-01-01"/>', `<Record type="HKQuantityTypeIdentifierOfNextYear" ${at} value="1"/>`,
      `<Record type="HKQuantityTypeIdentifierBodyMass" unit="kg" ${at} value="-3"/>`, `<Record type="HKCategoryTypeIdentifierSleepAnalysis" startDate="2024-07-01 22:00:00 +0200" endDate="2024-07-01 23:00:00 +0200" value="HKCategoryValueSleepAnalysisAsleepCore"/>`,
      '<ActivitySummary dateComponents="2024-07-01" activeEnergyBurned="300" activeEnergyBurnedUnit="kcal"/>', '<Audiogram type="HKDataTypeIdentifierAudiogram" startDate="2024-07-01 10:00:00 +0200"><sensitivityPoint frequencyValue="1000"/></Audiogram>');
    expect(await imported(file, user)).toEqual({ items: 6, skipped: 0, statuses: { created: 4, unsupported: 1, rejected: 1 }, refused: [{ type: 'HKQuantityTypeIdentifierBodyMass', code: 'value-out-of-range', items: 1 }], unread: [], missing: [] });
    expect((await recordsOf(user)).find(({ rawDataType }) => rawDataType?.includes('Sleep') === true)?.normalizedData?.observations).toMatchObject([{ value: 60, unitCode: 'min' }]);
  });

  test('begins the days of rings and prescriptions at midnight of the zone it is given, whenever the export was made', async () => {
    const user = await vitalgate.addUser();
    const days = ['<ActivitySummary dateComponents="2024-01-15" activeEnergyBurned="300" activeEnergyBurnedUnit="kcal"/>', '<ActivitySummary dateComponents="2024-03-31" activeEnergyBurned="310" activeEnergyBurnedUnit="kcal"/>', '<VisionPrescription type="glasses" dateIssued="2024-02-01"><RightEye sphere="-2.25" sphereUnit="D"/></VisionPrescription>'];
    const zone = ['--time-zone', 'Europe/Rome'];
    expect((await imported(exportMade('2024-07-01 10:00:00 +0200', 'summer.xml', ...days), user, undefined, ...zone)).statuses).toEqual({ created: 3 });
    expect((await imported(exportMade('2024-12-01 10:00:00 +0100', 'winter.xml', ...days), user, undefined, ...zone)).statuses).toEqual({ duplicate: 3 });
    expect((await recordsOf(user)).map(({ recordedAt }) => recordedAt).toSorted()).toEqual(['2024-01-14T23:00:00.000Z', '2024-01-31T23:00:00.000Z', '2024-03-30T23:00:00.000Z']);
  });

  test.each<[string, string[], Record<string, string>, string]>([
    ['that it is given', ['--time-zone', 'America/New_York'], {}, '2024-01-15T05:00:00.000Z'],
    ['of the machine where it is given none', [], { TZ: 'Asia/Tokyo' }, '2024-01-14T15:00:00.000Z'],
  ])('begins a day at midnight of the zone %s', async (_situation, words, environment, start) => {
    const user = await vitalgate.addUser();
    const file = exportOf(`${start.slice(11, 13)}.xml`, '<ActivitySummary dateComponents="2024-01-15" activeEnergyBurned="300" activeEnergyBurnedUnit="kcal"/>');
    const { code } = await commandLine({ DATA_DIR: folder }).run(['import', 'apple-health', file, '--user', user.username, '--url', vitalgate.urls.bff, ...words], { input: `${user.password}\n`, environment });
    expect([code, (await recordsOf(user)).map(({ recordedAt }) => recordedAt)]).toEqual([0, [start]]);
  });

  test('counts the highest version of a reading whose name is made of digits, and tells such names apart', async () => {
    const user = await vitalgate.addUser();
    const version = (identifier: string, number: number, kilograms: number) => `<Record type="HKQuantityTypeIdentifierBodyMass" sourceName="Scale" unit="kg" ${at} value="${String(kilograms)}"><MetadataEntry key="HKMetadataKeySyncIdentifier" value="${identifier}"/><MetadataEntry key="HKMetadataKeySyncVersion" value="${String(number)}"/></Record>`;
    const file = exportOf('versions.xml', version('1714802400', 2, 71), version('1714802400', 10, 72), version('9007199254740992', 1, 81), version('9007199254740993', 2, 82));
    expect((await imported(file, user)).statuses).toEqual({ created: 4 });
    expect((await recordsOf(user, 'recordedAt,rawData')).map(({ state, rawData }) => `${state} ${String(rawData?.['value'])}`).toSorted()).toEqual(['normalized 72', 'normalized 81', 'normalized 82', 'superseded 71']);
  });

  test('reads the numbers of metadata, and what a person entered', async () => {
    const user = await vitalgate.addUser();
    const entry = (key: string, value: string) => `<MetadataEntry key="${key}" value="${value}"/>`;
    const span = 'startDate="2024-07-01 10:00:00 +0200" endDate="2024-07-01 10:30:00 +0200"';
    const file = exportOf('metadata.xml', `<Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="30" durationUnit="min" sourceName="Watch" ${span}>${entry('HKElevationAscended', '2403 cm')}${entry('HKAverageSpeed', '2.5')}${entry('HKIndoorWorkout', '0')}</Workout>`,
      `<Record type="HKQuantityTypeIdentifierBodyMass" sourceName="Health" unit="kg" ${at} value="71">${entry('HKWasUserEntered', '1')}</Record>`);
    await imported(file, user);
    const told = (await recordsOf(user)).flatMap(({ normalizedData }) => (normalizedData?.observations ?? []).map(({ value, unitCode, annotation: { indoor, wasUserEntered } = {} }) => [value, unitCode, indoor ?? `entered ${String(wasUserEntered)}`].join(' '))).toSorted();
    expect(told).toEqual(['2.5 m/s 0', '24.03 m 0', '30 min 0', '71 kg entered 1']);
  });

  test('stopped in the middle goes on where it was, and nothing is doubled', async () => {
    const user = await vitalgate.addUser();
    const records = Array.from({ length: 6000 }, (_, index) => `<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min" startDate="${new Date(Date.UTC(2024, 6, 1) + index * 1000).toISOString().replace('T', ' ').slice(0, 19)} +0000" endDate="2024-07-02 00:00:00 +0000" value="${String(60 + (index % 40))}"/>`);
    const file = exportOf('stopped.xml', ...records);
    const proxy = await startFaultProxy(vitalgate.urls.bff);
    try {
      const startOf = (body: Buffer) => (JSON.parse(gunzipSync(body).toString('utf8')) as [{ startDate: string }])[0].startDate;
      proxy.fault = ({ url = '', method }, body) => (method === 'POST' && url.startsWith('/health-data') && startOf(body) >= '2024-07-01 00:50:00' ? { status: 403 } : undefined);
      const stopped = await run(file, user, proxy.url);
      expect([stopped.code, stopped.told]).toEqual([1, expect.stringContaining('refuses the upload (403')]);
      proxy.fault = () => undefined;
      const next = await imported(file, user, proxy.url);
      expect([next.skipped, next.items]).toEqual([3000, 3000]);
      const rows = await vitalgate.database.pool.query<{ count: string }>('select count(*) from device_manager.sample where patient_id = $1', [user.id]);
      expect(rows.rows[0]?.count).toBe('6000');
      expect((await imported(file, user, proxy.url, '--restart')).statuses).toEqual({ duplicate: 6000 });
    } finally {
      await proxy.stop();
    }
  });

  describe('made again on a journey, in another offset, adds nothing', () => {
    const times = { '+0200': ['2024-07-01 08:00:00', '2024-07-01 08:10:00', '2024-07-01 08:30:00'], '-0400': ['2024-07-01 02:00:00', '2024-07-01 02:10:00', '2024-07-01 02:30:00'] } as const;
    const dates = (offset: keyof typeof times) => times[offset].map((time) => `${time} ${offset}`) as [string, string, string];
    const workout = (offset: keyof typeof times, version: number) => {
      const [start, pause, end] = dates(offset);
      return `<Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="30" durationUnit="min" sourceName="Watch" sourceVersion="${String(version)}" creationDate="${end}" startDate="${start}" endDate="${end}">
        <WorkoutEvent type="HKWorkoutEventTypePause" date="${pause}"/><WorkoutStatistics type="HKQuantityTypeIdentifierActiveEnergyBurned" startDate="${start}" endDate="${end}" sum="300" unit="kcal"/></Workout>`;
    };
    const audiogram = (offset: keyof typeof times) => `<Audiogram type="HKDataTypeIdentifierAudiogram" sourceName="Ear" startDate="${dates(offset)[0]}" creationDate="${dates(offset)[2]}"><sensitivityPoint frequencyValue="1000" leftEarValue="20"/></Audiogram>`;
    const day = (energy: number) => `<ActivitySummary dateComponents="2024-07-01" activeEnergyBurned="${String(energy)}" activeEnergyBurnedUnit="kcal"/>`;
    const madeIn = (offset: string, name: string, ...elements: string[]) => {
      const file = exportOf(name, ...elements);
      writeFileSync(file, readFileSync(file, 'utf8').replace('2024-07-10 10:00:00 +0200', `2024-07-10 10:00:00 ${offset}`));
      return file;
    };

    test.each<[string, string, string]>([
      ['a workout with pauses and statistics', workout('+0200', 10), workout('-0400', 10)],
      ['a workout whose watch was renewed', workout('+0200', 10), workout('+0200', 11)],
      ['a workout whose energy is told in another unit', workout('+0200', 10), workout('-0400', 10).replace('sum="300" unit="kcal"', 'sum="1255.2" unit="kJ"')],
      ['an audiogram with the date of its making', audiogram('+0200'), audiogram('-0400')],
    ])('%s', async (_situation, before, after) => {
      const user = await vitalgate.addUser();
      expect((await imported(madeIn('+0200', 'home.xml', before), user)).statuses).toEqual({ created: 1 });
      expect((await imported(madeIn('-0400', 'away.xml', after), user)).statuses).toEqual({ duplicate: 1 });
    });

    test('another workout of that time is one more', async () => {
      const user = await vitalgate.addUser();
      const others = [workout('+0200', 10).replace('Running', 'Walking'), workout('+0200', 10).replaceAll('08:30:00', '08:31:00'), workout('+0200', 10).replace('"Watch"', '"Phone"')];
      expect((await imported(exportOf('four.xml', workout('+0200', 10), ...others), user)).statuses).toEqual({ created: 4 });
    });

    test('the rings of its day that are fuller now take the place of the earlier ones', async () => {
      const user = await vitalgate.addUser();
      await imported(madeIn('+0200', 'morning.xml', day(120)), user);
      await imported(madeIn('-0400', 'evening.xml', day(480)), user);
      expect((await recordsOf(user, 'recordedAt,normalizedData')).map(({ state, normalizedData }) => [state, normalizedData?.observations[0]?.value]).toSorted()).toEqual([['normalized', 480], ['superseded', 120]]);
    });
  });

  test('tells once of what a clock ahead of the server refuses, however many batches follow', async () => {
    const user = await vitalgate.addUser();
    const beat = (date: string) => `<Record type="HKQuantityTypeIdentifierHeartRate" unit="count/min" startDate="${date}" value="61"/>`;
    const later = Array.from({ length: 9000 }, (_, index) => beat(new Date(Date.UTC(2024, 6, 1) + index * 1000).toISOString()));
    const outcome = await imported(exportOf('ahead.xml', ...Array.from({ length: 5 }, (_, index) => beat(`219${String(index)}-01-01T00:00:00Z`)), ...later), user);
    expect(outcome).toMatchObject({ items: 9005, statuses: { created: 9000, rejected: 5 }, refused: [{ code: 'date-in-future', items: 5 }] });
  });

  test.each<[string, () => Promise<{ code: number | null; told: string }>, number, string]>([
    ['a wrong password', async () => run(exportOf('a.xml'), { ...(await vitalgate.addUser()), password: 'some other password' }), 1, 'Check user name and password'],
    ['nobody named', () => commandLine({ DATA_DIR: folder }).run(['import', 'apple-health', month]), 2, '--user'],
    ['no URL', async () => run(month, await vitalgate.addUser(), 'nowhere'), 2, '--url'],
    ['an offset for a zone', async () => run(month, await vitalgate.addUser(), undefined, '--time-zone', '+02:00'), 2, 'Europe/Rome'],
    ['a zone that there is not', async () => run(month, await vitalgate.addUser(), undefined, '--time-zone', 'Europe/Nowhere'), 2, '--time-zone'],
    ['no name in --types', async () => run(month, await vitalgate.addUser(), undefined, '--types', ''), 2, '--types names no type'],
    ['commas alone in --types', async () => run(month, await vitalgate.addUser(), undefined, '--types', ' , ,'), 2, '--types names no type'],
    ['no file', async () => run(join(folder, 'none.zip'), await vitalgate.addUser()), 1, 'There is no file none.zip'],
  ])('with %s ends with a reason', async (_situation, ended, code, reason) => {
    expect(await ended()).toMatchObject({ code, told: expect.stringContaining(reason) });
  });

  test('keeps a clinical record with a narrative of 60 kB', async () => {
    const user = await vitalgate.addUser();
    const fhirData = { resourceType: 'AllergyIntolerance', id: '1', text: { status: 'generated', div: `<div>${'Peanut. '.repeat(7500)}</div>` } };
    const record = '<ClinicalRecord type="HKClinicalTypeIdentifierAllergyRecord" identifier="x" sourceName="Hospital" fhirVersion="4.0.1" receivedDate="2024-07-02 10:00:00 +0200" resourceFilePath="/clinical-records/allergy.json"/>';
    const file = archiveOf('clinical.zip', record, { 'clinical-records/allergy.json': JSON.stringify(fhirData) });
    expect(await imported(file, user)).toMatchObject({ statuses: { created: 1 }, refused: [], unread: [] });
    expect(await recordsOf(user, 'recordedAt,rawData')).toMatchObject([{ state: 'normalized', rawData: { fhirData } }]);
  });

  test('takes a clinical record once, with what it says: of export.xml without its archive it is told as missing', async () => {
    const user = await vitalgate.addUser();
    const record = '<ClinicalRecord type="HKClinicalTypeIdentifierAllergyRecord" identifier="x" sourceName="Hospital" fhirVersion="4.0.1" receivedDate="2024-07-02 10:00:00 +0200" resourceFilePath="/clinical-records/allergy.json"/>';
    const fhirData = { resourceType: 'AllergyIntolerance', id: '1' };
    const missing = [{ kind: 'clinical-records/*.json', files: 1 }];
    const whole = archiveOf('whole.zip', record, { 'clinical-records/allergy.json': JSON.stringify(fhirData) });
    expect(await imported(exportOf('bare.xml', record), user)).toMatchObject({ items: 0, statuses: {}, missing });
    expect(await imported(whole, user)).toMatchObject({ statuses: { created: 1 }, missing: [] });
    expect(await imported(exportOf('bare.xml', record), user)).toMatchObject({ items: 0, missing });
    expect(await recordsOf(user, 'recordedAt,rawData')).toMatchObject([{ state: 'normalized', rawData: { fhirData } }]);
  });

  test.each<[string, readonly string[]]>([['after an import', []], ['by --dry-run', ['--dry-run']]])('what is not read of an archive is told %s', async (_situation, words) => {
    const user = await vitalgate.addUser();
    const file = archiveOf('electrocardiograms.zip', `<Record type="HKQuantityTypeIdentifierHeartRate" unit="count/min" ${at} value="61"/>`, { 'electrocardiograms/ecg_2024-07-01.csv': 'Name,Anna' });
    const { code, out } = await commandLine({ DATA_DIR: folder }).run(['import', 'apple-health', file, '--user', user.username, '--url', vitalgate.urls.bff, ...words], { input: `${user.password}\n` });
    expect([code, out.trimEnd().split('\n').at(-1)]).toEqual([0, 'Not read: 1 of electrocardiograms/*.csv']);
  });

  test('--dry-run tells what a file holds and sends nothing', async () => {
    const { code, out } = await commandLine({ DATA_DIR: folder }).run(['--json', 'import', 'apple-health', month, '--dry-run', '--types', 'HeartRate,BodyMass']);
    const { types } = JSON.parse(out) as { types: unknown[] };
    expect([code, types]).toMatchObject([0, [
      { type: 'HKQuantityTypeIdentifierHeartRate', items: 11_823, first: '2024-10-10 00:02:00 +0200', last: '2024-11-08 23:55:56 +0100', units: ['count/min'], sources: 1, known: true },
      { type: 'HKQuantityTypeIdentifierBodyMass', items: 30 }, { type: 'HKQuantityTypeIdentifierRestingHeartRate', items: 30 },
    ]]);
  });

  test.each(['HeartRate,', ',,HeartRate', 'heartrate, ,BodyMass'])('brings in of `--types %s` what is named alone', async (list) => {
    const user = await vitalgate.addUser();
    const record = (type: string) => `<Record type="HKQuantityTypeIdentifier${type}" unit="count/min" ${at} value="61"/>`;
    const file = exportOf(`${String(list.length)}-types.xml`, record('HeartRate'), record('RespiratoryRate'));
    expect((await imported(file, user, undefined, '--types', list)).items).toBe(1);
    expect((await recordsOf(user)).map(({ rawDataType }) => rawDataType)).toEqual(['HKQuantityTypeIdentifierHeartRate']);
  });
});
