import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { hashOfToken } from '../../src/user-manager/session-token.ts';
import { startDatabaseNetwork, type DatabaseNetwork } from '../players/database-network.ts';
import type { Cut } from '../players/network.ts';
import { bloodPressure, cuff } from '../device-manager/client.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { heartRates } from './app.ts';

/** What one use case does, how it is repeated, and what must be true once it succeeded. */
interface UseCase {
  /** Sends the request; the same one however often it is called. */
  readonly send: () => Promise<Response>;
  /** Statuses of a repetition that say that it was done before. */
  readonly doneBefore?: number;
  readonly check: () => Promise<void>;
}

let vitalgate: TestVitalgate;
let network: DatabaseNetwork;
beforeAll(async () => {
  // Without jobs, every statement is one of the request's.
  vitalgate = await startTestVitalgate({ JOBS: [], PASSWORD_RESETS_PER_HOUR: 100_000, UPLOADS_PER_MINUTE: 100_000 }, async (url) => {
    network = await startDatabaseNetwork(url);
    return network.url;
  });
});
afterAll(async () => {
  await vitalgate.stop();
  await network.stop();
});

const json = { 'content-type': 'application/json' };
const post = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => fetch(url, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) });
const rows = async (text: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]> => (await vitalgate.database.pool.query<Record<string, unknown>>(text, [...values])).rows;
const signInStatus = async ({ username }: TestUser, password: string) => (await post(`${vitalgate.urls.bff}/oauth/token`, { username, password })).status;

