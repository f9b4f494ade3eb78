import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { addJob } from '../../src/jobs/runner.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, bloodPressure, clientWith, cuff, eventually, newPatient, service, type Client } from './client.ts';

interface Entry {
  readonly _id: string;
  readonly kind: string;
  readonly reason: string;
  readonly sampleId: string;
  readonly deviceIdentifiers: readonly string[];
}

const measured = '2024-03-02T09:10:11Z';

describe('the inbox of operators', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  let operator: Client;
  let counter = 0;
  const newCuff = () => cuff(`Maker:Model:inbox-${String((counter += 1))}`);
  const deliver = async (body: unknown) => (await answered<{ _id: string }>(sender.post('/health-data/medisante', body)))._id;
  const inbox = (query = '') => answered<Entry[]>(operator.get(`/inbox?_l=200${query}`));
  const entryOf = async (sampleId: string, kind?: string) => (await inbox()).find((entry) => entry.sampleId === sampleId && (kind === undefined || entry.kind === kind));
  const arrives = (sampleId: string, kind?: string) => eventually(() => entryOf(sampleId, kind), (entry) => entry !== undefined);
  const leaves = (sampleId: string) => eventually(() => entryOf(sampleId), (entry) => entry === undefined);
  const auditOfSample = async (sampleId: string) =>
    (await vitalgate.database.pool.query<{ event: string; patient_id: string }>('select event, patient_id, actor_kind, actor_id from device_manager.audit_event where resource = $1 order by at', [`sample/${sampleId}`])).rows;
  const released = () => eventually(async () => (await vitalgate.database.pool.query(`select from graphile_worker.jobs where task_identifier = 'release-quarantine'`)).rowCount, (jobs) => jobs === 0);
  const hold = (patientId: string, device: object) => answered(service(vitalgate, patientId).post('/devices/assign', { ...device, assignedFrom: '2024-03-01T00:00:00Z' }));

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  });
  afterAll(() => vitalgate.stop());

  test('a delivery of a device nobody registered shows, masked, and leaves when the device is assigned', async () => {
    const device = newCuff();
    const sampleId = await deliver(bloodPressure({ id: device.deviceId }, measured));
    const entry = await arrives(sampleId);
    expect(entry).toMatchObject({ kind: 'quarantined', reason: 'device-unknown', sender: 'medisante', measurementType: 'BloodPressure', measuredAt: '2024-03-02T09:10:11.000Z', deviceIdentifiers: [`…${device.deviceId.slice(-4)}`] });
    expect(JSON.stringify(entry)).not.toContain(device.deviceId);
    await hold(newPatient(), device);
    expect(await leaves(sampleId)).toBeUndefined();
  });

  test('the outline of a delivery has its members and no value; reading it is in the audit', async () => {
    const sampleId = await deliver(bloodPressure({ id: newCuff().deviceId }, measured));
    const { _id } = (await arrives(sampleId)) ?? { _id: '' };
    const detail = await answered<{ entry: Entry; outline: object }>(operator.get(`/inbox/${_id}`));
    expect(detail).toMatchObject({ entry: { _id }, outline: { measurements: { systolicBloodPressure: { value: 'number', unit: 'text' }, timestamp: 'text' }, device: { id: 'text' } } });
    expect(JSON.stringify(detail.outline)).not.toMatch(/16400|mmHg|Pa"/);
    const { rows } = await vitalgate.database.pool.query<object>('select actor_kind, event from device_manager.audit_event where resource = $1', [`inbox/${_id}`]);
    expect(rows).toEqual([{ actor_kind: 'operator', event: 'inbox-read' }]);
  });

  test('a sample that fits no rule shows as failed, and is tried again by replay', async () => {
    const [patientId, device] = [newPatient(), newCuff()];
    await hold(patientId, device);
    const sampleId = await deliver({ metadata: { correlationId: randomUUID(), measurementType: 'PhaseOfTheMoon' }, device: { id: device.deviceId }, measurements: { timestamp: measured, phase: { value: 3, unit: 'x' } } });
    const entry = await arrives(sampleId, 'failed');
    expect(entry).toMatchObject({ _id: sampleId, kind: 'failed', reason: 'no-rule', patientId });
    expect(await answered(operator.get(`/inbox/${sampleId}`))).toMatchObject({ outline: { measurements: { phase: { value: 'number' } } } });
    expect((await operator.post(`/inbox/${sampleId}/replay`)).status).toBe(204);
    expect(await arrives(sampleId, 'failed')).toBeDefined();
    expect((await operator.post(`/inbox/${sampleId}/discard`, { reason: 'other' })).status).toBe(409);
  });

  test('a waiting delivery whose assignment came unseen goes through by replay, one by its id and one by filter', async () => {
    const devices = [newCuff(), newCuff()];
    const ids: string[] = [];
    for (const device of devices) {
      const { _id } = await answered<{ _id: string }>(operator.post('/devices', device));
      ids.push(await deliver(bloodPressure({ id: device.deviceId }, measured)));
      await arrives(ids.at(-1) ?? '');
      // A delivery that waits is looked at once more by itself: that must be over.
      await released();
      // Behind the service's back, so that nothing looks at the inbox by itself.
      await vitalgate.database.pool.query(`insert into device_manager.assignment (device, patient_id, assigned_from) values ($1::uuid, $2, '2024-03-01')`, [_id, newPatient()]);
    }
    const [first, second] = await Promise.all(ids.map((id) => entryOf(id)));
    expect([first?.reason, second?.reason]).toEqual(['device-not-assigned', 'device-not-assigned']);
    expect((await operator.post(`/inbox/${first?._id ?? ''}/replay`)).status).toBe(204);
    expect(await leaves(ids[0] ?? '')).toBeUndefined();
    expect(await entryOf(ids[1] ?? '')).toBeDefined();
    const many = await operator.post('/inbox/replay', { deviceId: devices[1]?.deviceId });
    expect([many.status, await many.json()]).toEqual([202, { entries: 1 }]);
    expect(await leaves(ids[1] ?? '')).toBeUndefined();
  });

  test('what is released leaves one row in the audit of its patient, however often it is tried', async () => {
    const [patientId, device] = [newPatient(), newCuff()];
    const sampleId = await deliver(bloodPressure({ id: device.deviceId }, measured));
    const { _id } = (await arrives(sampleId)) ?? { _id: '' };
    await hold(patientId, device);
    await leaves(sampleId);
    await addJob(vitalgate.database.pool, { task: 'release-quarantine', payload: { payloadId: _id } });
    await released();
    expect(await auditOfSample(sampleId)).toEqual([
      { event: 'delivery-kept', patient_id: '', actor_kind: 'sender', actor_id: 'medisante' }, { event: 'delivery-kept', patient_id: patientId, actor_kind: 'sender', actor_id: 'medisante' },
    ]);
  });

  test('what was measured while somebody erased had the device goes when it is released, and leaves a row that names nobody', async () => {
    const device = newCuff();
    const { _id } = await answered<{ _id: string }>(operator.post('/devices', device));
    const sampleId = await deliver(bloodPressure({ id: device.deviceId }, measured));
    const entry = await arrives(sampleId);
    await vitalgate.database.pool.query(`insert into device_manager.assignment (device, patient_id, assigned_from, assigned_until) values ($1::uuid, '', '2024-03-01', '2024-03-03')`, [_id]);
    expect((await operator.post(`/inbox/${entry?._id ?? ''}/replay`)).status).toBe(204);
    expect(await leaves(sampleId)).toBeUndefined();
    expect((await auditOfSample(sampleId)).map(({ event, patient_id }) => [event, patient_id])).toEqual([['delivery-kept', ''], ['samples-deleted', '']]);
  });

  test('a contradicting delivery shows, cannot be replayed, and can be discarded; the first stays', async () => {
    const [patientId, device] = [newPatient(), newCuff()];
    await hold(patientId, device);
    const body = bloodPressure({ id: device.deviceId }, measured);
    const sampleId = await deliver(body);
    expect(await deliver({ ...body, measurements: { timestamp: measured } })).toBe(sampleId);
    const entry = await arrives(sampleId, 'conflicting');
    expect((await operator.post(`/inbox/${entry?._id ?? ''}/replay`)).status).toBe(409);
    expect((await operator.post(`/inbox/${entry?._id ?? ''}/discard`, { reason: 'duplicate' })).status).toBe(204);
    expect(await leaves(sampleId)).toBeUndefined();
    expect((await service(vitalgate, patientId).get(`/health-data/${sampleId}`)).status).toBe(200);
  });

  test('a discarded delivery is gone with its key, stays gone when it is sent again, and who and why is kept', async () => {
    const body = bloodPressure({ id: newCuff().deviceId }, measured);
    const sampleId = await deliver(body);
    const { _id } = (await arrives(sampleId)) ?? { _id: '' };
    expect((await operator.post(`/inbox/${_id}/discard`, { reason: 'test-device' })).status).toBe(204);
    expect((await operator.post(`/inbox/${_id}/discard`, { reason: 'test-device' })).status).toBe(404);
    expect(await deliver(body)).toBe(sampleId);
    expect(await entryOf(sampleId)).toBeUndefined();
    const { rowCount } = await vitalgate.database.pool.query('select from device_manager_keys.scope_key where scope = $1', [`quarantine:${_id}`]);
    expect(rowCount).toBe(0);
    const { rows } = await vitalgate.database.pool.query('select reason, quarantine_reason, actor from device_manager.discarded_delivery where payload_id = $1::uuid', [_id]);
    expect(rows).toEqual([{ reason: 'test-device', quarantine_reason: 'device-unknown', actor: expect.stringMatching(/^operator:/) }]);
  });

  test('the list narrows by kind, reason, sender and device, and pages', async () => {
    const device = newCuff();
    const sampleId = await deliver(bloodPressure({ id: device.deviceId }, measured));
    await arrives(sampleId);
    expect((await inbox(`&deviceId=${encodeURIComponent(device.deviceId)}`)).map((entry) => entry.sampleId)).toEqual([sampleId]);
    expect((await inbox('&kind=failed')).every(({ kind }) => kind === 'failed')).toBe(true);
    expect((await inbox('&reason=device-unknown&sender=medisante')).some((entry) => entry.sampleId === sampleId)).toBe(true);
    expect(await inbox('&sender=nobody')).toEqual([]);
    const [all, page] = [await inbox(), await answered<Entry[]>(operator.get('/inbox?_l=1&_sk=1'))];
    expect(page.map(({ _id }) => _id)).toEqual([all[1]?._id]);
  });

  test('two operators who discard at the same time: one does', async () => {
    const sampleId = await deliver(bloodPressure({ id: newCuff().deviceId }, measured));
    const { _id } = (await arrives(sampleId)) ?? { _id: '' };
    const answers = await Promise.all([1, 2, 3].map(() => operator.post(`/inbox/${_id}/discard`, { reason: 'other' })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 404, 404]);
  });

  test.each([
    ['GET', '/inbox/nobody', undefined, 404], ['GET', `/inbox/${'0'.repeat(32)}`, undefined, 404], ['POST', '/inbox/nobody/replay', undefined, 404],
    ['POST', '/inbox/nobody/discard', { reason: 'other' }, 404], ['POST', '/inbox/nobody/discard', { reason: 'Anna asked' }, 400], ['POST', '/inbox/nobody/discard', {}, 400],
    ['GET', '/inbox?kind=lost', undefined, 400], ['POST', '/inbox/replay', { patientId: 'x' }, 400],
  ])('%s %s with %p is answered %d', async (method, path, body, status) => {
    expect((await operator.send(path, { method, ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) })).status).toBe(status);
  });

  test('what enters is in the log and the metrics by reason, and names nobody', async () => {
    const device = newCuff();
    const before = vitalgate.logged().length;
    await arrives(await deliver(bloodPressure({ id: device.deviceId }, measured)));
    expect(vitalgate.logged().slice(before)).toMatch(/"kind":"quarantined","reason":"device-unknown"/);
    const metrics = await (await fetch(`${vitalgate.urls.deviceManager}/-/metrics`)).text();
    expect(metrics).toMatch(/vitalgate_inbox_entries\{kind="quarantined",reason="device-unknown",service="device-manager"\} [1-9]/);
    expect(metrics + vitalgate.logged()).not.toContain(device.deviceId);
  });

  test('services, senders, patients and nobody do not get there', async () => {
    const others = [service(vitalgate), sender, clientWith(vitalgate.urls.deviceManager, {}), clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'patient')}` })];
    for (const client of others) for (const path of ['/inbox', '/inbox/x']) expect((await client.get(path)).status).toBe(401);
  });

  test('a device is registered before anybody holds it; a delivery then waits for its holder alone', async () => {
    const device = newCuff();
    const { _id } = await answered<{ _id: string }>(operator.post('/devices', device));
    expect(await answered(operator.post('/devices', { ...device, name: 'Renamed' }))).toEqual({ _id });
    const sampleId = await deliver(bloodPressure({ id: '', serialNumber: device.serialNumber }, measured));
    expect(await arrives(sampleId)).toMatchObject({ reason: 'device-not-assigned' });
    expect((await service(vitalgate, newPatient()).post('/devices', newCuff())).status).toBe(403);
    expect((await operator.post('/devices', { ...newCuff(), deviceProvider: 'apple-healthkit' })).status).toBe(400);
  });
});
