import type { TestVitalgate } from '../setup/vitalgate.ts';

/** An app over the BFF's public API; it sends what it is told, well-formed or not. */
export interface App {
  readonly cookie: string;
  readonly get: (path: string) => Promise<Response>;
  readonly post: (path: string, value: unknown) => Promise<Response>;
  readonly send: (path: string, init: RequestInit) => Promise<Response>;
}

/** The problem and receipt members that tests look at. */
export interface Receipt {
  readonly received: number;
  readonly created: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejected: number;
  readonly items: readonly { readonly index: number; readonly status: string; readonly _id?: string; readonly error?: { readonly code: string; readonly pointer: string; readonly retryable: boolean } }[];
  readonly anchor: { readonly safeToAdvance: boolean };
}

export const cookieOf = (response: Response): string => response.headers.getSetCookie()[0]?.split(';')[0] ?? '';

/** An app with the given cookie header; '' sends none. */
export const appWith = (bff: string, cookie: string): App => {
  const send = (path: string, init: RequestInit) =>
    fetch(`${bff}${path}`, { ...init, headers: { ...(cookie !== '' && { cookie }), ...(init.headers as Record<string, string>) }, redirect: 'manual' });
  return {
    cookie,
    send,
    get: (path) => send(path, {}),
    post: (path, value) => send(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }),
  };
};

/** Signs in over HTTP; throws when that is refused. */
export const signedIn = async (bff: string, username: string, password: string): Promise<App> => {
  const answer = await appWith(bff, '').post('/oauth/token', { username, password });
  if (answer.status !== 200) throw new Error(`sign-in answered ${String(answer.status)}`);
  return appWith(bff, cookieOf(answer));
};

/** A new person's app, with a watch enrolled. */
export const newEnrolledApp = async ({ urls, signIn, addUser }: TestVitalgate): Promise<App> => {
  const app = appWith(urls.bff, await signIn(await addUser()));
  await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
  return app;
};

/** One heart rate that names its type, at a whole second of 2024; the text of the date has an offset without colon, as react-native-health writes it. */
export const heartRate = (id: string, second: number, more: object = {}) => {
  const at = new Date(Date.UTC(2024, 6, 1) + second * 1000).toISOString().replace('Z', '+0000');
  return { id, type: 'HeartRate', value: 71, startDate: at, endDate: at, sourceId: 'com.apple.health.142CD7CC', ...more };
};
