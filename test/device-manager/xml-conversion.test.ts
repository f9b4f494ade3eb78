import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { literalExtension } from '../../src/device-manager/providers/fhir/xml-to-json.ts';
import { documentOf } from '../../src/device-manager/providers/medisante/document.ts';
import { contradicts, formatOf } from '../../src/device-manager/providers/medisante/format.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const bytesOf = (path: string): Buffer => readFileSync(new URL(path, fixtures));
const jsonOf = (path: string): unknown => JSON.parse(bytesOf(path).toString('utf8'));
const pairs = (folder: string): string[] => readdirSync(new URL(folder, fixtures)).filter((file) => file.endsWith('.xml')).map((file) => file.slice(0, -'.xml'.length));

const medisante = (document: string): unknown => documentOf('medisantestandard-xml', Buffer.from(document));
const fhir = (document: string): unknown => documentOf('fhir-xml', Buffer.from(document));

/** Without the texts of numbers, which JSON twins cannot have; white space of narratives counts once. */
const comparable = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(comparable);
  if (typeof node !== 'object' || node === null) return node;
  const members = Object.entries(node).filter(([, value]) => !JSON.stringify(value).startsWith(`{"extension":[{"url":"${literalExtension}"`));
  return Object.fromEntries(members.map(([name, value]) => [name, name === 'div' ? String(value).replaceAll(/\s+/g, ' ') : comparable(value)]));
};

