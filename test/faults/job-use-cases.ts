import { expect } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rotateDataKeys } from '../../src/device-manager/resealing.ts';
import type { TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { heartRates } from './app.ts';
import { settled } from './sweep.ts';
import { phone, post, rows, type UseCase, type World } from './use-cases.ts';

const uploaded = async (world: World, samples: number) => {
  const { user, cookie } = await phone(world);
  const items = heartRates(0, samples);
  const send = () => post(`${world.urls.bff}/health-data?type=HeartRate&unit=bpm`, items, { cookie });
  const isNormalized = async () => expect(await rows(world, `select count(*)::int as n from device_manager.whole_sample where patient_id = $1 and state in ('normalized', 'submitted')`, [user.id])).toEqual([{ n: samples }]);
  return { user, cookie, send, isNormalized };
};

const asService = ({ serviceToken }: World, patientId: string) => ({ authorization: `Bearer ${serviceToken}`, miauserid: patientId });

const journalOf = ({ dataDir }: World): string[] => {
  const path = join(dataDir, 'erasure-journal.ndjson');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

/** What takes its time after the answer. */
export const jobUseCases = (world: World, tmm: TherapyMonitoringPlayer): Readonly<Record<string, () => Promise<UseCase>>> => ({
  'a submission of detections': async () => {
    const { user, send } = await uploaded(world, 3);
    tmm.addPlan({ _id: `plan-${user.id}`, planName: 'Pulse', prototypeId: 'heart-rate', patientId: user.id, doctorId: 'd', startDate: '2023-01-01T00:00:00.000Z' });
    return {
      send,
      check: async () => {
        expect(tmm.written.filter(({ planId }) => planId === `plan-${user.id}`)).toHaveLength(3);
        expect(await rows(world, `select count(*)::int as n from device_manager.submission where patient_id = $1 and state = 'delivered' and plan_id is not null`, [user.id])).toEqual([{ n: 3 }]);
      },
    };
  },
  'an archive of all of a patient': async () => {
    const { user, send, isNormalized } = await uploaded(world, 3);
    expect((await send()).status).toBe(200);
    await settled(world, isNormalized);
    const exports = `${world.urls.deviceManager}/patients/${user.id}/exports`;
    const headers = asService(world, user.id);
    return {
      send: () => fetch(exports, { method: 'POST', headers }),
      check: async () => {
        const [latest] = (await (await fetch(exports, { headers })).json()) as { _id: string; state: string; sha256?: string }[];
        expect(latest?.state).toBe('ready');
        const archive = await (await fetch(`${exports}/${latest?._id ?? ''}/content`, { headers })).arrayBuffer();
        expect(createHash('sha256').update(Buffer.from(archive)).digest('hex')).toBe(latest?.sha256);
      },
    };
  },
  'an erasure of all of a patient': async () => {
    const { user, send, isNormalized } = await uploaded(world, 3);
    expect((await send()).status).toBe(200);
    await settled(world, isNormalized);
    const [erasure, headers] = [`${world.urls.deviceManager}/patients/${user.id}/erasure`, asService(world, user.id)];
    return {
      send: () => post(erasure, { confirm: user.id }, headers),
      check: async () => {
        const { state, certificate } = (await (await fetch(erasure, { headers })).json()) as { state: string; certificate?: { counts: Record<string, number> } };
        // What was erased of the account is not counted when that answer was lost: then there is nobody any more.
        expect([state, certificate?.counts['samples']]).toEqual(['done', 3]);
        for (const table of ['device_manager.sample', 'device_manager.payload']) expect(await rows(world, `select count(*)::int as n from ${table} where patient_id = $1`, [user.id])).toEqual([{ n: 0 }]);
        expect(await rows(world, 'select count(*)::int as n from user_manager.user_account where _id = $1', [user.id])).toEqual([{ n: 0 }]);
        expect(journalOf(world).length).toBe(new Set(journalOf(world)).size);
      },
    };
  },
  'new data keys': async () => {
    const { user, cookie, send, isNormalized } = await uploaded(world, 3);
    expect((await send()).status).toBe(200);
    await settled(world, isNormalized);
    const wish = await rotateDataKeys(world.database.pool, user.id, { actor: 'vitalgate', requestId: randomUUID() });
    return {
      // The keys were wished for already: values are read while they change.
      send: () => fetch(`${world.urls.bff}/health-data?_p=rawData`, { headers: { cookie } }),
      check: async () => {
        expect(await rows(world, 'select finished_at is not null as done from device_manager_keys.data_key_rotation where _id = $1::uuid', [wish])).toEqual([{ done: true }]);
        const read = (await (await fetch(`${world.urls.bff}/health-data?_p=rawData`, { headers: { cookie } })).json()) as { rawData: unknown }[];
        expect(read.filter(({ rawData }) => rawData !== null && rawData !== undefined)).toHaveLength(3);
      },
    };
  },
});
