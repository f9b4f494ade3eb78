import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImportFault } from '../../src/apple-health/import-fault.ts';
import { readExport } from '../../src/apple-health/export-reader.ts';
import { itemsOfElement } from '../../src/apple-health/export-item.ts';
import { pointsOfRoute } from '../../src/apple-health/route.ts';
import { ChartFilterFault, chartFilterOf } from '../../src/device-manager/domain/chart-filter.ts';
import { detectionFilterOf, FilterError } from '../../src/device-manager/domain/detection-filter.ts';
import { readCodes } from '../../src/device-manager/domain/fhir/code-search.ts';
import { readDate } from '../../src/device-manager/domain/fhir/date-search.ts';
import { readPlace } from '../../src/device-manager/domain/fhir/page-place.ts';
import { healthDataVocabulary } from '../../src/device-manager/domain/health-data-query.ts';
import { takeApart, takeApartBytes } from '../../src/device-manager/providers/taking-apart.ts';
import { fhirFormat, fhirXmlFormat, medisanteFormat, medisanteXmlFormat } from '../../src/device-manager/provider.ts';
import { healthKitFormats, itemsIn } from '../../src/healthkit/shapes/formats.ts';
import { vetItem } from '../../src/healthkit/vetting.ts';
import { JsonFault, readJson } from '../../src/http/json-gate.ts';
import { withNulls } from '../../src/http/json-nulls.ts';
import { readMultipartBody } from '../../src/http/multipart-body.ts';
import { ProblemError } from '../../src/http/problem.ts';
import { basicOf, bearerOf, sidOf } from '../../src/http/request-credentials.ts';
import { parseBound, parseInstant, parseInstantIn } from '../../src/measurement/instant.ts';
import { convert, isUcum, UnitMismatch } from '../../src/measurement/quantity.ts';
import { offsetsOf } from '../../src/measurement/time-zone.ts';
import { ucumOf } from '../../src/measurement/unit-spelling.ts';
import { QueryFault, readCondition, readSort, readStates } from '../../src/query/condition.ts';
import { readFilters } from '../../src/query/filters.ts';
import { CsvFault, readUserCsv, TooManyRowsError } from '../../src/user-manager/user-csv.ts';
import { readXml, XmlFault } from '../../src/xml/xml-gate.ts';
import { hostileText } from './fuzz/hostile.ts';
import { damaged, mutated } from './fuzz/json-text.ts';
import '../setup/seed.ts';

const RUNS = Number(process.env['PARSER_INPUTS'] ?? 400);
/** Longest that one input of at most 200 kB may take, with room for a busy machine; a parser that is not linear takes seconds. */
const SLOWEST_MS = 1500;

const folder = join(import.meta.dirname, '../fixtures');
const files = readdirSync(folder, { recursive: true }).map(String);
const textsOf = (pattern: RegExp): string[] => files.filter((name) => pattern.test(name)).map((name) => readFileSync(join(folder, name), 'utf8')).filter((text) => text.length < 20_000);
const valuesOf = (pattern: RegExp): unknown[] =>
  textsOf(pattern).flatMap((text) => {
    try {
      return [JSON.parse(text) as unknown];
    } catch {
      return []; // broken on purpose
    }
  });
const anyOf = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const buffers = (texts: readonly string[]): fc.Arbitrary<Buffer> => fc.oneof(damaged(anyOf(texts).map((text) => Buffer.from(text))), fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)));

