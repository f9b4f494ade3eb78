import { randomUUID } from 'node:crypto';
import type { Demo, Program } from '../../scripts/demo/program.ts';

/** The app of the demo patient, signed in. */
export interface App {
  readonly get: (path: string) => Promise<Response>;
  readonly post: (path: string, body: unknown) => Promise<Response>;
}

/** The database has to notice by itself. */
export const killNode = async (program: Program): Promise<void> => {
  process.kill(program.pid, 'SIGKILL');
  await program.ended;
};

/** Signs a person in at the BFF, for instance the demo patient. */
export const signIn = async (demo: Pick<Demo, 'bff' | 'username' | 'password'>): Promise<App> => {
  const send = (path: string, init: RequestInit) => fetch(`${demo.bff}${path}`, { ...init, signal: AbortSignal.timeout(10_000) });
  const json = { 'content-type': 'application/json' };
  const answer = await send('/oauth/token', { method: 'POST', headers: json, body: JSON.stringify({ username: demo.username, password: demo.password }) });
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  if (!answer.ok || cookie === undefined) throw new Error(`sign-in answered ${answer.status}`);
  return {
    get: (path) => send(path, { headers: { cookie } }),
    post: (path, body) => send(path, { method: 'POST', headers: { ...json, cookie }, body: JSON.stringify(body) }),
  };
};

/** As many heart rates, one per second from a second of 2024 on. */
export const heartRates = (firstSecond: number, samples: number) =>
  Array.from({ length: samples }, (_, index) => {
    const at = new Date(Date.UTC(2024, 0, 1) + (firstSecond + index) * 1000).toISOString();
    return { id: randomUUID(), value: 60 + (index % 40), startDate: at, endDate: at, sourceId: 'com.apple.health.TEST' };
  });

/** Identifiers of all heart rates of the person, each as often as it is stored. */
export const storedIds = async (app: App): Promise<string[]> => {
  const ids: string[] = [];
  for (let skip = 0; ; skip += 200) {
    const page = (await (await app.get(`/health-data?rawDataType=HKQuantityTypeIdentifierHeartRate&_l=200&_sk=${skip}`)).json()) as { _id: string }[];
    ids.push(...page.map((record) => record._id));
    if (page.length < 200) return ids;
  }
};

const hourMs = 3_600_000;

/** Instants of the points of heart rate in some seconds of 2024, hour by hour, for a chart shows so many single values and not more. */
export const chartedPoints = async (app: App, seconds: number): Promise<number[]> => {
  const points: number[] = [];
  for (let from = Date.UTC(2024, 0, 1); from < Date.UTC(2024, 0, 1) + seconds * 1000; from += hourMs) {
    const hour = `from=${new Date(from).toISOString()}&to=${new Date(from + hourMs).toISOString()}`;
    const series = (await (await app.get(`/chart-data?normalizedDataType=heart-rate&points=5000&${hour}`)).json()) as { data: { x: number }[] }[];
    points.push(...series.flatMap(({ data }) => data.map(({ x }) => x)));
  }
  return points;
};
