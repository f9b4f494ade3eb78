import { expect } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { hashOfToken } from '../../src/user-manager/session-token.ts';
import { bloodPressure, cuff } from '../device-manager/client.ts';
import type { TestUser, TestVitalgate } from '../setup/vitalgate.ts';
import { heartRates } from './app.ts';

/** A program under faults, as far as use cases need it. */
export interface World extends Pick<TestVitalgate, 'urls' | 'serviceToken' | 'addUser' | 'signIn' | 'createWebhookKey' | 'dataDir'> {
  readonly database: Pick<TestVitalgate['database'], 'pool'>;
  /** Texts of the mails to an address, oldest first, where jobs run. */
  readonly mailsTo?: (address: string) => Promise<readonly string[]>;
}

/** What one use case does, how it is repeated, and what must be true once it succeeded. */
export interface UseCase {
  /** Sends the request; the same one however often it is called. */
  readonly send: () => Promise<Response>;
  /** Statuses of a repetition that say that it was done before. */
  readonly doneBefore?: number;
  /** Throws while it is not so; where jobs run, it becomes so. */
  readonly check: () => Promise<void>;
}

const json = { 'content-type': 'application/json' };
export const post = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> => fetch(url, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) });
export const rows = async ({ database }: World, text: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]> => (await database.pool.query<Record<string, unknown>>(text, [...values])).rows;
const signInStatus = async ({ urls }: World, { username }: TestUser, password: string) => (await post(`${urls.bff}/oauth/token`, { username, password })).status;

