import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openExport } from '../../src/apple-health/archive.ts';
import type { ImportedItem } from '../../src/apple-health/export-item.ts';
import { itemsOfExport } from '../../src/apple-health/export-items.ts';
import { zipOf, type ZipEntry } from './zip.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'healthkit', 'export-xml');
let folder: string;
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitalgate-archive-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (bytes: Buffer | string): string => {
  files += 1;
  const path = join(folder, String(files));
  writeFileSync(path, bytes);
  return path;
};
const readAll = async (path: string) => {
  const archive = await openExport(path);
  const items: ImportedItem[] = [];
  try {
    for await (const page of itemsOfExport(archive)) items.push(...page);
    return { items, leftOut: archive.leftOut() };
  } finally {
    archive.close();
  }
};
const itemsIn = async (path: string): Promise<ImportedItem[]> => (await readAll(path)).items;
const record = '<Record type="HKQuantityTypeIdentifierHeartRate" unit="count/min" startDate="2024-07-01 10:00:00 +0200" value="61"/>';
const xml = (...elements: string[]): Buffer => Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="en_US">${elements.join('')}</HealthData>`);
const main = (more: Partial<ZipEntry> = {}): ZipEntry => ({ name: 'apple_health_export/export.xml', bytes: xml(record), ...more });
const cda: ZipEntry = { name: 'apple_health_export/export_cda.xml', bytes: Buffer.from('<ClinicalDocument/>') };

describe('an export is read', () => {
  test.each<[string, () => Buffer]>([
    ['as plain XML', () => xml(record)],
    ['with a byte order mark', () => Buffer.concat([Buffer.from('\ufeff'), xml(record)])],
    ['compressed with gzip', () => gzipSync(xml(record))],
    ['from an archive', () => zipOf([cda, main()])],
    ['from an archive under the name of another language', () => zipOf([main({ name: 'apple_health_export/导出.xml' }), cda])],
    ['from an archive without a folder', () => zipOf([main({ name: 'exportación.xml' })])],
    ['from an archive of a streaming writer', () => zipOf([main({ descriptor: true })])],
    ['from a ZIP64 archive', () => zipOf([main({ zip64: true }), cda])],
  ])('%s', async (_situation, bytes) => {
    expect(await itemsIn(fileOf(bytes()))).toEqual([{ type: 'HKQuantityTypeIdentifierHeartRate', unit: 'count/min', startDate: '2024-07-01 10:00:00 +0200', value: 61 }]);
  });

  test('with the routes and clinical records that lie beside it', async () => {
    const workout = '<Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="30" durationUnit="min" startDate="2024-07-01 10:00:00 +0200" endDate="2024-07-01 10:30:00 +0200"><WorkoutEvent type="HKWorkoutEventTypePause" date="2024-07-01 10:10:00 +0200"/><WorkoutStatistics type="HKQuantityTypeIdentifierActiveEnergyBurned" sum="300" unit="kcal"/><WorkoutRoute><FileReference path="/workout-routes/route.gpx"/></WorkoutRoute></Workout>';
    const clinical = '<ClinicalRecord type="HKClinicalTypeIdentifierLabResultRecord" identifier="x" fhirVersion="4.0.1" receivedDate="2024-07-02 10:00:00 +0200" resourceFilePath="/clinical-records/lab.json"/>';
    const gpx = '<gpx><trk><trkseg><trkpt lon="12.5" lat="41.9"><ele>20.5</ele><time>2024-07-01T08:00:01Z</time></trkpt><trkpt lon="12.6" lat="41.8"/></trkseg></trk></gpx>';
    const items = await itemsIn(fileOf(zipOf([main({ bytes: xml(workout, clinical) }), { name: 'apple_health_export/workout-routes/route.gpx', bytes: Buffer.from(gpx) }, { name: 'apple_health_export/clinical-records/lab.json', bytes: Buffer.from(JSON.stringify({ resourceType: 'Observation', note: 'x'.repeat(3000), more: 'y'.repeat(3000) })) }])));
    expect(items).toEqual([
      {
        type: 'HKWorkoutTypeIdentifier', startDate: '2024-07-01 10:00:00 +0200', endDate: '2024-07-01 10:30:00 +0200', activityName: 'Running', duration: { quantity: 30, unit: 'min' },
        workoutEvents: [{ type: 'HKWorkoutEventTypePause', date: '2024-07-01 10:10:00 +0200' }], statistics: [{ type: 'HKQuantityTypeIdentifierActiveEnergyBurned', sum: 300, unit: 'kcal' }],
        route: [[41.9, 12.5, 20.5, '2024-07-01T08:00:01Z'], [41.8, 12.6, null, null]],
      },
      { type: 'HKClinicalTypeIdentifierLabResultRecord', identifier: 'x', fhirVersion: '4.0.1', startDate: '2024-07-02 10:00:00 +0200', fhirData: { resourceType: 'Observation', note: 'x'.repeat(3000), more: 'y'.repeat(3000) } },
    ]);
  });

  const morning = 'sourceName="Health" startDate="2024-07-01 10:00:00 +0200" endDate="2024-07-01 10:00:00 +0200"';
  const taken = { sourceName: 'Health', startDate: '2024-07-01 10:00:00 +0200', endDate: '2024-07-01 10:00:00 +0200' };
  test.each<[string, string, object]>([
    ['an audiogram', `<Audiogram type="HKDataTypeIdentifierAudiogram" ${morning}><SensitivityPoint frequencyValue="1000" frequencyUnit="Hz" leftEarValue="20" leftEarUnit="dBHL" rightEarValue="25.5" rightEarUnit="dBHL"/><SensitivityPoint frequencyValue="4" frequencyUnit="kHz" leftEarValue="40" leftEarUnit="dBHL"/></Audiogram>`,
      { type: 'HKDataTypeIdentifierAudiogram', ...taken, sensitivityPoints: [
        { frequency: { quantity: 1000, unit: 'Hz' }, leftEarSensitivity: { quantity: 20, unit: 'dBHL' }, rightEarSensitivity: { quantity: 25.5, unit: 'dBHL' } },
        { frequency: { quantity: 4, unit: 'kHz' }, leftEarSensitivity: { quantity: 40, unit: 'dBHL' } }] }],
    ['a prescription', '<VisionPrescription type="glasses" dateIssued="2024-07-01" expirationDate="2026-07-01"><RightEye sphere="-2.25" sphereUnit="D" axis="90" axisUnit="deg"/></VisionPrescription>',
      { type: 'HKVisionPrescriptionTypeIdentifier', startDate: '2024-07-01T00:00:00.000', prescriptionType: 'glasses', expirationDate: '2026-07-01', rightEye: { sphere: -2.25, sphereUnit: 'D', axis: 90, axisUnit: 'deg' } }],
    ['a meal', `<Correlation type="HKCorrelationTypeIdentifierFood" ${morning}><Record type="HKQuantityTypeIdentifierDietaryProtein" unit="g" value="12.5"/></Correlation>`,
      { type: 'HKCorrelationTypeIdentifierFood', ...taken, objects: [{ quantityType: 'HKQuantityTypeIdentifierDietaryProtein', quantity: 12.5, unit: 'g' }] }],
    ['metadata, as text: a name of digits alone is no number', `<Record type="HKQuantityTypeIdentifierBodyMass" unit="kg" ${morning} value="70"><MetadataEntry key="HKMetadataKeySyncIdentifier" value="9007199254740993"/><MetadataEntry key="HKMetadataKeySyncVersion" value="2"/></Record>`,
      { type: 'HKQuantityTypeIdentifierBodyMass', ...taken, unit: 'kg', value: 70, metadata: { HKMetadataKeySyncIdentifier: '9007199254740993', HKMetadataKeySyncVersion: '2' } }],
    ['a day, which has no offset, not even that of the export', '<ActivitySummary dateComponents="2024-01-31" activeEnergyBurned="300" activeEnergyBurnedUnit="kcal"/>',
      { type: 'HKActivitySummaryTypeIdentifier', startDate: '2024-01-31T00:00:00.000', endDate: '2024-02-01T00:00:00.000', activeEnergyBurned: 300, activeEnergyBurnedUnit: 'kcal' }],
  ])('with what %s is made of', async (_situation, element, expected) => {
    expect(await itemsIn(fileOf(xml('<ExportDate value="2024-07-10 10:00:00 +0200"/>', element)))).toEqual([expected]);
  });

  const pressure = (side: string, value: number) => `<Record type="HKQuantityTypeIdentifierBloodPressure${side}" unit="mmHg" ${morning} value="${String(value)}"/>`;
  const [high, low] = [pressure('Systolic', 120), pressure('Diastolic', 80)];
  const pair = `<Correlation type="HKCorrelationTypeIdentifierBloodPressure" ${morning}>${high}${low}</Correlation>`;
  test.each<[string, readonly string[], readonly string[]]>([
    ['two equal pairs before what is beside them', [pair, pair, high, low, high, low], ['BloodPressure', 'BloodPressure']],
    ['two equal pairs after it', [high, low, high, low, pair, pair], ['BloodPressure', 'BloodPressure']],
    ['two equal pairs, and it before, between and after them', [high, pair, low, low, pair, high], ['BloodPressure', 'BloodPressure']],
    ['a pair, and once more what it has', [pair, high, low, high], ['BloodPressure', 'BloodPressureSystolic']],
    ['the same the other way round', [high, low, high, pair], ['BloodPressure', 'BloodPressureSystolic']],
    ['two pairs beside which one is missing', [pair, high, low, pair], ['BloodPressure', 'BloodPressure']],
  ])('with each pressure once: %s', async (_situation, elements, types) => {
    expect((await itemsIn(fileOf(xml(...elements)))).map(({ type }) => type.replace(/^HK(Quantity|Correlation)TypeIdentifier/, ''))).toEqual(types);
  });

  test.each([
    ['TheGreenCedar-gpt-os.xml', 6], ['alxdrcirilo-apple-health-parser.xml', 13], ['dogsheep-healthkit-to-sqlite-export.xml', 9], ['paulstaab-health-export-cli.xml', 13], ['tagbug-apple-health-analyzer-example.xml', 4],
  ])('of somebody else: %s', async (name, count) => {
    expect(await itemsIn(join(fixtures, name))).toHaveLength(count);
  });

  test('all files of others are here', () => {
    expect(readdirSync(fixtures)).toHaveLength(5);
  });
});

describe('files beside an export that are not read are told by kind, without their names', () => {
  const workout = (...paths: string[]) => `<Workout startDate="2024-07-01 10:00:00 +0200">${paths.map((path) => `<WorkoutRoute><FileReference path="${path}"/></WorkoutRoute>`).join('')}</Workout>`;
  const file = (name: string): ZipEntry => ({ name: `apple_health_export/${name}`, bytes: Buffer.from('<gpx/>') });

  test.each<[string, () => Buffer, object]>([
    ['nothing of an archive that is read whole', () => zipOf([main({ bytes: xml(workout('/workout-routes/a.gpx')) }), cda, file('workout-routes/'), file('workout-routes/a.gpx'), file('.DS_Store'), { ...file(''), name: '__MACOSX/apple_health_export/._export.xml' }]), { unread: [], missing: [] }],
    ['electrocardiograms', () => zipOf([main(), file('electrocardiograms/ecg_2024-07-01.csv'), file('electrocardiograms/ecg_2024-07-02.CSV')]), { unread: [{ kind: 'electrocardiograms/*.csv', files: 2 }], missing: [] }],
    ['routes that no workout names, and folders of nobody', () => zipOf([main(), file('workout-routes/a.gpx'), file('Anna Rossi/x.pdf'), file('README'), { ...file(''), name: 'notes.txt' }]),
      { unread: [{ kind: '*', files: 1 }, { kind: '*.txt', files: 1 }, { kind: '*/*.pdf', files: 1 }, { kind: 'workout-routes/*.gpx', files: 1 }], missing: [] }],
    ['a route that is not in the archive', () => zipOf([main({ bytes: xml(workout('/workout-routes/a.gpx', '/workout-routes/b.gpx')) }), file('workout-routes/b.gpx')]), { unread: [], missing: [{ kind: 'workout-routes/*.gpx', files: 1 }] }],
    ['routes and clinical records of an export without its archive', () => xml(workout('/workout-routes/a.gpx'), '<ClinicalRecord type="x" resourceFilePath="/clinical-records/a.json"/>'), { unread: [], missing: [{ kind: 'clinical-records/*.json', files: 1 }, { kind: 'workout-routes/*.gpx', files: 1 }] }],
  ])('%s', async (_situation, bytes, expected) => {
    expect((await readAll(fileOf(bytes()))).leftOut).toEqual(expected);
  });
});

describe('an export is refused', () => {
  test.each<[string, () => Buffer | string, string]>([
    ['with broken XML', () => '<HealthData>\n<Record\n</HealthData>', 'broken near line'],
    ['cut off', () => '<HealthData>\n<Record type="x"/>', 'broken near line'],
    ['with two roots', () => '<HealthData/><HealthData/>', 'broken near line'],
    ['with another root', () => '<ClinicalDocument/>', 'root is not HealthData'],
    ['with entities', () => '<!DOCTYPE HealthData [<!ENTITY a "b">]><HealthData>&a;</HealthData>', 'entities'],
    ['that is empty', () => '', 'broken near line'],
    ['that is not UTF-8', () => Buffer.from('<HealthData a="é"/>', 'latin1'), 'not UTF-8'],
    ['with an element without end', () => `<HealthData><Workout>${'<x/>'.repeat(200_001)}</Workout></HealthData>`, 'more than any of Apple Health'],
    ['compressed, and cut off', () => gzipSync(xml(record.repeat(1000))).subarray(0, 150), 'compressed file is broken'],
    ['that inflates beyond all measure', () => gzipSync(Buffer.concat([Buffer.from('<HealthData>'), Buffer.alloc(30_000_000, ' ')])), 'inflates beyond all measure'],
    ['in an archive that does', () => zipOf([main({ bytes: Buffer.concat([Buffer.from('<HealthData>'), Buffer.alloc(30_000_000, ' ')]) })]), 'inflates beyond all measure'],
    ['in an archive without any', () => zipOf([cda, { name: 'apple_health_export/a.xml', bytes: Buffer.from('<x/>') }]), 'no export'],
    ['in an archive with two', () => zipOf([main(), main({ name: 'apple_health_export/export2.xml' })]), '2 exports'],
    ['with a clinical record that is none', () => zipOf([main({ bytes: xml('<ClinicalRecord type="x" resourceFilePath="/a.json"/>') }), { name: 'apple_health_export/a.json', bytes: Buffer.from('{') }]), 'broken JSON'],
    ['in an archive that is encrypted', () => zipOf([main({ encrypted: true })]), 'encrypted'],
    ['in an archive that is cut off', () => zipOf([main()]).subarray(0, 150), 'archive is broken'],
    ['in an archive whose bytes were changed', () => {
      const bytes = zipOf([main()]);
      bytes[60] = (bytes[60] ?? 0) ^ 0xff;
      return bytes;
    }, 'broken'],
    ['in an archive with names that lead out of it', () => zipOf([main(), { name: '../../etc/cron.d/x', bytes: Buffer.from('x') }]), 'lead out of it'],
    ['in an archive with absolute names', () => zipOf([{ name: '/etc/passwd', bytes: Buffer.from('x') }, main()]), 'lead out of it'],
  ])('%s', async (_situation, bytes, reason) => {
    const fault: unknown = await itemsIn(fileOf(bytes())).then(() => undefined, (error: unknown) => error);
    expect(fault).toMatchObject({ name: 'ImportFault', message: expect.stringContaining(reason) });
  });
});
