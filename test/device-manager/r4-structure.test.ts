import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import elementTable from '../../src/device-manager/providers/fhir/r4-elements.json' with { type: 'json' };
import table from './r4-structure.json' with { type: 'json' };
import { faultsOf } from './r4-structure.ts';
import { vitalSignFaults, type Observed } from './vital-signs.ts';

const fixtures = new URL('../fixtures/fhir/', import.meta.url);

describe('the check of the structure', () => {
  const examples = readdirSync(fixtures, { recursive: true, encoding: 'utf8' }).filter((name) => /r4-core.*(observation|device)-.*\.json$/.test(name));
  test.each(examples)('takes %s of the specification', (name) => {
    expect(faultsOf(JSON.parse(readFileSync(new URL(name, fixtures), 'utf8')))).toEqual([]);
  });

  test('agrees with the table of elements that deliveries are read by', () => {
    const types = elementTable as Record<string, Record<string, string>>;
    const differing = Object.entries(table as Record<string, Record<string, string>>).flatMap(([type, members]) =>
      Object.entries(members).flatMap(([name, text]) => {
        const known = types[type]?.[name];
        return known === undefined || name === '' || text.includes('*') === known.endsWith('*') ? [] : [`${type}.${name}`];
      }));
    expect(differing).toEqual([]);
  });

  const good = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
  test.each<[string, object, string]>([
    ['an element nobody knows', { ...good, colour: 'red' }, 'Observation.colour is unknown'],
    ['a required element that is missing', { resourceType: 'Observation', status: 'final' }, 'Observation.code is missing'],
    ['a code outside of its value set', { ...good, status: 'done' }, 'Observation.status is not in its value set'],
    ['an array where one is allowed', { ...good, code: [{ text: 'x' }] }, 'Observation.code is an array'],
    ['one where an array is due', { ...good, category: { text: 'x' } }, 'Observation.category is no array'],
    ['an empty array', { ...good, note: [] }, 'Observation.note is empty'],
    ['an empty object', { ...good, subject: {} }, 'Observation.subject is empty'],
    ['two values', { ...good, valueString: 'a', valueInteger: 1 }, 'Observation.value[x] is there twice'],
    ['an instant without zone', { ...good, issued: '2024-07-01T12:00:00' }, 'Observation.issued is no instant'],
    ['an offset without colon', { ...good, effectiveDateTime: '2024-07-01T12:00:00+0200' }, 'Observation.effectiveDateTime is no dateTime'],
    ['a value and a reason why there is none', { ...good, valueInteger: 1, dataAbsentReason: { text: 'x' } }, 'obs-6: a value and a reason why there is none'],
    ['an identifier that cannot be one', { ...good, id: 'a_b' }, 'Observation.id is no id'],
    ['an outcome without issue', { resourceType: 'OperationOutcome' }, 'OperationOutcome.issue is missing'],
  ])('finds %s', (_situation, resource, fault) => {
    expect(faultsOf(good)).toEqual([]);
    expect(faultsOf(resource)).toContain(fault);
  });
});

describe('the check of the vital signs profile', () => {
  const example = (name: string) => JSON.parse(readFileSync(new URL(`hl7-r4-core/observation-example-${name}.json`, fixtures), 'utf8')) as Observed;
  test.each(['bloodpressure', 'bloodpressure-dar', 'heart-rate', 'body-temperature', 'body-height', 'respiratory-rate', 'satO2', 'bmi', 'head-circumference'])('takes the example %s', (name) => {
    expect(vitalSignFaults(example(name))).toEqual([]);
  });

  const good = example('heart-rate');
  const { valueQuantity } = good;
  const bare = { id: good.id, status: good.status, meta: good.meta, code: good.code };
  test.each<[string, object, string]>([
    ['no category', { ...good, category: [] }, 'category is not vital-signs'],
    ['no subject', { ...bare, valueQuantity }, 'no subject'],
    ['no time', { ...bare, valueQuantity }, 'no effective[x] (vs-1)'],
    ['no value', bare, 'value: neither value nor reason (vs-2, vs-3)'],
    ['a code of its own', { ...good, code: { coding: [{ system: 'urn:x', code: '8867-4' }] } }, 'no LOINC code'],
    ['a code that is no vital sign', { ...good, code: { coding: [{ system: 'http://loinc.org', code: '59408-5' }] } }, 'no code of the profile'],
    ['a unit that is not UCUM', { ...good, valueQuantity: { value: 71, unit: 'bpm' } }, 'value: not UCUM'],
    ['another unit', { ...good, valueQuantity: { ...valueQuantity, code: '{beats}/min' } }, 'value: {beats}/min is not a unit of 8867-4'],
    ['half a blood pressure', { ...example('bloodpressure'), component: example('bloodpressure').component?.slice(0, 1) }, '8462-4 is not there once'],
  ])('finds %s', (_situation, observation, fault) => {
    expect(vitalSignFaults(observation as Observed)).toContain(fault);
  });
});