const healthKit = valuesOf(/healthkit\/(react-native-health|kingstinct|capacitor|flutter-health)\/.*\.json$/);
const medisante = valuesOf(/medisante\/(captured|synthetic|sister-telli)\/.*\.json$/);
const fhir = [
  { resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] }, subject: { reference: 'Patient/1' }, effectiveDateTime: '2024-07-01T10:00:00Z', valueQuantity: { value: 71, unit: '/min', code: '/min' } },
  { resourceType: 'Bundle', type: 'collection', entry: [{ resource: { resourceType: 'Observation', id: 'a', hasMember: [{ reference: 'Observation/a' }], component: [{ code: { text: 'x' }, valueSampledData: { data: '1 E U', period: 1, dimensions: 1, origin: { value: 0 } } }] } }, { resource: { resourceType: 'DiagnosticReport', result: [{ reference: '#x' }] } }] },
];
const xml = textsOf(/\.xml$/);
const json = textsOf(/\.json$/);
const batch = { type: 'HeartRate', unit: 'bpm', timeZone: undefined, deviceId: undefined };
const vet = (item: unknown, index: number): unknown => vetItem({ item, index, batch: batch, enrolled: [{ _id: '1', deviceId: 'watch' }] as never, patientId: 'p', now: Date.parse('2026-01-01T00:00:00Z'), checkShape: () => null });
const drained = async (chunks: AsyncIterable<readonly Parameters<typeof itemsOfElement>[0][]>): Promise<void> => {
  for await (const elements of chunks) for (const element of elements) itemsOfElement(element, '2024-07-01 00:00:00 +0000');
};
// One byte at a time near the beginning: that is where decoders and tags are cut.
async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += at < 40 ? 1 : 4096) yield await Promise.resolve(bytes.subarray(at, at + (at < 40 ? 1 : 4096)));
}