/** A person with a watch, signed in. The BFF has not seen the session yet: with the first request it asks who it is. */
export const phone = async (world: World): Promise<{ user: TestUser; cookie: string }> => {
  const user = await world.addUser();
  const cookie = await world.signIn(user);
  const headers = { authorization: `Bearer ${world.serviceToken}`, miauserid: user.id };
  const assigned = await post(`${world.urls.deviceManager}/devices/assign`, { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' }, headers);
  expect(assigned.status).toBe(200);
  return { user, cookie };
};

/** The newest mail holds the only link there is. */
const expectLink = async (world: World, { id, username }: TestUser): Promise<void> => {
  const mails = (await world.mailsTo?.(`${username}@example.org`)) ?? [];
  const token = /#token=([\w-]+)/.exec(mails.at(-1) ?? '')?.[1] ?? '';
  const links = await rows(world, 'select token_hash, sent_at is not null as sent from user_manager.password_reset where user_id = $1 and expires_at > now()', [id]);
  expect(links).toEqual([{ token_hash: hashOfToken(token), sent: true }]);
};

/** What people and devices ask for. */
export const useCases = (world: World): Readonly<Record<string, () => Promise<UseCase>>> => ({
  'a sign-in': async () => {
    const user = await world.addUser();
    return {
      send: () => post(`${world.urls.bff}/oauth/token`, { username: user.username, password: user.password }),
      check: async () => expect(await signInStatus(world, user, user.password)).toBe(200),
    };
  },
  'the enrolment of a device': async () => {
    const user = await world.addUser();
    const cookie = await world.signIn(user);
    return {
      send: () => post(`${world.urls.bff}/devices/assign`, { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' }, { cookie }),
      check: async () => expect(await rows(world, 'select count(*)::int as n from device_manager.assignment where patient_id = $1', [user.id])).toEqual([{ n: 1 }]),
    };
  },
  'an upload': async () => {
    const { user, cookie } = await phone(world);
    const items = heartRates(0, 5);
    return {
      send: () => post(`${world.urls.bff}/health-data?type=HeartRate&unit=bpm`, items, { cookie }),
      check: async () => {
        expect(await rows(world, 'select count(*)::int as n, count(distinct payload_id)::int as payloads from device_manager.sample where patient_id = $1', [user.id])).toEqual([{ n: 5, payloads: 1 }]);
        expect(await rows(world, 'select count(*)::int as n from device_manager.payload where patient_id = $1', [user.id])).toEqual([{ n: 1 }]);
        if (world.mailsTo) expect(await rows(world, `select count(*) filter (where state = 'normalized')::int as n from device_manager.whole_sample where patient_id = $1`, [user.id])).toEqual([{ n: 5 }]);
        else expect(await rows(world, `select count(*)::int as n from graphile_worker._private_jobs where payload->>'patientId' = $1`, [user.id])).toEqual([{ n: 1 }]);
      },
    };
  },
  'a deletion of samples': async () => {
    const { user, cookie } = await phone(world);
    const items = heartRates(0, 3);
    expect((await post(`${world.urls.bff}/health-data?type=HeartRate&unit=bpm`, items, { cookie })).status).toBe(200);
    return {
      send: () => post(`${world.urls.bff}/health-data/deletions`, { deletions: [{ uuid: items[0]?.id }] }, { cookie }),
      check: async () => {
        expect(await rows(world, `select count(*) filter (where state = 'deleted')::int as deleted, count(*)::int as n from device_manager.whole_sample where patient_id = $1`, [user.id])).toEqual([{ deleted: 1, n: 3 }]);
        expect(await rows(world, 'select count(*)::int as n from device_manager.tombstone where patient_id = $1', [user.id])).toEqual([{ n: 1 }]);
      },
    };
  },
  'a delivery to the webhook': async () => {
    const { user, cookie } = await phone(world);
    const deviceId = `Maker:Model:${randomUUID()}`;
    expect((await post(`${world.urls.bff}/devices/assign`, { ...cuff(deviceId), assignedFrom: '2024-01-01T00:00:00Z' }, { cookie })).status).toBe(200);
    const { key } = await world.createWebhookKey();
    const delivery = bloodPressure({ id: deviceId }, '2024-03-02T09:10:11Z');
    return {
      send: () => post(`${world.urls.deviceManager}/health-data/medisante`, delivery, { 'x-api-key': key }),
      check: async () => expect(await rows(world, 'select count(*)::int as n from device_manager.sample where patient_id = $1', [user.id])).toEqual([{ n: 1 }]),
    };
  },
  'setting a new password': async () => {
    const user = await world.addUser();
    const cookie = await world.signIn(user);
    const [token, password] = [randomBytes(32).toString('base64url'), randomBytes(18).toString('base64url')];
    // As the job that mails the link leaves it.
    await world.database.pool.query(`insert into user_manager.password_reset (token_hash, user_id, expires_at, sent_at) values ($1, $2, now() + interval '1 hour', now())`, [hashOfToken(token), user.id]);
    return {
      send: () => post(`${world.urls.bff}/reset-password/confirm`, { token, password }),
      doneBefore: 400,
      check: async () => {
        expect([await signInStatus(world, user, user.password), await signInStatus(world, user, password)]).toEqual([401, 200]);
        expect(await rows(world, 'select count(*)::int as n from user_manager.password_reset where user_id = $1', [user.id])).toEqual([{ n: 0 }]);
        expect((await rows(world, 'select user_id from user_manager.session where user_id = $1 and token_hash = $2', [user.id, hashOfToken(cookie.split('=')[1] ?? '')])).length).toBe(0);
        if (world.mailsTo) expect((await world.mailsTo(`${user.username}@example.org`)).length).toBeGreaterThan(0);
      },
    };
  },
  'a wish for a new password': async () => {
    const user = await world.addUser();
    return {
      send: () => post(`${world.urls.bff}/reset-password`, { email: `${user.username}@example.org` }),
      check: async () => {
        if (!world.mailsTo) expect((await rows(world, `select count(*)::int as n from graphile_worker._private_jobs where payload->>'userId' = $1`, [user.id]))[0]?.['n']).toBeGreaterThan(0);
        else await expectLink(world, user);
      },
    };
  },
});
