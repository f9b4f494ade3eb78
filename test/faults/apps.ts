/**
 * Apps of several people, in a process of its own as none of them is on the server's machine: `node apps.ts <JSON of Crowd>`. Each
 * notes in its ledger what it sends before it sends it, and what came back. Every acknowledgement is a line on standard output; when
 * standard input ends, each finishes what it is at.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import { heartRates } from './app.ts';
import { openLedger, type Act, type Ledger, type Outcome } from './ledger.ts';

/** A person with an app. */
export interface Person {
  readonly _id: string;
  readonly username: string;
  readonly password: string;
  readonly email: string;
  /** The key of a webhook sender of the person's own. */
  readonly webhookKey: string;
  readonly ledger: string;
  /** What the app does, and when, is drawn from it. */
  readonly seed: number;
}

/** Who they are and where they send. */
export interface Crowd {
  readonly bff: string;
  readonly deviceManager: string;
  readonly people: readonly Person[];
}

const samplesPerUpload = 10;
const answerWithinMs = 15_000;
const tryAgainMs = 100;

interface Wish {
  readonly act: Act;
  readonly keys: readonly string[];
  readonly send: () => Promise<Response>;
}

interface Ended {
  readonly outcome: Outcome;
  readonly answer?: Response;
}

const outcomeOf = (answer: Response | undefined): Outcome => {
  if (answer === undefined) return 'unknown';
  if (answer.ok) return 'acknowledged';
  return answer.status === 503 && answer.headers.has('retry-after') ? 'refused' : 'undeclared';
};

/** Sends once and notes how that ended. */
const attempt = async (ledger: Ledger, { act, keys, send }: Wish): Promise<Ended> => {
  ledger.note({ act, keys, outcome: 'sent' });
  // An answer whose body breaks off has not arrived.
  const answer = await send().then(async (arrived) => new Response(await arrived.arrayBuffer().then((body) => (body.byteLength > 0 ? body : null)), arrived)).catch(() => undefined);
  const outcome = outcomeOf(answer);
  ledger.note({ act, keys, outcome, ...(outcome === 'undeclared' && { answer: `${String(answer?.status)} ${(await answer?.clone().text()) ?? ''}` }) });
  if (outcome === 'acknowledged') process.stdout.write('acknowledged\n');
  return { outcome, ...(answer && { answer }) };
};

/**
 * Sends until it is acknowledged, or answered as nobody declared, which ends the matter. An upload without answer is given up now and
 * then, as when somebody removes the app.
 */
const persist = async (ledger: Ledger, wish: Wish, draw: Random): Promise<Response | undefined> => {
  for (;;) {
    const { outcome, answer } = await attempt(ledger, wish);
    if (outcome === 'acknowledged') return answer;
    if (outcome === 'undeclared' || (wish.act === 'upload' && outcome === 'unknown' && draw.next() < 0.1)) return undefined;
    await sleep(tryAgainMs);
  }
};

const json = { 'content-type': 'application/json' };

const startApp = ({ bff, deviceManager }: Crowd, { username, password, email, webhookKey, ledger: path, seed }: Person) => {
  const ledger = openLedger(path);
  const draw = createRandom(seed);
  const uploaded: { uuid: string; at: string }[] = [];
  let [cookie, seconds, count] = ['', 0, 0];
  const post = (url: string, body: unknown, headers: Readonly<Record<string, string>> = { cookie }) =>
    fetch(url, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body), signal: AbortSignal.timeout(answerWithinMs) });
  const next = (name: string): string => `${name}-${String((count += 1))}`;

  const signIn = async (): Promise<void> => {
    const answer = await persist(ledger, { act: 'sign-in', keys: [next('session')], send: () => post(`${bff}/oauth/token`, { username, password }, {}) }, draw);
    cookie = answer?.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  };
  const enrol = async (): Promise<void> => {
    const deviceId = next('watch');
    await persist(ledger, { act: 'enrolment', keys: [deviceId], send: () => post(`${bff}/devices/assign`, { deviceId, deviceType: 'Wearable', deviceProvider: 'apple-healthkit' }) }, draw);
  };
  const upload = async (): Promise<void> => {
    const batch = heartRates(seconds, samplesPerUpload);
    seconds += samplesPerUpload;
    const answer = await persist(ledger, { act: 'upload', keys: batch.map(({ startDate }) => startDate), send: () => post(`${bff}/health-data?type=HeartRate&unit=bpm`, batch) }, draw);
    if (answer !== undefined) uploaded.push(...batch.map(({ id, startDate }) => ({ uuid: id, at: startDate })));
  };
  const remove = async (): Promise<void> => {
    const [sample] = uploaded.splice(draw.whole(0, Math.max(uploaded.length - 1, 0)), 1);
    if (sample === undefined) return;
    await persist(ledger, { act: 'deletion', keys: [sample.at], send: () => post(`${bff}/health-data/deletions`, { deletions: [{ uuid: sample.uuid }] }) }, draw);
  };
  const deliver = async (): Promise<void> => {
    const correlationId = randomUUID();
    const time = new Date().toISOString();
    const delivery = {
      metadata: { correlationId, receivedTime: time, deviceGroups: [], measurementType: 'Glucose' },
      device: { id: '', serialNumber: `meter-${String(seed)}`, IMEI: '', IMSI: '', manufacturer: 'ApexBio', model: 'BG800 3G', timezone: 'UTC' },
      measurements: { annotations: {}, glucose: { value: 5.5, unit: 'mmol/L', isInRange: true }, timestamp: time },
    };
    await persist(ledger, { act: 'delivery', keys: [correlationId], send: () => post(`${deviceManager}/health-data/medisante`, delivery, { 'x-api-key': webhookKey }) }, draw);
  };
  const wishForLink = async (): Promise<void> => {
    await persist(ledger, { act: 'reset wish', keys: [next('wish')], send: () => post(`${bff}/reset-password`, { email }, {}) }, draw);
  };

  const others: readonly (readonly [number, () => Promise<void>])[] = [[0.08, remove], [0.16, deliver], [0.2, enrol], [0.24, signIn], [0.25, wishForLink]];
  const run = async (isOver: () => boolean): Promise<void> => {
    await signIn();
    await enrol();
    await wishForLink();
    while (!isOver()) {
      const drawn = draw.next();
      await (others.find(([below]) => drawn < below)?.[1] ?? upload)();
      await sleep(draw.whole(10, 60));
    }
    ledger.close();
  };
  return run;
};

const crowd = JSON.parse(process.argv[2] ?? '{}') as Crowd;
let isOver = false;
const running = crowd.people.map((person) => startApp(crowd, person)(() => isOver));
process.stdin.resume();
await once(process.stdin, 'end');
isOver = true;
await Promise.all(running);
