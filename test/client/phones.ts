import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { createClient, memoryStore, type Outbox, type OutboxEvent, type OutboxStore, type VitalgateClient } from '../../src/client/client.ts';
import { heartRate } from '../bff/app.ts';
import { startFaultProxy, type FaultProxy } from '../players/fault-proxy.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

/** A client on which a person has signed in, and the person's outbox. */
export interface Phone {
  readonly client: VitalgateClient;
  readonly outbox: Outbox;
  readonly user: TestUser;
  readonly store: OutboxStore;
  readonly events: OutboxEvent[];
  /** How often each status was among the verdicts. */
  readonly statuses: () => Record<string, number>;
}

type ClientOptions = Parameters<typeof createClient>[0];

interface PhoneOptions {
  readonly store?: OutboxStore;
  readonly enrolled?: boolean;
  /** Default: somebody new. */
  readonly user?: TestUser;
  readonly onSignInNeeded?: ClientOptions['onSignInNeeded'];
  /** A network of its own. */
  readonly fetch?: ClientOptions['fetch'];
}

/** Phones, the program, and the network between them. */
export interface Phones {
  readonly vitalgate: TestVitalgate;
  readonly proxy: FaultProxy;
  readonly phone: (options?: PhoneOptions) => Promise<Phone>;
  /** Faults for the first uploads, one after the other. */
  readonly faultsInTurn: (...faults: ReturnType<FaultProxy['fault']>[]) => void;
  /** A network without faults again. */
  readonly mend: () => void;
  readonly stop: () => Promise<void>;
}

export const credentialsOf = ({ user: { username, password } }: Pick<Phone, 'user'>): { username: string; password: string } => ({ username, password });

export const enrol = async (client: VitalgateClient): Promise<void> => {
  const { response } = await client.api.POST('/devices/assign', { body: { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' } });
  expect(response.status).toBe(200);
};

/** Heart rates, a second apart. */
export const samples = (count: number, from = 0): ReturnType<typeof heartRate>[] => Array.from({ length: count }, (_, second) => heartRate(randomUUID(), from + second));

/** How many samples the server has of who is signed in. */
export const keptBy = async ({ client }: Phone): Promise<number> => {
  let kept = 0;
  for (let skip = 0; ; skip += 200) {
    const { data = [] } = await client.api.GET('/health-data', { params: { query: { _l: 200, _sk: skip } } });
    kept += data.length;
    if (data.length < 200) return kept;
  }
};

export const anchorsOf = ({ events }: Phone): string[] => events.flatMap((event) => (event.kind === 'anchor' ? [event.anchor.value] : []));

export const isUpload = (url: string | undefined): boolean => url?.startsWith('/health-data') === true;

export const textOf = ({ headers }: IncomingMessage, body: Buffer): string => (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');

/** Starts the program and a network in front of it. */
export const startPhones = async (): Promise<Phones> => {
  const vitalgate = await startTestVitalgate();
  const proxy = await startFaultProxy(vitalgate.urls.bff);
  return {
    vitalgate, proxy,
    phone: async ({ store = memoryStore(), enrolled = true, user, onSignInNeeded, fetch } = {}) => {
      const person = user ?? (await vitalgate.addUser());
      const events: OutboxEvent[] = [];
      const client = createClient({ baseUrl: proxy.url, store, onEvent: (event) => events.push(event), onSignInNeeded, fetch });
      await client.signIn(credentialsOf({ user: person }));
      if (enrolled && !user) await enrol(client);
      const outbox = client.openOutbox({ owner: await client.whoIsSignedIn() });
      const statuses = () => Object.fromEntries([...Map.groupBy(events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : [])), ({ status }) => status)].map(([status, all]) => [status, all.length]));
      return { client, outbox, user: person, store, events, statuses };
    },
    faultsInTurn: (...faults) => {
      proxy.fault = ({ url, method }) => (method === 'POST' && isUpload(url) ? faults.shift() : undefined);
    },
    mend: () => {
      proxy.fault = () => undefined;
      proxy.narrow = undefined;
    },
    stop: async () => {
      await proxy.stop();
      await vitalgate.stop();
    },
  };
};
