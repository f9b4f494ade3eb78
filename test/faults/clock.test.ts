import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../device-manager/client.ts';
import { startFaultyProgram, type FaultyProgram } from './faulty-program.ts';
import { useCases, phone, post } from './use-cases.ts';
import { settled } from './sweep.ts';

const HOUR_MS = 3_600_000;
const UPLOADS_PER_MINUTE = 20;

describe.each([['an hour ahead', HOUR_MS], ['an hour back', -HOUR_MS]])('when the clock of the machine jumps %s while the program runs', (_jump, clockMs) => {
  let faulty: FaultyProgram;
  beforeAll(async () => {
    faulty = await startFaultyProgram({ UPLOADS_PER_MINUTE: String(UPLOADS_PER_MINUTE) });
  });
  afterEach(() => faulty.tell({ clockMs: 0 }));
  afterAll(async () => {
    expect(await faulty.stop()).toBe(0);
  });

  const jump = () => faulty.tell({ clockMs });
  const statusOf = async (path: string, headers: Readonly<Record<string, string>>, at: 'bff' | 'deviceManager' = 'bff') => (await fetch(`${faulty.world.urls[at]}${path}`, { headers })).status;
  const operator = async (): Promise<Record<string, string>> => {
    const { username, password } = await faulty.world.addUser({ userGroup: 'operator' });
    const { accessToken } = (await (await post(`${faulty.world.urls.userManager}/oauth/token`, { username, password })).json()) as { accessToken: string };
    return { authorization: `Bearer ${accessToken}` };
  };

  test('a session goes on', async () => {
    const { cookie } = await phone(faulty.world);
    await jump();
    expect(await statusOf('/profile', { cookie })).toBe(200);
  });

  test('a session and an operator who ended elsewhere are refused within seconds, as ever', async () => {
    const [{ cookie }, credential] = [await phone(faulty.world), await operator()];
    const seen = () => Promise.all([statusOf('/profile', { cookie }), statusOf('/background-jobs', credential, 'deviceManager')]);
    expect(await seen()).toEqual([200, 200]);
    await jump();
    for (const headers of [{ cookie }, credential]) await fetch(`${faulty.world.urls.userManager}/logout`, { method: 'POST', headers });
    const started = performance.now();
    expect(await eventually(seen, (statuses) => statuses.every((status) => status === 401))).toEqual([401, 401]);
    expect(performance.now() - started).toBeLessThan(10_000);
    await faulty.tell({ clockMs: 0 });
    expect(await seen()).toEqual([401, 401]);
  });

  test('who tried too many passwords waits neither longer nor shorter', async () => {
    const { username } = await faulty.world.addUser();
    const attempt = () => post(`${faulty.world.urls.bff}/oauth/token`, { username, password: 'not-the-password' });
    const locked = await eventually(attempt, ({ status }) => status === 429);
    await jump();
    const again = await attempt();
    expect([locked.status, again.status]).toEqual([429, 429]);
    expect(Number(again.headers.get('retry-after'))).toBeLessThanOrEqual(Number(locked.headers.get('retry-after')) + 1);
  });

  test('who uploaded too often is told to wait for a minute at most', async () => {
    const { cookie } = await phone(faulty.world);
    const upload = () => post(`${faulty.world.urls.bff}/health-data?type=HeartRate&unit=bpm`, [], { cookie });
    for (let count = 0; count < UPLOADS_PER_MINUTE; count += 1) await upload();
    expect((await upload()).status).toBe(429);
    await jump();
    const answer = await upload();
    if (clockMs < 0) expect([answer.status, Number(answer.headers.get('retry-after')) <= 60]).toEqual([429, true]);
    else expect(answer.status).not.toBe(429);
  });

  test.each(['an upload', 'a delivery to the webhook', 'a wish for a new password', 'setting a new password'])('%s is done, jobs included', async (name) => {
    await jump();
    const useCase = await useCases(faulty.world)[name]?.();
    if (useCase === undefined) throw new Error(name);
    expect((await useCase.send()).ok).toBe(true);
    await settled(faulty.world, useCase.check);
  });
});