describe('FHIR XML', () => {
  test('there are 22 pairs of examples', () => {
    expect(pairs('fhir/hl7-r4-core/')).toHaveLength(22);
  });

  test.each(pairs('fhir/hl7-r4-core/'))('%s is its JSON twin', (file) => {
    expect(comparable(documentOf('fhir-xml', bytesOf(`fhir/hl7-r4-core/${file}.xml`)))).toEqual(comparable(jsonOf(`fhir/hl7-r4-core/${file}.json`)));
  });

  const observation = (content: string) => `<Observation xmlns="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml">${content}</Observation>`;
  test.each<[string, string, object]>([
    ['a number that keeps its digits', '<valueQuantity><value value="36.7"/></valueQuantity>', { valueQuantity: { value: 36.7 } }],
    ['a number that would lose a zero: its text stands beside it', '<valueQuantity><value value="36.70"/></valueQuantity>', { valueQuantity: { value: 36.7, _value: { extension: [{ url: literalExtension, valueString: '36.70' }] } } }],
    ['a number that is more precise than a double', '<valueQuantity><value value="0.12345678901234567890"/></valueQuantity>', { valueQuantity: { value: 0.12345678901234568, _value: { extension: [{ url: literalExtension, valueString: '0.12345678901234567890' }] } } }],
    ['a number that is none', '<valueQuantity><value value="120 or so"/></valueQuantity>', { valueQuantity: { value: '120 or so' } }],
    ['a number with leading zeros', '<valueInteger value="007"/>', { valueInteger: '007' }],
    ['a number beyond all bounds', '<valueQuantity><value value="1e400"/></valueQuantity>', { valueQuantity: { value: '1e400' } }],
    ['truth values, and one that is none', '<valueBoolean value="true"/><component><valueBoolean value="yes"/></component>', { valueBoolean: true, component: [{ valueBoolean: 'yes' }] }],
    ['text that looks like a number', '<identifier><value value="0001"/></identifier>', { identifier: [{ value: '0001' }] }],
    ['one of what can be many', '<category><coding><code value="a"/></coding></category>', { category: [{ coding: [{ code: 'a' }] }] }],
    ['two of what can be one', '<issued value="a"/><issued value="b"/>', { issued: ['a', 'b'] }],
    ['what R4 does not know', '<mood><depth value="1"/></mood><weather value="7"/>', { mood: { depth: '1' }, weather: '7' }],
    ['a value that is absent, and says why', '<issued><extension url="urn:x"><valueCode value="unknown"/></extension></issued>', { _issued: { extension: [{ url: 'urn:x', valueCode: 'unknown' }] } }],
    ['the id of an element', '<issued id="i" value="2024"/><code id="c"><text value="t"/></code>', { issued: '2024', _issued: { id: 'i' }, code: { id: 'c', text: 't' } }],
    ['a numeric extension', '<extension url="urn:x"><valueDecimal value="1.5"/></extension>', { extension: [{ url: 'urn:x', valueDecimal: 1.5 }] }],
    ['contained resources', '<contained><Device><serialNumber value="007"/></Device></contained><contained><Robot><name value="r"/></Robot></contained>', { contained: [{ resourceType: 'Device', serialNumber: '007' }, { resourceType: 'Robot', name: 'r' }] }],
    ['a narrative, with its markup', '<text><status value="generated"/><h:div>a &lt; b<h:br/><h:i title="&quot;">c</h:i></h:div></text>', { text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">a &lt; b<br/><i title="&quot;">c</i></div>' } }],
    ['elements of other namespaces are left out', '<x:code xmlns:x="urn:x" value="a"/>', {}],
    ['an element that is called like the type of the resource', '<resourceType value="Patient"/>', {}],
  ])('%s', (_situation, content, expected) => {
    expect(fhir(observation(content))).toEqual({ resourceType: 'Observation', ...expected });
  });

  test('names of a patient with gaps keep their places', () => {
    const name = '<name><given value="Ann"/><given><extension url="urn:x"><valueCode value="masked"/></extension></given></name>';
    expect(fhir(`<Patient xmlns="http://hl7.org/fhir">${name}</Patient>`)).toEqual({
      resourceType: 'Patient', name: [{ given: ['Ann', null], _given: [null, { extension: [{ url: 'urn:x', valueCode: 'masked' }] }] }],
    });
  });
});

describe('Medisanté XML', () => {
  test.each(pairs('medisante/synthetic/xml-assumed/'))('%s is its JSON twin', (file) => {
    expect(documentOf('medisantestandard-xml', bytesOf(`medisante/synthetic/xml-assumed/${file}.xml`))).toEqual(jsonOf(`medisante/synthetic/${file}.json`));
  });

  const metric = (content: string) => `<m><measurements><pulse>${content}</pulse></measurements></m>`;
  const pulse = (value: unknown) => ({ measurements: { pulse: { value } } });
  test.each<[string, string, object]>([
    ['any root, any prefix', '<x:Event xmlns:x="urn:x"><x:device><x:id>a</x:id></x:device></x:Event>', { device: { id: 'a' } }],
    ['leading zeros of numbers on devices', '<m><device><serialNumber>007</serialNumber><IMEI>000000000000002</IMEI><IMSI>01</IMSI></device></m>', { device: { serialNumber: '007', IMEI: '000000000000002', IMSI: '01' } }],
    ['empty elements', '<m><device><id/><model></model></device></m>', { device: { id: '', model: '' } }],
    ['several device groups', '<m><metadata><deviceGroups>a</deviceGroups><deviceGroups>b</deviceGroups></metadata></m>', { metadata: { deviceGroups: ['a', 'b'] } }],
    ['one device group', '<m><metadata><deviceGroups>a</deviceGroups></metadata></m>', { metadata: { deviceGroups: ['a'] } }],
    ['device groups inside of one element', '<m><metadata><deviceGroups><deviceGroup>a</deviceGroup><deviceGroup>b</deviceGroup></deviceGroups></metadata></m>', { metadata: { deviceGroups: ['a', 'b'] } }],
    ['an empty element of device groups', '<m><metadata><deviceGroups/></metadata></m>', { metadata: { deviceGroups: [] } }],
    ['no device groups', '<m><metadata><measurementType>ECG</measurementType></metadata></m>', { metadata: { measurementType: 'ECG', deviceGroups: [] } }],
    ['metrics in elements', metric('<value>70</value><unit>bpm</unit><isInRange>false</isInRange>'), { measurements: { pulse: { value: 70, unit: 'bpm', isInRange: false } } }],
    ['metrics in attributes', '<m><measurements><pulse value="70" unit="bpm" isInRange="true"/></measurements></m>', { measurements: { pulse: { value: 70, unit: 'bpm', isInRange: true } } }],
    ['a metric as text beside its unit', '<m><measurements><pulse unit="bpm">70</pulse></measurements></m>', { measurements: { pulse: { unit: 'bpm', value: 70 } } }],
    ['a metric with a value alone', '<m><measurements><inr value="2.5"/></measurements></m>', { measurements: { inr: { value: 2.5 } } }],
    ['anything else with a value alone', '<m><device><IMEI value="0001"/></device><measurements><timestamp value="2024-03-02T09:10:11Z"/></measurements></m>', { device: { IMEI: '0001' }, measurements: { timestamp: '2024-03-02T09:10:11Z' } }],
    ['a negative number with zeros at its end', metric('<value> -36.70\n</value>'), pulse(-36.7)],
    ['a number of seventeen digits', metric('<value>66.899999999999991</value>'), pulse(66.89999999999999)],
    ['a number that no double holds', metric('<value>36.123456789012345678</value>'), pulse('36.123456789012345678')],
    ['a whole number that no double holds', metric('<value>9007199254740993</value>'), pulse('9007199254740993')],
    ['a number with a comma', metric('<value>36,7</value>'), pulse('36,7')],
    ['a number with an exponent', metric('<value>1e3</value>'), pulse('1e3')],
    ['a hexadecimal number', metric('<value>0x10</value>'), pulse('0x10')],
    ['a number with a leading zero', metric('<value>070</value>'), pulse('070')],
    ['no number', metric('<value>NaN</value>'), pulse('NaN')],
    ['two values', metric('<value>70</value><value>71</value>'), pulse([70, 71])],
    ['truth values of other spellings', '<m><measurements><annotations><irregularHeartBeat>1</irregularHeartBeat><averageMeasurement>true</averageMeasurement></annotations></measurements></m>', { measurements: { annotations: { irregularHeartBeat: '1', averageMeasurement: true } } }],
    ['seconds since 1970', '<m><measurements><timestamp>1709370611</timestamp></measurements></m>', { measurements: { timestamp: 1709370611 } }],
    ['channels of an electrocardiogram', '<m><measurements><ecgSamples><sampleRate>500</sampleRate><samples><numberOfSamples>3</numberOfSamples><data>010203</data></samples></ecgSamples></measurements></m>', { measurements: { ecgSamples: { sampleRate: 500, samples: [{ numberOfSamples: 3, data: '010203' }] } } }],
    ['a peripheral behind a gateway', '<m><measurements><device><serialNumber>0042</serialNumber></device></measurements></m>', { measurements: { device: { serialNumber: '0042' } } }],
    ['names of built-in properties', '<m><toString>1</toString><hasOwnProperty>2</hasOwnProperty></m>', { toString: '1', hasOwnProperty: '2' }],
    ['schema attributes of the root', '<m xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"><device><id>a</id></device></m>', { device: { id: 'a' } }],
  ])('%s', (_situation, document, expected) => {
    expect(medisante(document)).toEqual(expected);
  });
});

describe('the format of a delivery', () => {
  test.each<[string | undefined, string, boolean, string]>([
    [undefined, 'application/json', false, 'medisantestandard-json'], [undefined, 'application/json', true, 'fhir-json'], [undefined, 'application/fhir+json', false, 'fhir-json'],
    [undefined, 'application/xml', false, 'medisantestandard-xml'], [undefined, 'text/xml', true, 'fhir-xml'], [undefined, 'application/fhir+xml', false, 'fhir-xml'],
    ['json', 'application/json', true, 'fhir-json'], ['standard-json', 'application/json', false, 'medisantestandard-json'], ['xml', 'text/xml', false, 'medisantestandard-xml'],
    ['fhir-json', 'application/json', false, 'fhir-json'], ['fhir-xml', 'application/xml', false, 'fhir-xml'], ['medisantestandard-xml', 'application/xml', true, 'fhir-xml'],
  ])('path %s, %s, looks like FHIR: %s → %s', (format, mediaType, looksLikeFhir, expected) => {
    expect(formatOf({ format, mediaType, looksLikeFhir })).toBe(expected);
    expect(format !== undefined && contradicts(format, mediaType)).toBe(false);
  });

  test.each([
    ['json', 'application/xml'], ['xml', 'application/json'], ['medisantestandard-xml', 'application/json'], ['medisantestandard-json', 'text/xml'], ['fhir-json', 'application/fhir+xml'], ['fhir-xml', 'application/fhir+json'],
    ['medisantestandard-json', 'application/fhir+json'], ['medisantestandard-xml', 'application/fhir+xml'], ['standard-json', 'application/fhir+json'],
  ])('path %s contradicts %s', (format, mediaType) => {
    expect(contradicts(format, mediaType)).toBe(true);
  });
});
