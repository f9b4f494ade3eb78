import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, clientWith, cuff, eventually, newPatient, refused, service, type Client, type KeptRecord } from './client.ts';
import { bundle, pulse } from './fhir-documents.ts';
import { fhirXml, medisanteXml } from '../../src/simulator/xml-documents.ts';

const at = '2024-03-02T09:10:11Z';
const fixture = (path: string) => readFileSync(new URL(`../fixtures/medisante/synthetic/${path}`, import.meta.url));
const anyPressure = () => bloodPressure({ id: 'unknown' }, at);
const anyPulse = () => pulse(`unknown-${randomUUID()}`, at, 61);

describe('deliveries in every format', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  let counter = 0;
  const newSerial = () => `00${String((counter += 1))}`;
  const post = (contentType: string, body: string | Buffer, format?: string, headers: Record<string, string> = {}) =>
    sender.send(`/health-data/medisante${format === undefined ? '' : `/${format}`}`, { method: 'POST', headers: { 'content-type': contentType, ...headers }, body: body as string });
  const deliver = async (...sent: Parameters<typeof post>) => (await answered<{ _id: string }>(post(...sent)))._id;
  const recordOf = (_id: string) => answered<KeptRecord & { rawDataFormat: string }>(service(vitalgate).get(`/health-data/${_id}`));
  const settled = (_id: string) => eventually(() => recordOf(_id), ({ state }) => state === 'normalized' || state === 'normalization-failed');
  const hold = async (serialNumber: string) => {
    const patient = newPatient();
    await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(`Maker:${serialNumber}`), serialNumber, assignedFrom: '2020-01-01T00:00:00Z' }));
    return patient;
  };
  const kept = async () =>
    (await vitalgate.database.pool.query<object>('select (select count(*) from device_manager.payload) as payloads, (select count(*) from device_manager.quarantined_delivery) as waiting, (select count(*) from device_manager.delivery) as deliveries')).rows;

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  test.each(readdirSync(new URL('../fixtures/medisante/synthetic/xml-assumed/', import.meta.url)))('%s becomes the record of its JSON twin', async (file) => {
    const [xml, json] = [fixture(`xml-assumed/${file}`), fixture(file.replace('.xml', '.json'))];
    const { device, measurements } = JSON.parse(json.toString()) as { device: { serialNumber: string }; measurements: { device?: { serialNumber: string } } };
    const patient = await hold((measurements.device ?? device).serialNumber);
    const twin = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey(`twin-${file}`)).key });
    const fromJson = await settled((await answered<{ _id: string }>(twin.post('/health-data/medisante', JSON.parse(json.toString()))))._id);
    const fromXml = await settled(await deliver('application/xml', xml));
    expect(fromXml).toMatchObject({ state: 'normalized', patientId: patient, rawDataFormat: 'medisantestandard-xml', rawData: JSON.parse(json.toString()) as unknown });
    expect(fromXml.normalizedData).toEqual(fromJson.normalizedData);
  });

  test('16400 and 10533 pascal in XML are 123.01 and 79.00 mmHg; the serial number keeps its zeros, the payload its bytes', async () => {
    const serialNumber = newSerial();
    const patient = await hold(serialNumber);
    const body = medisanteXml(bloodPressure({ serialNumber, IMEI: '000000000000002' }, at)).replace('<value>16400</value>', '<!-- in pascal --><value>16400</value>');
    const record = await settled(await deliver('text/xml; charset=utf-8', body));
    expect(record).toMatchObject({ state: 'normalized', patientId: patient, rawData: { device: { serialNumber, IMEI: '000000000000002' } } });
    expect(record.normalizedData?.observations.map(({ unitCode, value }) => `${value.toFixed(2)} ${unitCode}`)).toEqual(['123.01 mm[Hg]', '79.00 mm[Hg]', '70.00 /min']);
    const { rows } = await vitalgate.database.pool.query('select format, size_bytes from device_manager.payload where patient_id = $1', [patient]);
    expect(rows).toEqual([{ format: 'medisantestandard-xml', size_bytes: Buffer.byteLength(body) }]);
  });

  describe('path, Content-Type and shape agree', () => {
    const medisanteJson = () => JSON.stringify(anyPressure());
    const fhirJson = () => JSON.stringify(anyPulse());
    const xml = () => medisanteXml(anyPressure());
    const xmlOfFhir = () => fhirXml(anyPulse());
    test.each<[string | undefined, string, () => string, string]>([
      [undefined, 'application/json', medisanteJson, 'medisantestandard-json'],
      [undefined, 'application/json', fhirJson, 'fhir-json'],
      [undefined, 'application/fhir+json', fhirJson, 'fhir-json'],
      [undefined, 'application/fhir+json; fhirVersion=4.0; charset=UTF-8', fhirJson, 'fhir-json'],
      [undefined, 'application/xml', xml, 'medisantestandard-xml'],
      [undefined, 'Text/XML', xml, 'medisantestandard-xml'],
      [undefined, 'application/xml', xmlOfFhir, 'fhir-xml'],
      [undefined, 'application/fhir+xml', xmlOfFhir, 'fhir-xml'],
      ['medisantestandard-json', 'application/json', medisanteJson, 'medisantestandard-json'],
      ['medisantestandard-xml', 'application/xml', xml, 'medisantestandard-xml'],
      ['fhir-json', 'application/json', fhirJson, 'fhir-json'],
      ['FHIR-XML', 'text/xml', xmlOfFhir, 'fhir-xml'],
      ['json', 'application/fhir+json', fhirJson, 'fhir-json'],
      ['Standard-JSON', 'application/json', medisanteJson, 'medisantestandard-json'],
      ['xml', 'application/fhir+xml', xmlOfFhir, 'fhir-xml'],
      ['xml', 'application/xml', xml, 'medisantestandard-xml'],
    ])('path %s, %s', async (format, contentType, bodyOf, expected) => {
      expect(await recordOf(await deliver(contentType, bodyOf(), format))).toMatchObject({ state: 'quarantined', reason: 'device-unknown', rawDataFormat: expected });
    });

    test('what is called FHIR but is none is kept, and waits', async () => {
      for (const [contentType, body] of [['application/fhir+xml', xml()], ['application/fhir+json', medisanteJson()]] as const) {
        expect(await recordOf(await deliver(contentType, body))).toMatchObject({ state: 'quarantined', reason: 'not-a-delivery', rawDataFormat: contentType.replace('application/', '').replace('+', '-') });
      }
    });

    test('XML of the Medisanté standard stays that, whatever its elements are called', async () => {
      const body = medisanteXml({ ...anyPressure(), resourceType: 'Observation' });
      expect(await recordOf(await deliver('application/xml', body))).toMatchObject({ state: 'quarantined', reason: 'device-unknown', rawDataFormat: 'medisantestandard-xml' });
    });
  });

  describe('is refused, and nothing is kept', () => {
    const small = () => medisanteXml(anyPressure());
    const nested = '<a>'.repeat(10_000);
    test.each<[string, string, () => string | Buffer, { format?: string; headers?: Record<string, string> }, object]>([
      ['an external entity', 'application/xml', () => fixture('negative/xxe.xml'), {}, { status: 400, code: 'forbidden-doctype', errors: [{ pointer: '/line/2', code: 'forbidden-doctype' }] }],
      ['an expanding entity, packed', 'application/xml', () => gzipSync(`<!DOCTYPE m [<!ENTITY a "${'a'.repeat(100_000)}">]><m>${'&a;'.repeat(100_000)}</m>`), { headers: { 'content-encoding': 'gzip' } }, { status: 400, code: 'forbidden-doctype' }],
      ['10,000 levels', 'text/xml', () => nested, {}, { status: 400, code: 'too-deep' }],
      ['no end', 'application/fhir+xml', () => '<Observation xmlns="http://hl7.org/fhir">', {}, { status: 400, code: 'malformed-xml' }],
      ['nothing', 'application/xml', () => ' ', {}, { status: 400, code: 'malformed-xml' }],
      ['UTF-16', 'application/xml', () => Buffer.from(`\ufeff${small()}`, 'utf16le'), {}, { status: 400, code: 'not-utf8' }],
      ['NUL', 'application/xml', () => small().replace('Pa', 'P\0a'), {}, { status: 400, code: 'invalid-text' }],
      ['a reserved name', 'application/xml', () => '<m><__proto__/></m>', {}, { status: 400, code: 'forbidden-key' }],
      ['60,000 elements', 'application/xml', () => `<m>${'<a/>'.repeat(60_000)}</m>`, {}, { status: 413, code: 'payload-too-large', limits: { maxBytes: 10_485_760 }, errors: [{ pointer: '/line/1', code: 'too-many-elements' }] }],
      ['more than 10 MiB', 'application/xml', () => `<m>${' '.repeat(10 * 1024 * 1024)}</m>`, {}, { status: 413, code: 'payload-too-large', limits: { maxBytes: 10_485_760 } }],
      ['more than 10 MiB, packed', 'application/xml', () => gzipSync(`<m>${' '.repeat(10 * 1024 * 1024)}</m>`), { headers: { 'content-encoding': 'gzip' } }, { status: 413, code: 'payload-too-large' }],
      ['JSON that says it is XML', 'application/xml', () => '{}', {}, { status: 400, code: 'malformed-xml' }],
      ['XML that says it is JSON', 'application/json', small, {}, { status: 400, code: 'malformed-json' }],
      ['another media type', 'text/plain', small, {}, { status: 415, code: 'unsupported-media-type' }],
      ['XML of another kind', 'image/svg+xml', small, {}, { status: 415, code: 'unsupported-media-type' }],
      ['another character set', 'application/xml; charset=iso-8859-1', small, {}, { status: 415, code: 'unsupported-media-type' }],
      ['another version of FHIR', 'application/fhir+xml; fhirVersion=3.0', small, {}, { status: 415, code: 'unsupported-media-type' }],
      ['JSON under a path of XML', 'application/json', () => '{}', { format: 'medisantestandard-xml' }, { status: 415, code: 'unsupported-media-type', detail: expect.stringContaining('path') }],
      ['FHIR under a path of the Medisanté standard', 'application/fhir+xml', small, { format: 'medisantestandard-xml' }, { status: 415, code: 'unsupported-media-type' }],
      ['a format nobody knows', 'application/xml', small, { format: 'yaml' }, { status: 400, code: 'unknown-format' }],
      ['a list of FHIR resources', 'application/fhir+json', () => '[]', {}, { status: 400, code: 'invalid-request' }],
    ])('%s', async (_situation, contentType, bodyOf, { format, headers }, expected) => {
      const before = await kept();
      expect(await refused(post(contentType, bodyOf(), format, headers))).toMatchObject(expected);
      expect(await kept()).toEqual(before);
    });

    test('without a credential, before anything of it is read', async () => {
      const nobody = clientWith(vitalgate.urls.deviceManager, {});
      expect(await refused(nobody.send('/health-data/medisante', { method: 'POST', headers: { 'content-type': 'application/xml' }, body: '<!DOCTYPE m>' }))).toMatchObject({ status: 401, code: 'unauthenticated' });
    });
  });

  test('an electrocardiogram of 183 kB, and one of almost 10 MiB, are kept while others get their answers', async () => {
    const pdf = (bytes: number) => Buffer.concat([Buffer.from('%PDF-1.4\n'), Buffer.alloc(bytes, 'a')]).toString('base64').replaceAll(/.{76}/g, '$&\n');
    for (const bytes of [137_000, 7_500_000]) {
      const body = medisanteXml({ ...anyPressure(), measurements: { documents: { ecgReportBase64PDF: pdf(bytes) }, timestamp: at } });
      const large = deliver('application/xml', body);
      expect((await post('application/xml', medisanteXml(anyPressure()))).status).toBe(200);
      expect(await recordOf(await large)).toMatchObject({ state: 'quarantined', rawDataFormat: 'medisantestandard-xml' });
    }
  });

  test('the same delivery in XML again is the same; what waits is released, shown as JSON', async () => {
    const serialNumber = newSerial();
    const body = medisanteXml(bloodPressure({ serialNumber }, at));
    const _id = await deliver('application/xml', body);
    expect(await deliver('application/xml', body)).toBe(_id);
    expect(await recordOf(_id)).toMatchObject({ state: 'quarantined', rawData: { device: { serialNumber }, measurements: { systolicBloodPressure: { value: 16400 } } } });
    const patient = await hold(serialNumber);
    expect(await settled(_id)).toMatchObject({ state: 'normalized', patientId: patient, rawDataFormat: 'medisantestandard-xml' });
  });

  test('the readings of a FHIR Bundle in XML go each to its patient', async () => {
    const [first, second] = [newSerial(), newSerial()];
    const patients = [await hold(first), await hold(second)];
    const _id = await deliver('application/fhir+xml', fhirXml(bundle('collection', [pulse(first, at, 61), pulse(second, at, 62)])));
    expect(await settled(_id)).toMatchObject({ state: 'normalized', patientId: patients[0] });
    const [other] = await eventually(() => answered<KeptRecord[]>(service(vitalgate).get(`/health-data?patientId=${String(patients[1])}&_p=normalizedData,patientId`)), ([one]) => one?.state === 'normalized');
    expect(other).toMatchObject({ patientId: patients[1], normalizedData: { observations: [{ value: 62 }] } });
  });

  test('the same reading in FHIR JSON and FHIR XML is one sample', async () => {
    const serialNumber = newSerial();
    const patient = await hold(serialNumber);
    const resource = pulse(serialNumber, at, 61);
    const _id = await deliver('application/fhir+json', JSON.stringify(resource));
    expect(await deliver('application/fhir+xml', fhirXml(resource))).toBe(_id);
    expect(await settled(_id)).toMatchObject({ state: 'normalized', patientId: patient });
    expect((await vitalgate.database.pool.query('select from device_manager.sample where patient_id = $1', [patient])).rowCount).toBe(1);
  });
});
