import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Spec } from '../../src/http/spec.ts';
import { meantBy, specifications } from '../contract/specifications.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import table from './authorization.json' with { type: 'json' };
import { bearer, createCallers, endsSessions, mayPass, roles, type Callers, type Headers, type Role } from './callers.ts';

/** The first media type that a body may have; framing is judged before credentials are. */
const mediaTypeOf = (spec: Spec, template: string, method: string): string | undefined => {
  const item = (spec.document['paths'] as Record<string, Record<string, { requestBody?: unknown }>>)[template];
  const body = item?.[method.toLowerCase()]?.requestBody;
  return body === undefined ? undefined : Object.keys(meantBy(spec, body)['content'] as object)[0];
};

const rows = specifications.flatMap(({ service, spec }) => spec.operations.map(({ id, method, template }) => ({ service, id, method, template, mediaType: mediaTypeOf(spec, template, method) })));
const isRefusal = (status: number): boolean => status === 401 || status === 403;

describe('who may do what', () => {
  let vitalgate: TestVitalgate;
  let callers: Callers;
  const kept: Partial<Record<Role, Promise<Headers>>> = {};
  const asked = new Set<string>();
  let anna: TestUser;
  let ben: TestUser;
  const url = (service: string): string => ({ bff: vitalgate.urls.bff, 'device-manager': vitalgate.urls.deviceManager, 'user-manager': vitalgate.urls.userManager })[service] ?? '';
  const json = (headers: Headers, body?: unknown) => ({ headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) }, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const session = (user: TestUser): Promise<Headers> => callers.session(user);

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    callers = await createCallers(vitalgate);
    ({ anna, ben } = callers);
  }, 120_000);
  afterAll(() => vitalgate.stop(), 60_000);

  test('the table has a row for each operation, and no other', () => {
    for (const { service } of specifications) {
      expect(Object.keys((table as Readonly<Record<string, object>>)[service] ?? {}).toSorted()).toEqual(rows.filter((row) => row.service === service).map(({ id }) => id).toSorted());
    }
  });

  test.each(rows)('$service $id', async ({ service, id, method, template, mediaType }) => {
    const path = template.replace('/Patient/{id}', `/Patient/${anna.id}`).replace('{patientId}', anna.id).replaceAll(/\{format\}/g, 'json').replaceAll(/\{\w+\}/g, '0'.repeat(32));
    for (const role of roles) {
      const credential = endsSessions.has(id) ? await callers.shown[role]() : await (kept[role] ??= callers.shown[role]());
      const { status } = await fetch(`${url(service)}${path}`, { method, headers: { ...credential, ...(mediaType !== undefined && { 'content-type': mediaType }) }, ...(mediaType !== undefined && { body: '{}' }) });
      const passes = mayPass(service, id, role);
      asked.add(`${service} ${id} ${role}`);
      // Whoever is admitted gets further: to a refusal of the empty body, or to an answer.
      expect({ role, refused: isRefusal(status), status }).toEqual({ role, refused: !passes, status: passes ? status : 401 });
    }
  });

  test('that was every operation as every caller', () => {
    expect(roles).toHaveLength(13);
    expect(asked.size).toBe(rows.length * roles.length);
  });

  describe('with the identifiers of somebody else', () => {
    const at = '2024-07-01T10:00:00Z';
    const sample = { id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 71, startDate: at, endDate: at };
    let device: string;
    let record: string;
    beforeAll(async () => {
      const own = await session(ben);
      const assigned = await fetch(`${vitalgate.urls.bff}/devices/assign`, { method: 'POST', ...json(own, { deviceId: 'bens-watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' }) });
      device = ((await assigned.json()) as { _id: string })._id;
      const receipt = await fetch(`${vitalgate.urls.bff}/health-data`, { method: 'POST', ...json(own, [sample]) });
      record = ((await receipt.json()) as { items: { _id: string }[] }).items[0]?._id ?? '';
      expect(record).not.toBe('');
    });
    const asService = (path: string, init: RequestInit = {}) =>
      fetch(`${vitalgate.urls.deviceManager}${path}`, { ...init, headers: { ...bearer(vitalgate.serviceToken), miauserid: anna.id, ...(init.body !== undefined && { 'content-type': 'application/json' }) } });
    const asAnna = async (path: string, init: RequestInit = {}) => fetch(`${vitalgate.urls.bff}${path}`, { ...init, headers: { ...(await session(anna)), ...(init.body !== undefined && { 'content-type': 'application/json' }) } });
    const post = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });

    test.each<[string, () => Promise<Response>, number, string]>([
      ['the chart of somebody else', () => asAnna(`/chart-data?normalizedDataType=heart-rate&_id=${ben.id}`), 403, 'not-your-data'],
      ['the chart under the other name', () => asAnna(`/chart-data?normalizedDataType=heart-rate&patientId=${ben.id}`), 403, 'not-your-data'],
      ['the release of a device of somebody else', () => asAnna(`/devices/${device}/unassign`, post({})), 404, 'not-found'],
      ['a device for somebody else', () => asAnna('/devices/assign', post({ deviceId: 'w', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'W', assignedPatientId: ben.id })), 403, 'not-your-data'],
      ['a record of somebody else, by a service that speaks for one', () => asService(`/health-data/${record}`), 404, 'not-found'],
      ['records of somebody else, by a service that speaks for one', () => asService(`/health-data?patientId=${ben.id}`), 403, 'not-your-data'],
      ['the chart of somebody else, by a service that speaks for one', () => asService(`/chart-data?normalizedDataType=heart-rate&_id=${ben.id}`), 403, 'not-your-data'],
      ['the uploads of somebody else, by a service that speaks for one', () => asService(`/uploads?patientId=${ben.id}`), 403, 'not-your-data'],
      ['the refusals of somebody else, by a service that speaks for one', () => asService(`/uploads/refusals?patientId=${ben.id}`), 403, 'not-your-data'],
      ['what can be charted of somebody else, by a service that speaks for one', () => asService(`/chart-data/types?patientId=${ben.id}`), 403, 'not-your-data'],
      ['everything of somebody else, by a service that speaks for one', () => asService(`/fhir/Patient/${ben.id}/$everything`), 403, 'not-your-data'],
      ['the erasure of somebody else, by a service that speaks for one', () => asService(`/patients/${ben.id}/erasure`, post({ confirm: ben.id })), 403, 'not-your-data'],
      ['an export of somebody else, by a service that speaks for one', () => asService(`/patients/${ben.id}/exports`, { method: 'POST' }), 403, 'not-your-data'],
      ['another normalization of a record of somebody else', () => asService(`/health-data/normalize-data/${record}`, { method: 'PATCH' }), 404, 'not-found'],
    ])('%s is refused', async (_situation, ask, status, code) => {
      const answer = await ask();
      expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(`"${code}"`)]);
    });

    test('an upload in the name of somebody else is refused item by item, and the device of somebody else is not enrolled', async () => {
      await asAnna('/devices/assign', post({ deviceId: 'annas-watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' }));
      const upload = async (item: object) => ((await (await asAnna('/health-data', post([{ ...sample, id: randomUUID(), ...item }]))).json()) as { items: { status: string; error?: { code: string } }[] }).items[0];
      expect(await upload({ assignedPatientId: ben.id })).toMatchObject({ status: 'rejected', error: { code: 'not-your-data' } });
      expect(await upload({ deviceId: 'bens-watch' })).toMatchObject({ status: 'rejected', error: { code: 'device-not-enrolled' } });
      expect(await upload({})).toMatchObject({ status: 'created' });
    });

    test('the lists of somebody have nothing of others', async () => {
      const own = (await (await asAnna('/health-data?_l=200')).json()) as { _id: string }[];
      expect(own.map(({ _id }) => _id)).not.toContain(record);
      expect(JSON.stringify(await Promise.all(['/uploads', '/uploads/refusals', '/chart-data/types'].map(async (path) => (await asAnna(path)).json())))).not.toContain(record);
      expect(((await (await asAnna('/devices')).json()) as { deviceId: string }[]).map(({ deviceId }) => deviceId)).not.toContain('bens-watch');
    });

    test('identity headers of the outside change nothing', async () => {
      const headers = { ...(await session(anna)), miauserid: ben.id, 'miausergroups': 'operator', isbackoffice: '1' };
      const profile = (await (await fetch(`${vitalgate.urls.bff}/profile`, { headers })).json()) as { sub: string };
      expect(profile.sub).toBe(anna.id);
      expect(((await (await fetch(`${vitalgate.urls.bff}/health-data`, { headers })).json()) as { _id: string }[]).map(({ _id }) => _id)).not.toContain(record);
    });
  });
});
