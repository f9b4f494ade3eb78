import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../../players/therapy-monitoring.ts';
import { startMailServer, type MailServer } from '../../setup/mail-server.ts';
import { startTestVitalgate, type TestVitalgate } from '../../setup/vitalgate.ts';
import { bearer, createCallers, endsSessions, type Callers, type Headers, type Role } from '../callers.ts';
import type { Known, Samples } from './requests.ts';

/** A running Vitalgate with people, data and things to be destroyed, for the fuzzer to play in. */
export interface World {
  readonly vitalgate: TestVitalgate;
  readonly callers: Callers;
  readonly mail: MailServer;
  readonly monitoring: TherapyMonitoringPlayer;
  readonly urlOf: (service: string) => string;
  readonly known: Known;
  readonly samples: Samples;
  readonly credentialOf: (role: Role, operationId: string) => Promise<Headers>;
  /** Makes a new credential of the role, unless that was done since this one was shown: some requests end what all others show. */
  readonly renew: (role: Role, operationId: string, shown: Headers) => Promise<void>;
  /** Takes identifiers out of an answer, to be named by later requests. */
  readonly learn: (operationId: string, body: string) => void;
  readonly bensSecrets: readonly string[];
  readonly stop: () => Promise<void>;
}

const fixtures = join(import.meta.dirname, '../../fixtures');
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(fixtures, folder), { recursive: true }).map(String).filter((name) => name.endsWith(ending)).map((name) => readFileSync(join(fixtures, folder, name), 'utf8'));
const parsedIn = (folder: string): unknown[] =>
  filesIn(folder, '.json').flatMap((text) => {
    try {
      return [JSON.parse(text) as unknown];
    } catch {
      return []; // some fixtures are broken on purpose
    }
  });

const readSamples = (): Samples => {
  const healthKit = ['react-native-health', 'kingstinct', 'capacitor', 'flutter-health'].flatMap((folder) => parsedIn(`healthkit/${folder}`));
  const medisante = [...parsedIn('medisante/synthetic'), ...parsedIn('medisante/captured'), ...filesIn('medisante/synthetic/xml-assumed', '.xml')];
  return {
    uploadHealthData: healthKit.filter(Array.isArray), uploadHealthDataInFormat: healthKit, receiveHealthKit: healthKit.filter(Array.isArray), receiveHealthKitInFormat: healthKit,
    receiveMedisante: medisante, receiveMedisanteInFormat: medisante,
  };
};

/** What ben has, told apart from everything else by values that nobody guesses. */
const giveBenData = async ({ urls }: TestVitalgate, session: Headers): Promise<string[]> => {
  const [device, source] = [`bens-watch-${randomBytes(6).toString('hex')}`, `bens-source-${randomBytes(6).toString('hex')}`];
  const post = (path: string, body: unknown) => fetch(`${urls.bff}${path}`, { method: 'POST', headers: { ...session, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const at = '2024-07-01T10:00:00Z';
  await post('/devices/assign', { deviceId: device, deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' });
  const answer = await post('/health-data', [{ id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 71.8264913, startDate: at, endDate: at, sourceName: source, metadata: { note: `${source}-note` } }]);
  if (!answer.ok) throw new Error(`ben's sample was answered ${String(answer.status)}: ${await answer.text()}`);
  return [device, source, '71.8264913'];
};

const ID = /"(?:_id|id|authUserId)":"([^"]{1,200})"/g;
const MOST_IDS = 200;

/** Identifiers by what they name; people and keys of the play are never among what may be destroyed. */
const createIds = (callers: Callers) => {
  const learnt: string[] = [];
  const fixed = [callers.anna.id, callers.ben.id];
  const names: Readonly<Record<string, readonly string[]>> = {
    format: ['json', 'xml', 'fhir', 'healthkit', 'react-native-health', 'kingstinct', 'health-auto-export', 'json-simple', 'JSON'],
    normalizedDataType: ['heart-rate', 'blood-pressure', 'blood-glucose', 'steps', 'sleep', 'weight'], identifier: ['heart-rate', 'blood-pressure', 'steps'],
    type: ['HeartRate', 'StepCount', 'BloodGlucose'], unit: ['bpm', 'count', 'mg/dL', 'mmol/L'],
  };
  return {
    known: (name: string, unsafe: boolean): readonly string[] => names[name] ?? [...learnt, ...(unsafe ? [] : fixed)],
    learn: (_operationId: string, body: string): void => {
      for (const [, id] of body.matchAll(ID)) if (id !== undefined && !callers.protectedIds.includes(id) && !learnt.includes(id)) learnt.push(id);
      if (learnt.length > MOST_IDS) learnt.splice(0, learnt.length - MOST_IDS);
    },
  };
};

/** Credentials that are kept, but for requests that end them: those get one of their own now and then. */
const createCredentials = ({ shown }: Callers, { database }: TestVitalgate): Pick<World, 'credentialOf' | 'renew'> => {
  const [kept, ending] = [new Map<Role, Promise<Headers>>(), new Map<Role, Promise<Headers>>()];
  const storeOf = (operationId: string) => (endsSessions.has(operationId) ? ending : kept);
  /** Guesses that requests were taken for make everybody at this address wait, the people of the play too, unless they are forgotten. */
  const made = async (role: Role, tries = 5): Promise<Headers> => {
    const failures = 'user_manager.sign_in_failures';
    await database.pool.query(`delete from ${failures} where ctid in (select ctid from ${failures} for update skip locked)`);
    return shown[role]().catch((error: unknown) => {
      if (tries === 0) throw error;
      return made(role, tries - 1);
    });
  };
  let asked = 0;
  const credentialOf = (role: Role, operationId: string): Promise<Headers> => {
    const store = storeOf(operationId);
    if (store === ending && (asked += 1) % 10 === 0) ending.delete(role);
    const credential = store.get(role) ?? made(role);
    store.set(role, credential);
    return credential;
  };
  const renew = async (role: Role, operationId: string, shown: Headers): Promise<void> => {
    const store = storeOf(operationId);
    if ((await store.get(role)) === shown) store.delete(role);
  };
  return { credentialOf, renew };
};

/** Starts all services with a mail server and a Therapy and Monitoring Manager, and fills them. */
export const createWorld = async (): Promise<World> => {
  const mail = await startMailServer();
  const monitoring = await startTherapyMonitoring();
  const vitalgate = await startTestVitalgate({ SMTP_URL: mail.url, TMM_SERVICE_URL: monitoring.url, UPLOADS_PER_MINUTE: 1_000_000, SESSION_DURATION_SECONDS: 86_400 });
  const callers = await createCallers(vitalgate);
  const bens = await callers.session(callers.ben);
  const bensSecrets = [...(await giveBenData(vitalgate, bens)), callers.ben.username, (bens['cookie'] ?? '').replace('sid=', '')];
  const ids = createIds(callers);
  const urls: Readonly<Record<string, string>> = { bff: vitalgate.urls.bff, 'device-manager': vitalgate.urls.deviceManager, 'user-manager': vitalgate.urls.userManager };
  const samples = await fetch(`${vitalgate.urls.deviceManager}/health-data?_l=20`, { headers: bearer(vitalgate.serviceToken) });
  ids.learn('findHealthData', await samples.text());
  return {
    vitalgate, callers, mail, monitoring, bensSecrets,
    urlOf: (service) => urls[service] ?? '',
    known: ids.known,
    learn: ids.learn,
    samples: readSamples(),
    ...createCredentials(callers, vitalgate),
    stop: async () => {
      await vitalgate.stop();
      await Promise.all([mail.stop(), monitoring.kill()]);
    },
  };
};
