import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestVitalgate } from '../setup/vitalgate.ts';

/** One caller of the Device Manager over HTTP; it sends what it is told, well-formed or not. */
export interface Client {
  readonly get: (path: string) => Promise<Response>;
  readonly post: (path: string, value?: unknown) => Promise<Response>;
  readonly send: (path: string, init: RequestInit) => Promise<Response>;
}

/** A client with the given credential headers. */
export const clientWith = (baseUrl: string, headers: Readonly<Record<string, string>>): Client => {
  const send: Client['send'] = (path, init) => fetch(`${baseUrl}${path}`, { ...init, headers: { ...headers, ...(init.headers as Record<string, string>) } });
  return {
    send,
    get: (path) => send(path, {}),
    post: (path, value) => send(path, { method: 'POST', ...(value !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }) }),
  };
};

/** A service that speaks for a patient, or for nobody in particular. */
export const service = ({ urls, serviceToken }: TestVitalgate, patientId?: string): Client =>
  clientWith(urls.deviceManager, { authorization: `Bearer ${serviceToken}`, ...(patientId !== undefined && { miauserid: patientId }) });

/** The access token of a person, from the User Manager. */
export const accessTokenOf = async (vitalgate: TestVitalgate, userGroup: string): Promise<string> => {
  const { username, password } = await vitalgate.addUser({ userGroup });
  const answer = await clientWith(vitalgate.urls.userManager, {}).post('/oauth/token', { username, password });
  return ((await answer.json()) as { accessToken: string }).accessToken;
};

export const newPatient = (): string => randomUUID().replaceAll('-', '');

export const watch = { deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' };

/** A new patient with a watch, and a service that speaks for them. */
export const patientWithWatch = async (vitalgate: TestVitalgate): Promise<{ readonly patientId: string; readonly client: Client }> => {
  const patientId = newPatient();
  const client = service(vitalgate, patientId);
  await answered(client.post('/devices/assign', watch));
  return { patientId, client };
};

export const cuff = (deviceId: string) => ({ deviceId, deviceType: 'Medical', deviceProvider: 'Medisanté', serialNumber: `serial-${deviceId}` });

/** The body of a 200; anything else is an error that shows the answer. */
export const answered = async <Body>(answer: Promise<Response>): Promise<Body> => {
  const response = await answer;
  const text = await response.text();
  if (response.status !== 200) throw new Error(`answered ${String(response.status)}: ${text}`);
  return JSON.parse(text) as Body;
};

/** Status and problem of a refusal. */
export const refused = async (answer: Promise<Response>): Promise<{ status: number; code: string; errors?: { pointer: string; code: string }[] }> => (await answer).json() as never;

/** Repeats a question until the answer fits, at most 45 seconds (a busy machine takes its time); then the last answer, fitting or not. */
export const eventually = async <Answer>(ask: () => Promise<Answer>, fits: (answer: Answer) => boolean): Promise<Answer> => {
  let answer = await ask();
  for (let waitedMs = 0; waitedMs < 45_000 && !fits(answer); waitedMs += 50) {
    await sleep(50);
    answer = await ask();
  }
  return answer;
};

/** What tests look at in a record. */
export interface KeptRecord {
  readonly _id: string;
  readonly deviceId: string;
  readonly patientId?: string;
  readonly state: string;
  readonly reason?: string;
  readonly rawData?: unknown;
  readonly rawDataType?: string;
  readonly normalizedDataType?: string;
  readonly normalizedData?: { readonly observations: readonly { readonly code: string; readonly unit: string; readonly unitCode: string; readonly value: number; readonly annotation?: Readonly<Record<string, string>> }[] };
}

export interface Series {
  readonly name: string;
  readonly data: readonly { readonly x: number; readonly y: number }[];
}

/** The chart of a patient, once it has as many points as expected. */
export const chartOf = (client: Client, type: string, points: number, query = ''): Promise<Series[]> =>
  eventually(
    () => answered<Series[]>(client.get(`/chart-data?normalizedDataType=${type}${query}`)),
    (series) => series.reduce((sum, { data }) => sum + data.length, 0) >= points,
  );

/** One heart rate, seconds after midnight of 1 July 2024 UTC. */
export const heartRate = (second: number, more: object = {}) => {
  const at = new Date(Date.UTC(2024, 6, 1) + second * 1000).toISOString();
  return { id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 71, startDate: at, endDate: at, sourceId: 'com.apple.health.142CD7CC', ...more };
};

/** One blood pressure of 123 to 79 mmHg, in pascal as a BodyTrace cuff sends it. */
export const bloodPressure = (device: object, timestamp: string | undefined, more: object = {}) => ({
  metadata: { correlationId: randomUUID(), receivedTime: '2024-05-21T15:45:59.815903123Z', deviceGroups: [], measurementType: 'BloodPressure', ...more },
  device: { id: '', ...device },
  measurements: {
    annotations: { irregularHeartBeat: false },
    systolicBloodPressure: { value: 16400, unit: 'Pa', isInRange: true },
    diastolicBloodPressure: { value: 10533, unit: 'Pa', isInRange: true },
    pulse: { value: 70, unit: 'bpm', isInRange: true },
    ...(timestamp !== undefined && { timestamp }),
  },
});