const condition = anyOf<unknown>([{ recordedAt: { $gte: '2024-07-01T00:00:00Z' } }, { $or: [{ deviceId: 'x' }, { providerId: { $in: ['a', 1] } }] }, { deviceId: { $regex: '^a', $options: 'i' } }, { state: { $exists: true } }]);
const filter = anyOf<unknown>([[{ property: 'recordedAt', operator: 'between', value: ['2024-07-01T00:00:00Z', '2024-08-01T00:00:00Z'] }], [{ property: 'deviceId', operator: 'regex', value: 'a' }], [{ property: 'period', operator: 'greater', value: 1 }]]);
const jsonOf = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));
const jsonText = (values: fc.Arbitrary<unknown>): fc.Arbitrary<string> => fc.oneof(mutated(values).map((value) => jsonOf(value)), damaged(values.map((value) => Buffer.from(jsonOf(value)))).map(String), hostileText);
const date = fc.oneof(hostileText, fc.stringMatching(/^(eq|gt|sa)?\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,12})?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$/), fc.double().map(String));
const unit = fc.oneof(hostileText, fc.stringMatching(/^[a-zA-Z0-9*./()[\]{}^%'"-]{1,30}$/));

type Row = readonly [name: string, inputs: fc.Arbitrary<unknown>, parse: (input: never) => unknown, expected: readonly (new (...given: never[]) => Error)[]];
const rows: readonly Row[] = [
  ['the JSON gate', buffers(json), (bytes: Buffer) => readJson(bytes, { maxItems: 5000 }), [JsonFault]],
  ['nulls in the place of refused items', buffers(['{"a":[{"b":1},{"b":2}]}']), (bytes: Buffer) => { readJson(bytes, { maxItems: 5000 }); return withNulls(bytes, ['/a/0', '/a/1']); }, [JsonFault, Error]],
  ['the XML gate', buffers(xml), (bytes: Buffer) => readXml(bytes), [XmlFault]],
  ['Medisanté JSON', mutated(anyOf(medisante)), (value: unknown) => takeApart(medisanteFormat, value), []],
  ['Medisanté XML', buffers(xml), (bytes: Buffer) => { readXml(bytes); return takeApartBytes(medisanteXmlFormat, bytes); }, [XmlFault]],
  ['FHIR JSON', mutated(anyOf<unknown>(fhir)), (value: unknown) => takeApart(fhirFormat, value), []],
  ['FHIR XML', buffers([...xml, '<Observation xmlns="http://hl7.org/fhir"><status value="final"/><component><valueQuantity><value value="1e400"/></valueQuantity></component></Observation>']), (bytes: Buffer) => { readXml(bytes); return takeApartBytes(fhirXmlFormat, bytes); }, [XmlFault]],
  ...healthKitFormats.map((format): Row => [`HealthKit as ${format}`, mutated(anyOf<unknown>([...healthKit, { data: { metrics: [{ name: 'heart_rate', units: 'bpm', data: [{ date: '2024-07-01 10:00:00 +0200', qty: 71 }] }] } }])), (body: unknown) => {
    const found = itemsIn(format, body, 5000);
    return typeof found === 'object' && 'items' in found ? found.items.map(({ item }, index) => vet(item, index)) : found;
  }, []]),
  ['an export of the Health app', buffers(textsOf(/export-xml.*\.xml$/)), (bytes: Buffer) => drained(readExport(inPieces(bytes))), [ImportFault]],
  ['a route', buffers(['<gpx><trk><trkseg><trkpt lat="1" lon="2"><ele>3</ele><time>2024-07-01T10:00:00Z</time></trkpt></trkseg></trk></gpx>']), (bytes: Buffer) => pointsOfRoute(bytes), [ImportFault, Error]],
  ['_q', jsonText(condition), (text: string) => readCondition(text, healthDataVocabulary), [QueryFault]],
  ['filters', jsonText(filter), (text: string) => readFilters(text, healthDataVocabulary), [QueryFault]],
  ['_s', hostileText, (text: string) => readSort(text, healthDataVocabulary), [QueryFault]],
  ['_st', hostileText, (text: string) => readStates(text), [QueryFault]],
  ['filters of charts', jsonText(filter), (text: string) => chartFilterOf(text), [ChartFilterFault]],
  ['filters of detections', jsonText(filter), (text: string) => detectionFilterOf(text, () => 0), [FilterError]],
  ['dates', date, (text: string) => [parseInstant(text), parseInstantIn(text, 'Europe/Rome'), parseBound(text)], []],
  ['dates of FHIR searches', date, (text: string) => readDate(text, 0), []],
  ['time zones', hostileText, (text: string) => offsetsOf(text), []],
  ['codes of FHIR searches', hostileText, (text: string) => readCodes(text), []],
  ['places of pages', fc.oneof(hostileText, fc.string().map((text) => Buffer.from(text).toString('base64url'))), (text: string) => readPlace(text), []],
  ['units', unit, (text: string) => [ucumOf(text), isUcum(text), convert(1, text, 'mg/dL')], [UnitMismatch]],
  ['CSV of users', buffers(['username;email;userGroup\na;a@example.org;patient\n', '"a","b"\n"1","2"']), (bytes: Buffer) => readUserCsv(bytes, { delimiter: ';', escape: '"', encoding: 'utf8' }, new Set()), [CsvFault, TooManyRowsError]],
  ['multipart forms', buffers(['--fuzz\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--fuzz--\r\n']), (bytes: Buffer) => readMultipartBody(bytes, 'multipart/form-data; boundary=fuzz', ['file']), [ProblemError]],
  ['credentials in headers', hostileText, (text: string) => [sidOf({ cookie: `sid=${text}` }), bearerOf({ authorization: `Bearer ${text}` }), basicOf({ authorization: `Basic ${text}` })], []],
];

describe('whatever a parser is given, it answers or refuses in its own words, and in bounded time', () => {
  test.each(rows)('%s', async (_name, inputs, parse, expected) => {
    await fc.assert(
      fc.asyncProperty(inputs, async (input) => {
        const before = process.cpuUsage();
        try {
          await parse(input as never);
        } catch (error) {
          if (!expected.some((kind) => error instanceof kind)) throw error;
        }
        const { user, system } = process.cpuUsage(before);
        expect((user + system) / 1000).toBeLessThan(SLOWEST_MS);
      }),
      { numRuns: RUNS },
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }, 120_000);
});