const phone = async (): Promise<{ user: TestUser; cookie: string }> => {
  const user = await vitalgate.addUser();
  const cookie = await vitalgate.signIn(user);
  const assigned = await post(`${vitalgate.urls.bff}/devices/assign`, { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' }, { cookie });
  expect(assigned.status).toBe(200);
  return { user, cookie };
};

const useCases: Readonly<Record<string, () => Promise<UseCase>>> = {
  'a sign-in': async () => {
    const user = await vitalgate.addUser();
    return {
      send: () => post(`${vitalgate.urls.bff}/oauth/token`, { username: user.username, password: user.password }),
      check: async () => expect(await signInStatus(user, user.password)).toBe(200),
    };
  },
  'the enrolment of a device': async () => {
    const user = await vitalgate.addUser();
    const cookie = await vitalgate.signIn(user);
    return {
      send: () => post(`${vitalgate.urls.bff}/devices/assign`, { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' }, { cookie }),
      check: async () => expect(await rows('select count(*)::int as n from device_manager.assignment where patient_id = $1', [user.id])).toEqual([{ n: 1 }]),
    };
  },
  'an upload': async () => {
    const { user, cookie } = await phone();
    const items = heartRates(0, 5);
    return {
      send: () => post(`${vitalgate.urls.bff}/health-data?type=HeartRate&unit=bpm`, items, { cookie }),
      check: async () => {
        expect(await rows('select count(*)::int as n, count(distinct payload_id)::int as payloads from device_manager.sample where patient_id = $1', [user.id])).toEqual([{ n: 5, payloads: 1 }]);
        expect(await rows('select count(*)::int as n from device_manager.payload where patient_id = $1', [user.id])).toEqual([{ n: 1 }]);
        expect(await rows(`select count(*)::int as n from graphile_worker._private_jobs where payload->>'patientId' = $1`, [user.id])).toEqual([{ n: 1 }]);
      },
    };
  },
  'a deletion of samples': async () => {
    const { user, cookie } = await phone();
    const items = heartRates(0, 3);
    expect((await post(`${vitalgate.urls.bff}/health-data?type=HeartRate&unit=bpm`, items, { cookie })).status).toBe(200);
    return {
      send: () => post(`${vitalgate.urls.bff}/health-data/deletions`, { deletions: [{ uuid: items[0]?.id }] }, { cookie }),
      check: async () => {
        expect(await rows(`select count(*) filter (where state = 'deleted')::int as deleted, count(*)::int as n from device_manager.whole_sample where patient_id = $1`, [user.id])).toEqual([{ deleted: 1, n: 3 }]);
        expect(await rows('select count(*)::int as n from device_manager.tombstone where patient_id = $1', [user.id])).toEqual([{ n: 1 }]);
      },
    };
  },
  'a delivery to the webhook': async () => {
    const { user, cookie } = await phone();
    const deviceId = `Maker:Model:${randomUUID()}`;
    expect((await post(`${vitalgate.urls.bff}/devices/assign`, { ...cuff(deviceId), assignedFrom: '2024-01-01T00:00:00Z' }, { cookie })).status).toBe(200);
    const { key } = await vitalgate.createWebhookKey();
    const delivery = bloodPressure({ id: deviceId }, '2024-03-02T09:10:11Z');
    return {
      send: () => post(`${vitalgate.urls.deviceManager}/health-data/medisante`, delivery, { 'x-api-key': key }),
      check: async () => expect(await rows('select count(*)::int as n from device_manager.sample where patient_id = $1', [user.id])).toEqual([{ n: 1 }]),
    };
  },
  'setting a new password': async () => {
    const user = await vitalgate.addUser();
    const cookie = await vitalgate.signIn(user);
    const [token, password] = [randomBytes(32).toString('base64url'), randomBytes(18).toString('base64url')];
    // As the job that mails the link leaves it.
    await vitalgate.database.pool.query(`insert into user_manager.password_reset (token_hash, user_id, expires_at, sent_at) values ($1, $2, now() + interval '1 hour', now())`, [hashOfToken(token), user.id]);
    return {
      send: () => post(`${vitalgate.urls.bff}/reset-password/confirm`, { token, password }),
      doneBefore: 400,
      check: async () => {
        expect([await signInStatus(user, user.password), await signInStatus(user, password)]).toEqual([401, 200]);
        expect(await rows('select count(*)::int as n from user_manager.password_reset where user_id = $1', [user.id])).toEqual([{ n: 0 }]);
        expect((await rows('select user_id from user_manager.session where user_id = $1 and token_hash = $2', [user.id, hashOfToken(cookie.split('=')[1] ?? '')])).length).toBe(0);
      },
    };
  },
  'a wish for a new password': async () => {
    const user = await vitalgate.addUser();
    return {
      send: () => post(`${vitalgate.urls.bff}/reset-password`, { email: `${user.username}@example.org` }),
      check: async () => expect((await rows(`select count(*)::int as n from graphile_worker._private_jobs where payload->>'userId' = $1`, [user.id]))[0]?.['n']).toBeGreaterThan(0),
    };
  },
};

describe.each(['before', 'after'] as const)('when the connection breaks %s the n-th statement is done, for every n', (cut: Cut) => {
  test.each(Object.keys(useCases))('%s is answered 503 or done, and done once when it is repeated', async (name) => {
    const prepare = useCases[name];
    if (prepare === undefined) throw new Error(name);
    let n = 0;
    for (let wasCut = true; wasCut; ) {
      n += 1;
      const useCase = await prepare();
      network.cutAt(n, cut);
      const first = await useCase.send();
      const told = `${name}, statement ${String(n)}`;
      if (first.status === 503) expect([told, Number(first.headers.get('retry-after')) > 0]).toEqual([told, true]);
      else expect([told, first.ok]).toEqual([told, true]);
      wasCut = network.hasCut();
      if (!wasCut) expect([told, first.ok]).toEqual([told, true]);
      network.mend();
      const again = await useCase.send();
      expect([told, again.ok || again.status === useCase.doneBefore]).toEqual([told, true]);
      await useCase.check();
    }
    process.stderr.write(`${name}: ${String(n - 1)} statements\n`);
    expect(n).toBeGreaterThan(2);
    expect(vitalgate.logged()).not.toContain('internal error');
  });
});
