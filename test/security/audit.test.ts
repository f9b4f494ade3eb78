import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditEvents, type ActorKind, type AuditEventName } from '../../src/audit/audit-event.ts';
import { appWith, heartRate, type App } from '../bff/app.ts';
import { tokenIn } from '../user-manager/reset-client.ts';
import { bloodPressure, clientWith, cuff, service, watch, type Client } from '../device-manager/client.ts';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { auditedDuring, auditOf } from './audited.ts';

const measured = '2024-03-02T09:10:11.123Z';

interface World {
  anna: TestUser;
  ben: TestUser;
  chief: TestUser;
  /** Anna at the BFF. */
  app: App;
  operator: Client;
  sender: Client;
  sample: string;
  bensSample: string;
  device: string;
  heldCuff: { deviceId: string };
  resetToken: string;
}

describe('the audit', () => {
  let vitalgate: TestVitalgate;
  let mails: MailServer;
  const world = {} as World;
  const told = () => vitalgate.database;
  const um = () => clientWith(vitalgate.urls.userManager, { authorization: `Bearer ${vitalgate.serviceToken}` });
  const dm = (patientId?: string) => service(vitalgate, patientId);
  const idIn = async (answer: Promise<Response>): Promise<string> => ((await (await answer).json()) as { _id: string })._id;

  beforeAll(async () => {
    mails = await startMailServer();
    vitalgate = await startTestVitalgate({ SMTP_URL: mails.url, PUBLIC_URL: 'http://127.0.0.1:9' });
    const [anna, ben, chief] = [await vitalgate.addUser(), await vitalgate.addUser(), await vitalgate.addUser({ userGroup: 'operator' })];
    const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(anna));
    const tokens = (await (await clientWith(vitalgate.urls.userManager, {}).post('/oauth/token', { username: chief.username, password: chief.password })).json()) as { accessToken: string };
    Object.assign(world, {
      anna, ben, chief, app, operator: clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${tokens.accessToken}` }),
      sender: clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key }),
      device: await idIn(app.post('/devices/assign', watch)), heldCuff: cuff('held-cuff'),
    });
    const bens = dm(ben.id);
    await bens.post('/devices/assign', { ...watch, deviceId: 'bens-watch' });
    await bens.post('/devices/assign', { ...world.heldCuff, assignedFrom: '2024-01-01T00:00:00Z' });
    const kept = async (from: Client, second: number) => ((await (await from.post('/health-data/healthkit', [heartRate(randomUUID(), second)])).json()) as { _id: string }[])[0]?._id ?? '';
    Object.assign(world, { sample: await kept(dm(anna.id), 1), bensSample: await kept(bens, 2) });
    await um().post('/users/change-password', { authUserId: anna.id });
    world.resetToken = tokenIn((await mails.mailsTo(`${anna.username}@example.org`))[0]);
    expect([world.sample, world.bensSample, world.device, world.resetToken]).not.toContain('');
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    await mails.stop();
  });

  interface Expected {
    readonly schema?: string;
    readonly event: AuditEventName;
    readonly action?: string;
    readonly outcome?: string;
    readonly reason?: string;
    readonly patient: 'anna' | 'ben' | 'none' | 'somebody';
    /** The patient when left out. */
    readonly actor?: ActorKind;
    readonly resource?: string | (() => string);
  }
  type Situation = [string, () => Promise<unknown>, Expected];
  const situations: Situation[] = [
    ['a sign-in', () => vitalgate.signIn(world.anna), { schema: 'user_manager', event: 'signed-in', outcome: 'success', patient: 'anna', actor: 'user' }],
    ['a wrong password', () => appWith(vitalgate.urls.bff, '').post('/oauth/token', { username: world.anna.username, password: 'wrong password, quite long' }),
      { schema: 'user_manager', event: 'sign-in-refused', outcome: 'refused', reason: 'sign-in-failed', patient: 'anna', actor: 'anonymous' }],
    ['a name that nobody has', () => appWith(vitalgate.urls.bff, '').post('/oauth/token', { username: 'nobody-at-all', password: 'wrong password, quite long' }),
      { schema: 'user_manager', event: 'sign-in-refused', outcome: 'refused', reason: 'sign-in-failed', patient: 'none', actor: 'anonymous' }],
    ['a wish for a reset', () => um().post('/users/change-password', { authUserId: world.ben.id }), { schema: 'user_manager', event: 'password-reset-asked', patient: 'ben', actor: 'service' }],
    ['a reset by a made-up token', () => um().post('/users/reset-password', { token: 'x'.repeat(43), password: 'a new password, long enough' }),
      { schema: 'user_manager', event: 'password-reset-refused', outcome: 'refused', reason: 'reset-token-invalid', patient: 'none', actor: 'service' }],
    ['a user made by a service', () => um().post('/users', { username: 'carla', email: 'carla@example.org' }), { schema: 'user_manager', event: 'user-created', action: 'C', patient: 'somebody', actor: 'service' }],
    ['a user changed by a service', () => um().send(`/users/${world.ben.id}`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"$set":{"name":"Ben"}}' }),
      { schema: 'user_manager', event: 'user-changed', action: 'U', patient: 'ben', actor: 'service' }],
    ['a refresh token that nobody has', () => clientWith(vitalgate.urls.userManager, {}).post('/refreshtoken', { refreshToken: 'y'.repeat(43) }),
      { schema: 'user_manager', event: 'session-renewal-refused', outcome: 'refused', patient: 'none', actor: 'anonymous' }],
    ['a wrong service credential', () => clientWith(vitalgate.urls.userManager, { authorization: 'Bearer wrong-credential-wrong-credential' }).get('/users'),
      { schema: 'user_manager', event: 'credential-refused', outcome: 'refused', reason: 'unauthenticated', patient: 'none', actor: 'anonymous', resource: 'operation/findUsers' }],
    ['a wrong webhook key', () => clientWith(vitalgate.urls.deviceManager, { 'x-api-key': 'vg_wrong' }).post('/health-data/medisante', {}),
      { event: 'credential-refused', outcome: 'refused', patient: 'none', actor: 'anonymous', resource: 'operation/receiveMedisante' }],
    ['an assignment', () => world.app.post('/devices/assign', { ...watch, deviceId: 'second-watch' }), { event: 'device-assigned', action: 'U', patient: 'anna' }],
    ['an assignment of what somebody else holds', () => dm(world.anna.id).post('/devices/assign', world.heldCuff),
      { event: 'access-refused', outcome: 'refused', reason: 'device-already-assigned', patient: 'anna', resource: 'operation/assignDeviceToPatient' }],
    ['an upload', () => world.app.post('/health-data', [heartRate(randomUUID(), 10)]), { event: 'samples-uploaded', action: 'C', patient: 'anna' }],
    ['an upload of which all is refused', () => world.app.post('/health-data', [heartRate(randomUUID(), 11, { value: 'fast' })]),
      { event: 'upload-refused', outcome: 'refused', patient: 'anna', resource: 'bff/uploadHealthData' }],
    ['an upload that is no JSON', () => world.app.send('/health-data', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[' }),
      { event: 'upload-refused', outcome: 'refused', reason: 'malformed-json', patient: 'anna' }],
    ['a deletion', () => world.app.post('/health-data/deletions', { deletions: [{ uuid: randomUUID() }] }), { event: 'samples-deleted', action: 'D', patient: 'anna' }],
    ['a delivery', () => world.sender.post('/health-data/medisante', bloodPressure({ id: 'held-cuff' }, measured)), { event: 'delivery-kept', action: 'C', patient: 'ben', actor: 'sender' }],
    ['a delivery of nobody', () => world.sender.post('/health-data/medisante', bloodPressure({ id: 'unheard-of' }, measured)), { event: 'delivery-kept', patient: 'none', actor: 'sender' }],
    ['a delivery that is no JSON', () => world.sender.send('/health-data/medisante', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' }),
      { event: 'upload-refused', outcome: 'refused', reason: 'malformed-json', patient: 'none', actor: 'sender' }],
    ['the list of the own samples', () => world.app.get('/health-data'), { event: 'samples-read', action: 'R', patient: 'anna' }],
    ['one sample, by an operator', () => world.operator.get(`/health-data/${world.sample}`), { event: 'sample-read', patient: 'anna', actor: 'operator', resource: () => `sample/${world.sample}` }],
    ['a chart, by an operator', () => world.operator.get(`/chart-data?normalizedDataType=heart-rate&_id=${world.anna.id}`), { event: 'chart-read', patient: 'anna', actor: 'operator' }],
    ['an export', () => world.operator.get(`/health-data/export?patientId=${world.anna.id}`), { event: 'samples-exported', patient: 'anna', actor: 'operator' }],
    ['a search of FHIR', () => world.operator.get(`/fhir/Observation?patient=${world.anna.id}`), { event: 'fhir-read', patient: 'anna', actor: 'operator' }],
    ['everything as FHIR', () => world.operator.get(`/fhir/Patient/${world.anna.id}/$everything`), { event: 'fhir-exported', patient: 'anna', actor: 'operator' }],
    ['the chart of somebody else, refused by the BFF', () => world.app.get(`/chart-data?normalizedDataType=heart-rate&_id=${world.ben.id}`),
      { event: 'access-refused', outcome: 'refused', reason: 'not-your-data', patient: 'anna', resource: 'bff/getChartData' }],
    ['the sample of somebody else', () => dm(world.anna.id).get(`/health-data/${world.bensSample}`),
      { event: 'access-refused', outcome: 'refused', reason: 'not-found', patient: 'anna', resource: () => `operation/getHealthData/${world.bensSample}` }],
    ['samples of somebody else', () => dm(world.anna.id).get(`/health-data?patientId=${world.ben.id}`), { event: 'access-refused', outcome: 'refused', reason: 'not-your-data', patient: 'anna' }],
    ['everything of somebody else', () => dm(world.anna.id).get(`/fhir/Patient/${world.ben.id}/$everything`), { event: 'access-refused', outcome: 'refused', patient: 'anna', resource: 'operation/exportPatient' }],
    ['a key made by an operator', () => world.operator.post('/api-keys', { sender: 'portal' }), { event: 'api-key-created', action: 'C', patient: 'none', actor: 'operator' }],
    ['a rule made by an operator', () => world.operator.post('/health-data-types', {
      identifier: 'audited-type', providerId: 'medisante', dataTypes: ['AuditedType'], normalizedDataType: 'heart-rate',
      normalizationRules: { observations: [{ metric: '/measurements/pulse', required: true, targets: [{ code: '8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min' }] }] },
    }), { event: 'rule-created', action: 'C', patient: 'none', actor: 'operator' }],
    ['the audit, by an operator', () => world.operator.get('/audit'), { event: 'audit-read', action: 'R', patient: 'none', actor: 'operator' }],
    ['the own audit', () => world.app.get('/audit'), { event: 'audit-read', patient: 'anna' }],
    ['a device taken back', () => world.app.post(`/devices/${world.device}/unassign`, {}), { event: 'device-unassigned', action: 'U', patient: 'anna' }],
    ['a reset used', () => um().post('/users/reset-password', { token: world.resetToken, password: 'a new password, long enough' }),
      { schema: 'user_manager', event: 'password-reset-used', action: 'U', patient: 'anna', actor: 'user' }],
  ];

  test.each(situations)('H3 %s is exactly one row with all its columns', async (_situation, act, expected) => {
    const before = Date.now();
    const rows = await auditedDuring(told(), act);
    const { patient, actor, resource = expect.stringMatching(/^[\w/$-]+/) as unknown, ...columns } = expected;
    const whose = { anna: world.anna.id, ben: world.ben.id, none: '', somebody: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown }[patient];
    const reason = columns.outcome === 'refused' ? (expect.stringMatching(/^[a-z-]+$/) as unknown) : null;
    expect(rows).toEqual([
      {
        schema: 'device_manager', actor_kind: 'patient', actor_id: actor === 'operator' ? world.chief.id : null, outcome: 'success', reason, peer: 'loopback', patient_id: whose,
        _id: expect.stringMatching(/^[0-9a-f]{32}$/), at: expect.any(Date), action: expect.stringMatching(/^[CRUDE]$/), request_id: expect.stringMatching(/^[\w.:-]{8,}$/),
        ...(actor === 'operator' && { actor_kind: 'operator' }), ...(actor === 'sender' && { actor_kind: 'sender', actor_id: 'medisante' }),
        ...(actor !== undefined && actor !== 'operator' && actor !== 'sender' && { actor_kind: actor }), ...columns, resource: typeof resource === 'function' ? (resource as () => string)() : resource,
      },
    ]);
    expect(auditEvents).toHaveProperty([rows[0]?.event ?? ''], rows[0]?.action);
    // The clock is the database's; here it is the same machine's.
    expect(rows[0]?.at.getTime()).toBeGreaterThanOrEqual(before - 1_000);
    expect(rows[0]?.at.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
  });

  test('H3 a session that ends by itself and one that is signed out are told apart: the second is a row', async () => {
    const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(world.ben));
    const rows = await auditedDuring(told(), () => app.post('/logout', {}));
    expect(rows).toMatchObject([{ schema: 'user_manager', event: 'session-ended', patient_id: world.ben.id, actor_kind: 'user', actor_id: null }]);
    // The control: nothing ends a second time. What is left is a credential that does not count.
    expect(await auditedDuring(told(), () => app.post('/logout', {}))).toMatchObject([{ event: 'credential-refused' }]);
  });

  test('H3 each start is a row in each audit, with the digest of the settings', async () => {
    const starts = (await auditOf(told())).filter(({ event }) => event === 'program-started');
    expect(starts.map(({ schema, actor_kind: kind, resource }) => [schema, kind, resource.replace(/[0-9a-f]{64}$/, 'digest')])).toEqual([
      ['device_manager', 'program', 'configuration/digest'], ['user_manager', 'program', 'configuration/digest'],
    ]);
  });

  test('H3 what only asks how things are leaves no row', async () => {
    expect(await auditedDuring(told(), () => Promise.all([world.operator.get('/-/ready'), appWith(vitalgate.urls.bff, '').get('/health-data'), world.operator.get('/nowhere')]))).toEqual([]);
  });

  test('H3 no row holds a name, an address, a value or a credential', async () => {
    const everything = JSON.stringify(await auditOf(told()));
    for (const secret of [world.anna.username, world.anna.password, 'example.org', world.app.cookie.slice(4), world.resetToken, '127.0.0.1', vitalgate.serviceToken]) expect(everything).not.toContain(secret);
    expect(everything).toContain(world.anna.id);
  });

  test('H2 a line of the log is one JSON object, whatever a user name says', async () => {
    const forged = 'x\n{"level":60,"msg":"forged"}\r\n\u001b[31mred';
    const before = vitalgate.logged().split('\n').length;
    const answers = [
      await appWith(vitalgate.urls.bff, '').post('/oauth/token', { username: forged, password: 'wrong password, quite long' }),
      await appWith(vitalgate.urls.bff, '').send(`/health-data?type=${encodeURIComponent(forged)}`, { headers: { 'x-request-id': 'forged"line{}' } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    await sleep(50);
    const lines = vitalgate.logged().split('\n').slice(before - 1).filter((line) => line !== '');
    const parsed = lines.map((line) => JSON.parse(line) as { msg: string; level: number });
    expect(parsed.filter(({ msg }) => msg === 'forged')).toEqual([]);
    // The control: each request has its line, at the BFF and at the User Manager.
    expect(parsed.filter(({ msg }) => msg === 'request').length).toBeGreaterThanOrEqual(3);
    expect(lines.join('\n')).not.toContain('\u001b');
  });

  test('H6 rows are in UTC by the clock of the database, whatever zone a session has', async () => {
    const client = await told().pool.connect();
    await client.query(`set time zone 'Pacific/Kiritimati'`);
    const { rows: [row] } = await client.query<{ fits: boolean }>(
      `insert into device_manager.audit_event (event, action, outcome, actor_kind, resource, request_id, peer, at) values ('record-read', 'R', 'success', 'program', 'clock', 'clock', 'none', '1999-01-01')
       returning at between now() - interval '1 minute' and clock_timestamp() as fits`,
    );
    await client.query('reset time zone');
    client.release();
    expect(row).toEqual({ fits: true });
  });

  describe('who saw my data', () => {
    interface Told { at: string; event: string; what: string; by: string; outcome: string }
    const own = async (query = '') => (await (await world.app.get(`/audit${query}`)).json()) as Told[];
    beforeAll(async () => {
      world.app = appWith(vitalgate.urls.bff, await vitalgate.signIn({ ...world.anna, password: 'a new password, long enough' }));
    });

    test('a patient sees in words who did what, and no identifier of anybody', async () => {
      const events = await own('?byOthers=true&_l=200');
      expect(events.map(({ what }) => what)).toContain('Staff looked at a chart.');
      expect(events.map(({ by }) => by)).not.toContain('you');
      expect((await own('?_l=200')).map(({ what }) => what)).toContain('You uploaded samples.');
      const text = JSON.stringify(await own('?_l=200'));
      for (const id of [world.chief.id, world.chief.username, world.ben.id, world.bensSample]) expect(text).not.toContain(id);
    });

    test('the events of others are not among them', async () => {
      const [mine] = (await auditOf(told())).filter(({ event, patient_id }) => event === 'delivery-kept' && patient_id === world.ben.id);
      expect(mine).toBeDefined();
      expect((await own('?_l=200')).map(({ event }) => event)).not.toContain('delivery-kept');
      const refusal = await dm(world.anna.id).get(`/audit?patientId=${world.ben.id}`);
      expect(refusal.status).toBe(403);
    });

    test('pages follow one another and miss nothing', async () => {
      const whole = (await own('?_l=50&to=2100-01-01T00:00:00Z')).map(({ at }) => at);
      const paged: string[] = [];
      let path: string | undefined = '/audit?_l=7&to=2100-01-01T00:00:00Z';
      while (path !== undefined && paged.length < 60) {
        const answer: Response = await world.app.get(path);
        paged.push(...((await answer.json()) as Told[]).map(({ at }) => at));
        path = /<[^>]*(\/audit[^>]*)>/.exec(answer.headers.get('link') ?? '')?.[1];
      }
      // Each page read is an event of its own, newer than the first page.
      expect(paged).toEqual(expect.arrayContaining(whole));
      expect(new Set(paged).size).toBe(paged.length);
    });

    test.each<[string, string, (row: Record<string, string>) => boolean]>([
      ['a patient', 'patientId', ({ patientId }) => patientId === world.anna.id],
      ['an event', 'event=chart-read', ({ event }) => event === 'chart-read'],
      ['an outcome', 'outcome=refused', ({ outcome }) => outcome === 'refused'],
      ['a kind of actor', 'actorKind=sender', ({ actorKind }) => actorKind === 'sender'],
      ['an actor', 'actorId', ({ actorId }) => actorId === world.chief.id],
    ])('an operator finds by %s', async (_filter, query, fits) => {
      const asked = query === 'patientId' ? `patientId=${world.anna.id}` : query === 'actorId' ? `actorId=${world.chief.id}` : query;
      const rows = (await (await world.operator.get(`/audit?_l=200&${asked}`)).json()) as Record<string, string>[];
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.filter((row) => !fits(row))).toEqual([]);
      expect((await (await world.operator.get(`/audit?${asked}&to=2001-01-01T00:00:00Z`)).json())).toEqual([]);
    });
  });
});
