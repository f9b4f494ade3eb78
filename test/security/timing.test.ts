import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createPasswords, type Passwords } from '../../src/user-manager/password.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { password, startUserManager, type RunningUserManager } from '../user-manager/running-user-manager.ts';
import { areToldApart, chanceOf, median, type Times } from './told-apart.ts';

/** Tries in each situation and run; 400 show differences of a twentieth on a quiet machine. */
const TRIES = Number(process.env['TIMING_TRIES'] ?? 40);
const RUNS = 5;
/** A gap that is less than this share of one hash is lost in what a network does. */
const LEAST_SHARE = 0.05;

/** Times two acts in turn, in random order, so that what else the machine does meets both. */
const timesOf = async (one: () => Promise<void>, other: () => Promise<void>): Promise<Times> => {
  const times = { one: [] as number[], other: [] as number[] };
  const acts = [['one', one], ['other', other]] as const;
  for (let index = 0; index < TRIES; index += 1) {
    for (const [name, act] of Math.random() < 0.5 ? acts : acts.toReversed()) {
      const started = performance.now();
      await act();
      times[name].push(performance.now() - started);
    }
  }
  return times;
};

const runs = async (one: () => Promise<void>, other: () => Promise<void>, leastGapMs: number): Promise<boolean[]> => {
  const found: boolean[] = [];
  for (let run = 0; run < RUNS; run += 1) found.push(await areToldApart(() => timesOf(one, other), leastGapMs));
  return found;
};
const [never, always] = [false, true].map((one) => Array<boolean>(RUNS).fill(one));

let passwords: Passwords;
let leastGapMs: number;
beforeAll(async () => {
  passwords = await createPasswords();
  const hashes: number[] = [];
  for (let index = 0; index < 20; index += 1) {
    const started = performance.now();
    await passwords.hash(password);
    hashes.push(performance.now() - started);
  }
  leastGapMs = median(hashes) * LEAST_SHARE;
});

describe('B8 signing in over HTTP, five runs of five', () => {
  const people = { known: ['anna', 'not the password'], unknown: ['nobody-at-all', 'not the password'], blocked: ['barbara', password] } as const;
  const actsAt = (userManager: RunningUserManager) => (who: keyof typeof people) => async (): Promise<void> => {
    const [username, shown] = people[who];
    const answer = await userManager.send('POST', '/oauth/token', { username, password: shown }, {});
    await answer.arrayBuffer();
    if (answer.status === 429) throw new Error('A try that has to wait says nothing about hashes.');
    expect(answer.status).toBe(401);
  };
  const start = async (chosen: Passwords): Promise<RunningUserManager> => {
    const userManager = await startUserManager({ passwords: chosen });
    await userManager.create('anna');
    const barred = await userManager.create('barbara');
    const { pool } = userManager.database;
    await pool.query('update user_manager.user_account set blocked = true where _id = $1', [barred]);
    // Nobody has to wait here.
    await pool.query(`create function forget_at_once() returns trigger language plpgsql as 'begin new.failures := 0; new.blocked_until := null; return new; end'`);
    await pool.query('create trigger nobody_waits before insert or update on user_manager.sign_in_failures for each row execute function forget_at_once()');
    return userManager;
  };

  test.each(['unknown', 'blocked'] as const)('%s takes the time of a wrong password', async (who) => {
    const userManager = await start(passwords);
    const act = actsAt(userManager);
    expect(await runs(act('known'), act(who), leastGapMs).finally(userManager.stop)).toEqual(never);
  }, 300_000);

  test('control: a User Manager without the hash that nobody has is told apart each time', async () => {
    const userManager = await start({ ...passwords, check: (shown, stored) => (stored === undefined ? Promise.resolve({ fits: false }) : passwords.check(shown, stored)) });
    const act = actsAt(userManager);
    expect(await runs(act('known'), act('unknown'), leastGapMs).finally(userManager.stop)).toEqual(always);
  }, 300_000);
});

describe('B10 asking for a reset over HTTP, five runs of five', () => {
  let vitalgate: TestVitalgate;
  let address: string;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ PASSWORD_RESETS_PER_HOUR: 1_000_000, JOBS: [] });
    address = `${(await vitalgate.addUser()).username}@example.org`;
  }, 60_000);
  afterAll(() => vitalgate.stop(), 60_000);

  const asks = (email: string) => async (): Promise<void> => {
    const { status } = await fetch(`${vitalgate.urls.bff}/reset-password`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email }) });
    expect(status).toBe(204);
  };

  test('a known address takes the time of an unknown one', async () => {
    expect(await runs(asks(address), asks('nobody@example.org'), leastGapMs)).toEqual(never);
  }, 300_000);

  test('control: if known addresses took a hundredth of a second more, as a mail server would, they were told apart each time', async () => {
    const { pool } = vitalgate.database;
    await pool.query(`create function mail_at_once() returns trigger language plpgsql as 'begin if new.payload->>''userId'' !~ ''^0+$'' then perform pg_sleep(0.01); end if; return new; end'`);
    await pool.query('create trigger mails_at_once before insert or update on graphile_worker._private_jobs for each row execute function mail_at_once()');
    expect(await runs(asks(address), asks('nobody@example.org'), leastGapMs)).toEqual(always);
  }, 300_000);
});

test('B8 the rule tells what is apart: times that are the same, by chance apart, and shifted', () => {
  const [same, shifted] = [Array.from({ length: 60 }, (_, index) => 10 + (index % 10)), Array.from({ length: 60 }, (_, index) => 13 + (index % 10))];
  expect(chanceOf({ one: same, other: same })).toBeCloseTo(1, 3);
  expect(chanceOf({ one: same, other: shifted })).toBeLessThan(0.001);
  // By the tables of the test: U = 8 of 25 is a chance of 0.35 in the normal approximation.
  expect(chanceOf({ one: [1, 2, 3, 8, 9], other: [4, 5, 6, 7, 10] })).toBeCloseTo(0.347, 2);
});
