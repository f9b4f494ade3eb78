import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { answered } from '../device-manager/client.ts';
import type { Cut } from '../players/network.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startFaultyProgram, type FaultyProgram } from './faulty-program.ts';
import { jobUseCases } from './job-use-cases.ts';
import { sweep, sweptJobs, type FailingCalls } from './sweep.ts';
import { useCases, type World } from './use-cases.ts';

/** A use case is done once for each call that is made to fail; in full size that is each of its calls, of an erasure hundreds. */
const SWEEP_MS = Number(process.env['NTH_CALLS'] ?? 3) > 10 ? 1_200_000 : 120_000;

let [tmm, faulty]: [TherapyMonitoringPlayer, FaultyProgram] = [] as never;

const callsOf = (kind: 'files' | 'cryptography'): FailingCalls => ({
  calls: async () => Number(await faulty.tell({})),
  cutAt: (at, cut) => faulty.tell({ kind, at, isAfter: cut === 'after', seen: 0 }),
  mend: () => faulty.tell({ at: 0 }),
});

beforeAll(async () => {
  tmm = await startTherapyMonitoring();
  faulty = await startFaultyProgram({ JOBS: sweptJobs.join(','), TMM_SERVICE_URL: tmm.url, TMM_RETRY_SECONDS: '1' });
  tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${faulty.world.urls.deviceManager}/prototypes`)));
});
afterAll(async () => {
  expect(await faulty.stop()).toBe(0);
  await tmm.kill();
});

const swept = async (name: string, kind: 'files' | 'cryptography', cut: Cut): Promise<number> => {
  const prepare = { ...useCases(faulty.world), ...jobUseCases(faulty.world, tmm) }[name];
  if (prepare === undefined) throw new Error(name);
  return sweep({ world: faulty.world, name, prepare, calls: callsOf(kind), cut, mayBreak: true });
};

describe('when the n-th call of cryptography throws', () => {
  test.each([...Object.keys(useCases({} as World)), ...Object.keys(jobUseCases({} as World, {} as TherapyMonitoringPlayer))])('%s is answered by a problem or done, and done once when it is repeated', async (name) => {
    expect(await swept(name, 'cryptography', 'before')).toBeGreaterThan(0);
  }, SWEEP_MS);
});

describe.each(['before', 'after'] as const)('when the n-th call to files fails %s it is done', (cut) => {
  test.each(['a wish for a new password', 'setting a new password', 'an erasure of all of a patient'])('%s is done once in the end', async (name) => {
    expect(await swept(name, 'files', cut)).toBeGreaterThan(0);
    // No part of a mail stays behind: it holds a link, or an address. What was asked for again may be under way.
    const parts = () => readdirSync(faulty.mailFolder).filter((file) => !file.endsWith('.eml'));
    for (let waitedMs = 0; waitedMs < 10_000 && parts().length > 0; waitedMs += 50) await sleep(50);
    expect(parts()).toEqual([]);
  }, SWEEP_MS);
});
