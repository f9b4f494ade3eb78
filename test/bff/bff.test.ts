import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { appWith, cookieOf, heartRate, type App, type Receipt } from './app.ts';
import { appOf as appAt, stages, type Extension, type Person, type Stage } from './stages.ts';

describe.each(stages)('the BFF in front of %s', (_upstreams, start, missing) => {
  let stage: Stage;
  let anna: Person;
  let ben: Person;
  let annasApp: App;
  let bensApp: App;

  /** A test of what the BFF can do only where its upstreams have an extension of ours; elsewhere it is skipped and says why. */
  const testNeeding = (extension: Extension) => (name: string, body: () => Promise<void>) =>
    missing.includes(extension) ? test.skip(`${name} (these upstreams lack ${extension})`, body) : test(name, body);

  const appOf = (person: Person) => appAt(stage, person);
  const watchOf = (person: Person) => ({ deviceId: stage.watchOf(person), deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
  const watch = { deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' };
  const receiptOf = async (answer: Response) => {
    expect(answer.status).toBe(200);
    return (await answer.json()) as Receipt;
  };
  const idsOf = ({ items }: Receipt) => items.map(({ _id }) => _id);
  const countOf = async (app: App) => ((await (await app.get('/health-data?_l=200')).json()) as unknown[]).length;
  const send = (app: App, path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    app.send(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

  beforeAll(async () => {
    stage = await start();
    [anna, ben] = [await stage.addUser(), await stage.addUser()];
    [annasApp, bensApp] = [await appOf(anna), await appOf(ben)];
    expect((await annasApp.post('/devices/assign', watchOf(anna))).status).toBe(200);
    expect((await bensApp.post('/devices/assign', watchOf(ben))).status).toBe(200);
  });
  afterAll(() => stage.stop());

  describe('sessions', () => {
    const attempt = (username: string, password: string) => appWith(stage.bff, '').post('/oauth/token', { username, password });

    test('the cookie of a sign-in on plain loopback is HttpOnly, Lax, for every path, and not Secure', async () => {
      const answer = await attempt(anna.username, anna.password);
      expect([answer.status, await answer.text()]).toEqual([200, '']);
      expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^sid=[^;]{20,}; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax$/)]);
    });

    test('wrong password, unknown user and blocked user are answered the same', async () => {
      const blocked = await stage.addUser();
      await stage.block(blocked);
      const answers = [await attempt(anna.username, 'not the password'), await attempt('nobody', anna.password), await attempt(blocked.username, blocked.password)];
      const bodies = await Promise.all(answers.map(async (answer) => ({ ...((await answer.json()) as object), instance: '' })));
      expect(answers.map((answer) => [answer.status, cookieOf(answer)])).toEqual([[401, ''], [401, ''], [401, '']]);
      expect(bodies[0]).toMatchObject({ code: 'sign-in-failed', retryable: false });
      expect(bodies.slice(1)).toEqual([bodies[0], bodies[0]]);
    });

    test.each([
      ['none', () => Promise.resolve('')],
      ['a forged one', () => Promise.resolve(`sid=${'A'.repeat(43)}`)],
      ['an empty one', () => Promise.resolve('sid=')],
      ['two at once', () => Promise.resolve(`${annasApp.cookie}; ${bensApp.cookie}`)],
      ['an oversized one', () => Promise.resolve(`sid=${'x'.repeat(5000)}`)],
      ['one that was signed out', async () => {
        const app = await appOf(anna);
        expect((await app.send('/logout', { method: 'POST' })).status).toBe(204);
        return app.cookie;
      }],
      ['one that has expired', async () => {
        const person = await stage.addUser();
        const app = await appOf(person);
        await stage.expire(person);
        return app.cookie;
      }],
    ])('a session cookie that is %s opens nothing', async (_situation, cookie) => {
      const stranger = appWith(stage.bff, await cookie());
      for (const path of ['/profile', '/devices', '/health-data', '/chart-data?normalizedDataType=heart-rate']) {
        const answer = await stranger.get(path);
        expect(await answer.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
        expect(answer.headers.get('www-authenticate')).not.toBeNull();
      }
      for (const path of ['/logout', '/devices/assign', '/health-data']) expect((await stranger.post(path, [])).status).toBe(401);
    });

    test('signing out elsewhere is noticed within a second', async () => {
      const app = await appOf(anna);
      expect((await app.get('/profile')).status).toBe(200);
      await stage.signOutElsewhere(app.cookie);
      await sleep(1_050);
      expect((await app.get('/profile')).status).toBe(401);
    });

    test('the profile says who is signed in', async () => {
      expect(await (await annasApp.get('/profile/')).json()).toMatchObject({ sub: anna.sub, email: `${anna.username}@example.org` });
    });
  });

  describe('bad input', () => {
    test.each<[string, string, string | Uint8Array<ArrayBuffer>, number, string, string | undefined]>([
      ['an empty body', '/health-data', '', 400, 'malformed-json', ''],
      ['a truncated body', '/health-data', '[{"value":', 400, 'malformed-json', undefined],
      ['a body 33 levels deep', '/health-data', '['.repeat(33) + ']'.repeat(33), 400, 'too-deep', undefined],
      ['a duplicate key', '/health-data', '[{"value":1,"value":2}]', 400, 'duplicate-key', '/0/value'],
      ['a key __proto__', '/health-data', '[{"metadata":{"__proto__":{}}}]', 400, 'forbidden-key', '/0/metadata/__proto__'],
      ['bytes that are not UTF-8', '/health-data', Uint8Array.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 400, 'not-utf8', undefined],
      ['NaN where JSON has none', '/health-data', '[{"value":NaN}]', 400, 'malformed-json', undefined],
      ['an object instead of an array', '/health-data', '{}', 400, 'invalid-request', ''],
      ['an unknown format', '/health-data/xml', '[]', 400, 'unknown-format', '/path/format'],
      ['an unknown query parameter', '/health-data?patientId=x', '[]', 400, 'unknown-parameter', '/query/patientId'],
      ['a device without provider', '/devices/assign', '{"deviceId":"a","deviceType":"b"}', 400, 'invalid-request', '/deviceProvider'],
      ['an assignment from a day that does not exist', '/devices/assign', JSON.stringify({ ...watch, assignedFrom: '2024-02-30T00:00:00Z' }), 400, 'invalid-request', '/assignedFrom'],
      ['an assignment until a day that does not exist', '/devices/assign', JSON.stringify({ ...watch, assignedUntil: '2024-02-30T00:00:00Z' }), 400, 'invalid-request', '/assignedUntil'],
      ['a NUL in the name of a device', '/devices/assign', '{"deviceId":"a","deviceType":"b","deviceProvider":"healthkit","name":"\\u0000"}', 400, 'invalid-text', '/name'],
      ['credentials without password', '/oauth/token', '{"username":"anna"}', 400, 'invalid-request', '/password'],
    ])('%s is refused as a whole', async (_situation, path, body, status, code, pointer) => {
      const before = await countOf(annasApp);
      const answer = await send(annasApp, path, body);
      expect(await answer.json()).toMatchObject({ status, code, retryable: false, ...(pointer !== undefined && { errors: [{ pointer }] }) });
      expect(await countOf(annasApp)).toBe(before);
    });

    describe('an interval of a device that cannot be', () => {
      const expectRefused = async (answer: Response, pointer: string) => expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid-request', errors: [{ pointer, code: 'invalid-date' }] }]);
      const inOneHour = () => new Date(Date.now() + 3_600_000).toISOString();
      for (const [situation, interval, place] of [
        ['that begins in an hour', () => ({ assignedFrom: inOneHour() }), '/assignedFrom'],
        ['that ends in an hour', () => ({ assignedUntil: inOneHour() }), '/assignedUntil'],
        ['that ends before it begins', () => ({ assignedFrom: '2024-07-02T00:00:00Z', assignedUntil: '2024-07-01T00:00:00Z' }), '/assignedUntil'],
      ] as const) {
        testNeeding('a check who holds a device')(`${situation} is refused with its place`, async () => {
          await expectRefused(await annasApp.post('/devices/assign', { ...watch, deviceId: 'lent', ...interval() }), place);
        });
      }

      testNeeding('a check who holds a device')('that is ended in an hour is refused with its place', async () => {
        const { _id } = (await (await annasApp.post('/devices/assign', { ...watch, deviceId: 'lent' })).json()) as { _id: string };
        await expectRefused(await annasApp.post(`/devices/${_id}/unassign`, { assignedUntil: inOneHour() }), '/assignedUntil');
      });
    });

    test.each([
      ['/health-data?from=2024-02-30T00:00:00Z', '/query/from'],
      ['/chart-data?normalizedDataType=heart-rate&to=2024-02-30T00:00:00Z', '/query/to'],
    ])('a day that does not exist in %s is refused', async (path, pointer) => {
      const answer = await annasApp.get(path);
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid-request', errors: [{ pointer }] }]);
    });

    test.each([
      ['too many samples', `[${Array.from({ length: 5001 }, () => '{}').join(',')}]`, 'too-many-items'],
      ['more than 10 MiB', `["${'x'.repeat(10_485_760)}"]`, 'payload-too-large'],
    ])('%s is answered 413 with the limits', async (_situation, body, code) => {
      const answer = await send(annasApp, '/health-data', body);
      expect([answer.status, await answer.json()]).toMatchObject([413, { code, limits: { maxItems: 5000, maxBytes: 10_485_760 } }]);
    });

    const good = heartRate('b9480b59-3a05-416c-97cf-e0de431adcb5', 0);
    const dateless = { id: good.id, value: good.value };
    const expectRefusedAlone = async (item: unknown, code: string, place: string, retryable: boolean) => {
      const other = heartRate(randomUUID(), 60);
      const receipt = await receiptOf(await annasApp.post('/health-data?type=HeartRate&unit=bpm', [item, other]));
      expect(receipt).toMatchObject({ received: 2, created: 1, rejected: 1, anchor: { safeToAdvance: !retryable } });
      expect(receipt.items[0]).toMatchObject({ index: 0, status: 'rejected', error: { code, pointer: `/0${place}`, retryable } });
      expect(receipt.items[1]).toMatchObject({ index: 1, status: 'created' });
    };
    test.each<[string, unknown, string, string, boolean]>([
      ['a text for a number', { ...good, value: 'NaN' }, 'invalid-value', '/value', false],
      ['no date', dateless, 'missing-date', '/startDate', false],
      ['a date without offset', { ...good, startDate: '2024-07-23T15:44:05' }, 'invalid-date', '/startDate', false],
      ['an end before its start', { ...good, endDate: '2024-06-30T23:59:59+0000' }, 'end-before-start', '/endDate', false],
      ['the far future', { ...good, startDate: '2124-07-01T00:00:00Z', endDate: '2124-07-01T00:00:00Z' }, 'date-in-future', '/startDate', true],
      ['a NUL', { ...good, sourceName: 'a\u0000b' }, 'invalid-text', '/sourceName', false],
      ['a lone surrogate', { ...good, sourceName: '\ud800' }, 'invalid-text', '/sourceName', false],
      ['an id that is no UUID', { ...good, id: 'mine' }, 'invalid-id', '/id', false],
      ['a unit of something else', { ...good, unit: 'kg' }, 'unit-not-for-type', '/unit', false],
      ['the id of another patient', { ...good, patientId: 'somebody' }, 'not-your-data', '/patientId', false],
      ['nothing at all', null, 'invalid-item', '', false],
    ])('a sample with %s is refused alone', (_situation, item, code, place, retryable) => expectRefusedAlone(item, code, place, retryable));

    testNeeding('a list of devices')('a sample with a device of nobody is refused alone', () => expectRefusedAlone({ ...good, deviceId: 'unknown' }, 'device-not-enrolled', '/deviceId', true));

    test('nothing is kept when every sample is refused, and that is no error of the request', async () => {
      const before = await countOf(annasApp);
      const receipt = await receiptOf(await annasApp.post('/health-data', [dateless, null]));
      expect(receipt).toMatchObject({ received: 2, created: 0, rejected: 2 });
      expect(receipt).not.toHaveProperty('uploadId');
      expect(await countOf(annasApp)).toBe(before);
    });
  });

  describe('uploads', () => {
    testNeeding('a verdict on duplicates')('a receipt adds up: created, duplicate inside and across uploads, conflict, refused', async () => {
      const [first, second, third] = [heartRate(randomUUID(), 100), heartRate(randomUUID(), 101), heartRate(randomUUID(), 102)];
      expect(await receiptOf(await annasApp.post('/health-data?type=HeartRate', [first]))).toMatchObject({ created: 1 });
      const receipt = await receiptOf(await annasApp.post('/health-data?type=HeartRate', [second, first, { ...first, value: 99 }, null, second, third]));
      expect(receipt.items.map(({ index, status }) => [index, status])).toEqual([
        [0, 'created'], [1, 'duplicate'], [2, 'conflict'], [3, 'rejected'], [4, 'duplicate'], [5, 'created'],
      ]);
      expect(receipt).toMatchObject({ received: 6, created: 2, duplicates: 2, conflicts: 1, rejected: 1, anchor: { safeToAdvance: true } });
    });

    testNeeding('a verdict on duplicates')('a sample keeps its identifier when it comes again with the UUID in other letters and the date at another offset', async () => {
      const item = heartRate(randomUUID(), 200);
      const first = await receiptOf(await annasApp.post('/health-data?type=HeartRate', [item]));
      const shifted = { ...item, id: item.id.toUpperCase(), startDate: '2024-07-01T02:03:20.000+0200', endDate: '2024-07-01T02:03:20+02:00' };
      const again = await receiptOf(await annasApp.post('/health-data?type=HeartRate', [shifted]));
      expect(again).toMatchObject({ created: 0, duplicates: 1 });
      expect(idsOf(again)).toEqual(idsOf(first));
    });

    test.each([
      ['with a format', '/health-data/healthkitstandard-json?type=HeartRate', {}],
      ['with a format in capitals and a slash', '/health-data/JSON/?type=HeartRate', {}],
      ['compressed', '/health-data?type=HeartRate', { 'content-encoding': 'gzip' }],
    ])('an upload %s is taken', async (_situation, path, headers: Record<string, string>) => {
      const body = Buffer.from(JSON.stringify([heartRate(randomUUID(), 300)]));
      const bytes = 'content-encoding' in headers ? gzipSync(body) : body;
      expect(await receiptOf(await send(annasApp, path, new Uint8Array(bytes), headers))).toMatchObject({ created: 1 });
    });

    test('samples are listed newest first, filtered by time, type and state, and hold no received body unless it is asked for', async () => {
      const app = await appOf(await stage.addUser());
      await app.post('/devices/assign', { ...watch, deviceId: `apple-${randomUUID()}` });
      const items = [7, 9, 8].map((hours) => heartRate(randomUUID(), hours * 3600, { type: undefined }));
      await receiptOf(await app.post('/health-data?type=HKQuantityTypeIdentifierHeartRate&unit=bpm', items));
      const list = async (query: string) => (await (await app.get(`/health-data?${query}`)).json()) as { _id: string; state: string; recordedAt?: string; rawData?: { id: string } }[];
      for (let waitedMs = 0; waitedMs < 10_000 && (await list('state=normalized')).length < 3; waitedMs += 100) await sleep(100);
      const hoursOf = async (query: string) => (await list(query)).map(({ recordedAt = '' }) => new Date(recordedAt).getUTCHours());
      expect(await hoursOf('')).toEqual([9, 8, 7]);
      expect(await hoursOf('_l=1&_sk=1')).toEqual([8]);
      expect(await hoursOf('from=2024-07-01T08:00:00Z&to=2024-07-01T11:00:00.000%2B02:00')).toEqual([8]);
      expect(await hoursOf('rawDataType=HKQuantityTypeIdentifierHeartRate&normalizedDataType=heart-rate&state=normalized')).toEqual([9, 8, 7]);
      for (const nothing of ['state=received', 'state=quarantined', 'deviceId=another', 'providerId=medisante']) expect(await list(nothing)).toEqual([]);
      expect((await list('')).some((record) => 'rawData' in record)).toBe(false);
      const [newest] = await list('_p=rawData&_l=1');
      expect(newest).toMatchObject({ state: 'normalized', rawData: { id: items[1]?.id } });
      expect(newest).not.toHaveProperty('normalizedData');
    });

    test('two patients with the same phone and the same third-party source do not meet', async () => {
      const item = heartRate(randomUUID(), 400, { sourceId: 'com.thirdparty.app' });
      const [annas, bens] = [await receiptOf(await annasApp.post('/health-data', [item])), await receiptOf(await bensApp.post('/health-data', [{ ...item, value: 88 }]))];
      expect([annas, bens]).toMatchObject([{ created: 1 }, { created: 1 }]);
      expect(idsOf(annas)).not.toEqual(idsOf(bens));
      const owners = async (app: App) => new Set(((await (await app.get('/health-data?_l=200')).json()) as { patientId: string }[]).map(({ patientId }) => patientId));
      expect(await owners(annasApp)).toEqual(new Set([anna.id]));
      expect(await owners(bensApp)).toEqual(new Set([ben.id]));
    });

    testNeeding('a verdict on duplicates')('a new phone that sends the same samples again adds nothing', async () => {
      const item = heartRate(randomUUID(), 500);
      const first = await receiptOf(await annasApp.post('/health-data', [item]));
      expect((await annasApp.post('/devices/assign', { ...watch, deviceId: 'new-phone' })).status).toBe(200);
      const again = await receiptOf(await annasApp.post('/health-data?deviceId=new-phone', [item]));
      expect(again).toMatchObject({ created: 0, duplicates: 1, conflicts: 0 });
      expect(idsOf(again)).toEqual(idsOf(first));
    });

    testNeeding('a list of devices')('a patient without a device is told to enrol one, and may then send the same samples', async () => {
      const app = await appOf(await stage.addUser());
      const item = heartRate(randomUUID(), 600);
      const refused = await receiptOf(await app.post('/health-data', [item]));
      expect(refused).toMatchObject({ rejected: 1, items: [{ error: { code: 'device-not-enrolled', retryable: true } }], anchor: { safeToAdvance: false } });
      await app.post('/devices/assign', watch);
      expect(await receiptOf(await app.post('/health-data', [item]))).toMatchObject({ created: 1, anchor: { safeToAdvance: true } });
    });
  });

  describe('own data only', () => {
    test.each<[string, (app: App) => Promise<Response>, string]>([
      ['enrols for another patient', (app) => app.post('/devices/assign', { ...watch, assignedPatientId: anna.id }), '/assignedPatientId'],
      ['asks for the chart of another patient', (app) => app.get(`/chart-data?normalizedDataType=heart-rate&_id=${anna.id}`), '/query/_id'],
      ['asks for the chart of nobody', (app) => app.get('/chart-data?normalizedDataType=heart-rate&_id=nobody'), '/query/_id'],
    ])('who %s is refused', async (_situation, ask, pointer) => {
      const answer = await ask(bensApp);
      expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'not-your-data', errors: [{ pointer }] }]);
    });

    testNeeding('a check who holds a device')('the device of another patient is not found, neither to end its assignment nor to list', async () => {
      const app = await appOf(await stage.addUser());
      const { _id } = (await (await app.post('/devices/assign', { ...watch, deviceId: 'third' })).json()) as { _id: string };
      expect((await bensApp.send(`/devices/${_id}/unassign`, { method: 'POST' })).status).toBe(404);
      expect(await (await bensApp.get('/devices')).text()).not.toContain(_id);
      expect((await app.send(`/devices/${_id}/unassign`, { method: 'POST' })).status).toBe(204);
      expect(await (await app.get('/devices')).json()).toEqual([]);
    });

    test('hardware that somebody holds is refused to another patient', async () => {
      const scale = { deviceId: 'scale-1', deviceType: 'Medical', deviceProvider: 'medisante' };
      expect((await annasApp.post('/devices/assign', scale)).status).toBe(200);
      const answer = await bensApp.post('/devices/assign', scale);
      expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'device-already-assigned' }]);
    });
  });

  test('what was uploaded appears in the chart of its patient alone', async () => {
    const person = await stage.addUser();
    const [app, other] = [await appOf(person), await appOf(await stage.addUser())];
    await app.post('/devices/assign', watchOf(person));
    const start = Date.UTC(2024, 6, 1);
    await app.post('/health-data?type=HeartRate&unit=bpm', [heartRate(randomUUID(), 1), heartRate(randomUUID(), 0), heartRate(randomUUID(), -1), heartRate(randomUUID(), 60)]);
    const chart = async (one: App) => (await one.get('/chart-data?normalizedDataType=heart-rate&from=2024-07-01T00:00:00%2B00:00&to=2024-07-01T00:01:00Z&filters=[]')).json();
    const expected = [expect.objectContaining({ name: expect.stringMatching(/^Heart rate/), data: [{ x: start, y: 71 }, { x: start + 1000, y: 71 }] })];
    for (let waitedMs = 0; waitedMs < 10_000 && !JSON.stringify(await chart(app)).includes(String(start + 1000)); waitedMs += 100) await sleep(100);
    expect(await chart(app)).toEqual(expected);
    expect(await chart(other)).toEqual([]);
  });

  test('the log tells of requests without passwords, sessions, tokens or samples', () => {
    const log = stage.logged();
    expect(log).toContain('uploadHealthData');
    for (const secret of [anna.password, annasApp.cookie.slice(4), bensApp.cookie.slice(4), stage.serviceToken, 'com.apple.health.142CD7CC', 'com.thirdparty.app']) {
      expect(log.includes(secret)).toBe(false);
    }
  });

  // Last: nothing works afterwards.
  test('with what is behind it gone, every answer is a 503 with Retry-After', async () => {
    await sleep(1_050); // sessions are believed for a second
    await stage.lose();
    for (const ask of [() => annasApp.get('/profile'), () => annasApp.post('/health-data', [heartRate(randomUUID(), 0)]), () => appWith(stage.bff, '').post('/oauth/token', { username: anna.username, password: anna.password })]) {
      const answer = await ask();
      expect([answer.status, await answer.json()]).toMatchObject([503, { retryable: true }]);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    await stage.regain();
    await sleep(1_050);
    expect((await annasApp.get('/profile')).status).toBe(200);
  });
});
