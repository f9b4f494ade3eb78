import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

/** Marks that nothing else contains, by what they stand for. */
const mark = (of: string): string => `${of}${randomBytes(9).toString('hex')}`;
/** A number that no file has but this run's; its last digit is no zero, which a number would lose. */
const figure = (whole: number): string => `${String(whole)}.${String(randomInt(1e7, 1e8))}7`;
const health = { value: figure(71), note: mark('note'), source: mark('source'), delivery: mark('delivery'), metric: figure(68) };
const wrong = { password: mark('password'), key: mark('key'), bearer: mark('bearer'), query: mark('query'), path: mark('path'), header: mark('header') };
/** In clear by design: which search finds nothing may find nothing at all. */
const control = { device: mark('device') };

/** The files under a folder that were written since a time, as text byte by byte; what vanishes meanwhile is gone. */
const textsUnder = (folder: string, since = 0): [string, string][] =>
  readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).flatMap((entry): [string, string][] => {
    const path = join(entry.parentPath, entry.name);
    try {
      return statSync(path).mtimeMs >= since && statSync(path).size < 64 * 1024 * 1024 ? [[path, readFileSync(path, 'latin1')]] : [];
    } catch {
      return [];
    }
  });

const foundIn = (places: Readonly<Record<string, string>>, marks: Readonly<Record<string, string>>): string[] =>
  Object.entries(places).flatMap(([place, text]) => Object.entries(marks).filter(([, secret]) => text.includes(secret)).map(([name]) => `${name} in ${place}`));

