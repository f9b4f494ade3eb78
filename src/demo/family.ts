import { cuff, historyUntil } from './history.ts';
import type { DemoAddresses, DemoPeople } from './people.ts';

const SAMPLES_AT_ONCE = 1000;
const DELIVERIES_AT_ONCE = 8;

const json = { 'content-type': 'application/json' };

const demanded = async (what: string, answering: Promise<Response>): Promise<Response> => {
  const answer = await answering;
  const text = answer.ok ? '' : await answer.text();
  if (!answer.ok) throw new Error(`The demo ${what}: answered ${String(answer.status)}${/"code":"[a-z-]+"/.exec(text)?.[0] ?? ''}.`);
  return answer;
};

const inTurns = async <One>(all: readonly One[], atOnce: number, work: (one: One) => Promise<unknown>): Promise<void> => {
  const rest = [...all];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) await work(next);
  }));
};

/**
 * Has Anna Rossi enrol her watch and her cuff and upload some weeks of data, and the cuff's portal post its readings, all by the same
 * calls that apps and portals make. Normalization goes on when it resolves. Throws with what was refused.
 */
export const uploadHistory = async ({ bff, deviceManager }: DemoAddresses, { annaUsername: username, annaPassword: password, webhookKey }: DemoPeople, nowMs: number): Promise<void> => {
  const { samples, deliveries } = historyUntil(nowMs);
  const signedIn = await demanded('cannot sign Anna in', fetch(`${bff}/oauth/token`, { method: 'POST', headers: json, body: JSON.stringify({ username, password }) }));
  const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const post = (what: string, path: string, body: unknown) => demanded(what, fetch(`${bff}${path}`, { method: 'POST', headers: { ...json, cookie }, body: JSON.stringify(body) }));
  await post('cannot enrol the watch', '/devices/assign', { deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
  await post('cannot enrol the cuff', '/devices/assign', { ...cuff, deviceType: 'Medical', deviceProvider: 'medisante', name: 'Blood pressure cuff', assignedFrom: '2024-05-01T00:00:00Z' });
  const chunks = Array.from({ length: Math.ceil(samples.length / SAMPLES_AT_ONCE) }, (_, index) => samples.slice(index * SAMPLES_AT_ONCE, (index + 1) * SAMPLES_AT_ONCE));
  await inTurns(chunks, 1, (chunk) => post('cannot upload', '/health-data', chunk));
  await inTurns(deliveries, DELIVERIES_AT_ONCE, ({ contentType, text }) => demanded('cannot post a delivery', fetch(`${deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': contentType, 'x-api-key': webhookKey }, body: text })));
  await post('cannot sign Anna out', '/logout', undefined);
};
