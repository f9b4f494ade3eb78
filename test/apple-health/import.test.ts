import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { commandLine } from '../cli/command-line.ts';
import { startFaultProxy } from '../players/fault-proxy.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { importing, type Importing } from './importing.ts';

const month = join(import.meta.dirname, '..', 'fixtures', 'healthkit', 'generated', 'export-30days.xml.gz');

let vitalgate: TestVitalgate;
let folder: string;
let run: Importing['run'];
let imported: Importing['imported'];
let recordsOf: Importing['recordsOf'];
let exportOf: Importing['exportOf'];
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  folder = mkdtempSync(join(tmpdir(), 'vitalgate-import-'));
  ({ run, imported, recordsOf, exportOf } = importing(vitalgate, folder));
});
afterAll(async () => {
  await vitalgate.stop();
  rmSync(folder, { recursive: true, force: true });
});

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
    expect(await imported(file, user)).toEqual({ items: 6, skipped: 0, statuses: { created: 4, unsupported: 1, rejected: 1 }, refused: [{ type: 'HKQuantityTypeIdentifierBodyMass', code: 'value-out-of-range', items: 1 }] });
    expect((await recordsOf(user)).find(({ rawDataType }) => rawDataType?.includes('Sleep') === true)?.normalizedData?.observations).toMatchObject([{ value: 60, unitCode: 'min' }]);
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
    ['no file', async () => run(join(folder, 'none.zip'), await vitalgate.addUser()), 1, 'There is no file none.zip'],
  ])('with %s ends with a reason', async (_situation, ended, code, reason) => {
    expect(await ended()).toMatchObject({ code, told: expect.stringContaining(reason) });
  });

  test('--dry-run tells what a file holds and sends nothing', async () => {
    const { code, out } = await commandLine({ DATA_DIR: folder }).run(['--json', 'import', 'apple-health', month, '--dry-run', '--types', 'HeartRate,BodyMass']);
    const { types } = JSON.parse(out) as { types: unknown[] };
    expect([code, types]).toMatchObject([0, [
      { type: 'HKQuantityTypeIdentifierHeartRate', items: 11_823, first: '2024-10-10 00:02:00 +0200', last: '2024-11-08 23:55:56 +0100', units: ['count/min'], sources: 1, known: true },
      { type: 'HKQuantityTypeIdentifierBodyMass', items: 30 }, { type: 'HKQuantityTypeIdentifierRestingHeartRate', items: 30 },
    ]]);
  });
});