describe('after everything that leaves marks', () => {
  const started = Date.now();
  let vitalgate: TestVitalgate;
  let mail: MailServer;
  let monitoring: TherapyMonitoringPlayer;
  let anna: TestUser;
  let credentials: Record<string, string>;
  let answers = '';
  const post = async (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> => {
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
    if (answer.status >= 400) answers += `${await answer.clone().text()}\n`;
    return answer;
  };

  beforeAll(async () => {
    mail = await startMailServer();
    monitoring = await startTherapyMonitoring();
    vitalgate = await startTestVitalgate({ SMTP_URL: mail.url, TMM_SERVICE_URL: monitoring.url });
    const { bff, deviceManager, userManager } = vitalgate.urls;
    anna = await vitalgate.addUser({ username: mark('anna') });
    monitoring.readPrototypes((await (await fetch(`${deviceManager}/prototypes`)).json()) as PrototypeSchema[]);
    monitoring.addPlan({ _id: randomUUID(), planName: 'Pulse', prototypeId: 'heart-rate', patientId: anna.id, doctorId: 'd', startDate: '2024-01-01T00:00:00.000Z' });
    const cookie = await vitalgate.signIn(anna);
    const { accessToken, refreshToken } = (await (await post(`${userManager}/oauth/token`, { username: anna.username, password: anna.password })).json()) as Record<string, string>;
    const { key } = await vitalgate.createWebhookKey('portal');
    const at = '2024-07-01T10:00:00Z';
    await post(`${bff}/devices/assign`, { deviceId: control.device, deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' }, { cookie });
    const sample = { id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: Number(health.value), startDate: at, endDate: at, sourceName: health.source, metadata: { note: health.note } };
    expect((await post(`${bff}/health-data`, [sample, { ...sample, value: health.note }, { ...sample, startDate: health.source }], { cookie })).status).toBe(200);
    const delivery = { metadata: { correlationId: randomUUID(), receivedTime: at, measurementType: 'BloodPressure', deviceGroups: [] }, device: { id: 'nobody', model: 'x' }, measurements: { timestamp: at, pulse: { value: Number(health.metric), unit: 'bpm' } }, note: health.delivery };
    expect((await post(`${deviceManager}/health-data/medisante`, delivery, { 'x-api-key': key })).ok).toBe(true);
    // What is refused on the way: at the gate, by the validator, by a handler, by a credential.
    await post(`${bff}/oauth/token`, { username: anna.username, password: wrong.password });
    await post(`${bff}/oauth/token`, { username: anna.username, [wrong.password]: wrong.password });
    await post(`${deviceManager}/health-data/medisante`, delivery, { 'x-api-key': wrong.key });
    await post(`${deviceManager}/devices`, {}, { authorization: `Bearer ${wrong.bearer}` });
    for (const path of [`/health-data?deviceId=${wrong.query}&unknown=${wrong.query}`, `/chart-data?normalizedDataType=${wrong.query}`, `/${wrong.path}`, `/uploads/${wrong.path}`]) {
      answers += await (await fetch(`${bff}${path}`, { headers: { cookie, 'x-something': wrong.header } })).text();
    }
    await fetch(`${bff}/health-data`, { method: 'POST', headers: { cookie, 'content-type': 'application/json' }, body: `[{"note":"${health.note}",}]` });
    await post(`${bff}/reset-password`, { email: `${anna.username}@example.org` });
    const [link] = await mail.mailsTo(`${anna.username}@example.org`);
    const token = /#(?:token=)?([\w-]{20,})/.exec(link?.email.text ?? '')?.[1] ?? '';
    const password = `${randomBytes(12).toString('base64url')} clocks`;
    expect([200, 204]).toContain((await post(`${bff}/reset-password/confirm`, { token, password })).status);
    await mail.mailsTo(`${anna.username}@example.org`, 2);
    credentials = { sid: cookie.replace('sid=', ''), accessToken: accessToken ?? '', refreshToken: refreshToken ?? '', key, token, oldPassword: anna.password, newPassword: password, serviceToken: vitalgate.serviceToken };
    expect(Object.values(credentials).every((secret) => secret.length > 15)).toBe(true);
  }, 180_000);
  afterAll(async () => {
    await vitalgate.stop();
    await Promise.all([mail.stop(), monitoring.kill()]);
  }, 60_000);

  test('H1, A9 nothing of it is in the log at its most talkative', () => {
    const log = vitalgate.logged();
    expect(log).toContain('"operationId":"uploadHealthData"');
    expect(foundIn({ log }, { ...health, ...wrong, ...credentials, name: anna.username })).toEqual([]);
  });

  test('H1, E18 nothing of it is in what refusals said, nor in figures', async () => {
    expect(answers).toContain('urn:vitalgate:problem:');
    const pages = await Promise.all(Object.values(vitalgate.urls).flatMap((url) => ['/-/metrics', '/-/check-up', '/-/healthz'].map(async (path) => (await fetch(`${url}${path}`)).text())));
    expect(pages.join('')).toContain('uploadHealthData');
    expect(foundIn({ answers, pages: pages.join('') }, { ...health, ...wrong, ...credentials, name: anna.username })).toEqual([]);
  });

  test('H10 the Therapy and Monitoring Manager gets the value, when, from which device and for which plan, and nothing else', async () => {
    for (const end = Date.now() + 30_000; monitoring.written.length === 0 && Date.now() < end; ) await sleep(100);
    const sent = monitoring.arrived.map(({ url, bytes, headers }) => `${url.href} ${bytes.toString()} ${JSON.stringify(headers)}`).join('\n');
    expect(sent).toContain(health.value);
    const others = Object.fromEntries(Object.entries(health).filter(([name]) => name !== 'value'));
    expect(foundIn({ sent }, { ...others, ...wrong, ...credentials, name: anna.username })).toEqual([]);
  }, 60_000);

  test('H1 nothing of it is in mails but the link in its own', () => {
    const [first, second] = mail.delivered;
    expect(first?.raw.replaceAll(/=\r?\n/g, '')).toContain(credentials['token']);
    const { token = '', ...others } = credentials;
    expect(foundIn({ first: first?.raw ?? '', second: second?.raw ?? '' }, { ...health, ...wrong, ...others })).toEqual([]);
    expect(foundIn({ second: second?.raw.replaceAll(/=\r?\n/g, '') ?? '' }, { token })).toEqual([]);
  });

  test('G2, A2, B11 nothing of it is in the files of the database, its journal included', async () => {
    const { pool } = vitalgate.database;
    await pool.query('checkpoint');
    const { rows } = await pool.query<{ folder: string }>("select current_setting('data_directory') as folder");
    const folder = rows[0]?.folder ?? '';
    expect(existsSync(folder)).toBe(true);
    const places = Object.fromEntries(textsUnder(folder, started));
    expect(foundIn(places, control).length).toBeGreaterThan(0);
    // Account data is kept in clear, as it is searched for; health data and credentials are not.
    expect(foundIn(places, { ...health, ...wrong, ...credentials })).toEqual([]);
  }, 120_000);

  test('H1 nothing of it is left in temporary files', () => {
    const made = readdirSync(tmpdir()).map((name) => join(tmpdir(), name)).filter((path) => (statSync(path, { throwIfNoEntry: false })?.birthtimeMs ?? 0) >= started);
    const places = Object.fromEntries(made.flatMap((path) => (statSync(path).isDirectory() ? textsUnder(path, started) : [[path, readFileSync(path, 'latin1')]])));
    const ours = Object.fromEntries(Object.entries(places).filter(([path]) => !path.endsWith('service-token') && !path.endsWith('server.json')));
    expect(foundIn(ours, { ...health, ...wrong, ...credentials })).toEqual([]);
  });
});
