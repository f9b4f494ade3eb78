import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { bearer, createCallers, mayPass, type Callers, type Headers } from './callers.ts';
import { operationsOf, type FuzzedOperation, type Parameter } from './fuzz/operations.ts';

/** A parameter that names one thing or person. */
const namesOne = ({ name, in: where }: Parameter): boolean => where === 'path' ? name !== 'format' && name !== 'identifier' : where === 'query' && /^(_?id|patient|.*[a-z]Id)$/.test(name) && name !== 'providerId';

interface Case {
  readonly operation: FuzzedOperation;
  readonly parameter: Parameter;
}
const casesOf = (service: string, role: 'patient' | 'service'): [string, Case][] =>
  operationsOf(service)
    .filter(({ id, platform }) => !platform && mayPass(service, id, role) && !mayPass(service, id, 'nobody'))
    .flatMap((operation) => operation.declared.filter(namesOne).map((parameter): [string, Case] => [`${operation.id} ${parameter.name}`, { operation, parameter }]));

const required = ({ operation: { declared }, parameter }: Case): [string, string][] =>
  declared.filter((one) => one.in === 'query' && one.required && one.name !== parameter.name).map(({ name, schema }) => [name, typeof schema['example'] === 'string' ? schema['example'] : '1']);

const requestFor = ({ operation, parameter }: Case, id: string, who: Headers, base: string): [string, RequestInit] => {
  const path = operation.template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => (name === parameter.name ? encodeURIComponent(id) : name === 'format' ? 'json' : '0'.repeat(32)));
  const query = new URLSearchParams([...required({ operation, parameter }), ...(parameter.in === 'query' ? [[parameter.name, id] as [string, string]] : [])]);
  const [form] = operation.bodies;
  const body = form === undefined ? {} : { body: JSON.stringify(form.examples[0]), headers: { ...who, 'content-type': form.mediaType } };
  return [`${base}${path}?${query.toString()}`, { method: operation.method, headers: who, ...body }];
};

/** An answer without what differs between any two. */
const seen = async (answer: Response, id: string): Promise<[number, string]> => [answer.status, (await answer.text()).replaceAll(/urn:vitalgate:request:[^"]+/g, 'request').replaceAll(id, 'id').replaceAll(/"(date|lastUpdated|timestamp)":"[^"]+"/g, '')];

describe('D1, D2 what belongs to somebody else and what nobody has are answered alike', () => {
  let vitalgate: TestVitalgate;
  let callers: Callers;
  let anna: Headers;
  let ben: Headers;
  let bens: string[];
  const json = (who: Headers, body: unknown): RequestInit => ({ method: 'POST', headers: { ...who, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const at = '2024-07-01T10:00:00Z';
  const sample = () => ({ id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 71, startDate: at, endDate: at });

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    callers = await createCallers(vitalgate);
    [anna, ben] = [await callers.session(callers.anna), await callers.session(callers.ben)];
    const { bff } = vitalgate.urls;
    const device = (await (await fetch(`${bff}/devices/assign`, json(ben, { deviceId: 'bens-watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' }))).json()) as { _id: string };
    const receipt = (await (await fetch(`${bff}/health-data`, json(ben, [sample()]))).json()) as { items: { _id: string }[]; uploadId?: string };
    const uploads = Object.values(receipt).filter((value): value is string => typeof value === 'string' && /^[0-9a-f-]{32,36}$/.test(value));
    bens = [callers.ben.id, device._id, 'bens-watch', receipt.items[0]?._id ?? '', ...uploads];
    expect(bens.every((id) => id !== '')).toBe(true);
  }, 120_000);
  afterAll(() => vitalgate.stop(), 60_000);

  const sameAnswers = async (one: Case, who: Headers, base: string): Promise<void> => {
    for (const id of bens) {
      const unknown = /^[0-9a-f]{32}$/.test(id) ? randomBytes(16).toString('hex') : id.includes('-watch') ? 'nobodys-pen' : randomUUID();
      const [foreign, absent] = [await fetch(...requestFor(one, id, who, base)), await fetch(...requestFor(one, unknown, who, base))];
      expect({ id, seen: await seen(foreign, id) }).toEqual({ id, seen: await seen(absent, unknown) });
    }
  };

  test.each(casesOf('bff', 'patient'))('to a patient: %s', (_name, one) => sameAnswers(one, anna, vitalgate.urls.bff));
  test.each(casesOf('device-manager', 'service'))('to a service that speaks for a patient: %s', (_name, one) => sameAnswers(one, { ...bearer(vitalgate.serviceToken), miauserid: callers.anna.id }, vitalgate.urls.deviceManager));

  test('an upload for the device of somebody else has the same bytes as one for no device', async () => {
    const verdict = async (deviceId: string) => seen(await fetch(`${vitalgate.urls.bff}/health-data`, json(anna, [{ ...sample(), deviceId }])), deviceId);
    expect(await verdict('bens-watch')).toEqual(await verdict('nobodys-pen'));
  });

  test('afterwards everything is still there, and its owner gets another answer', async () => {
    const devices = (await (await fetch(`${vitalgate.urls.bff}/devices`, { headers: ben })).json()) as { deviceId: string }[];
    expect(devices.map(({ deviceId }) => deviceId)).toEqual(['bens-watch']);
    expect(await (await fetch(`${vitalgate.urls.bff}/health-data`, { headers: ben })).json()).toHaveLength(1);
    for (const name of casesOf('bff', 'patient').map(([, one]) => one).filter(({ operation }) => operation.id === 'getUpload')) {
      const answers = await Promise.all(bens.map((id) => fetch(...requestFor(name, id, ben, vitalgate.urls.bff))));
      expect(answers.map(({ status }) => status)).toContain(200);
    }
  });
});
