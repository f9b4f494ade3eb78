import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { request } from 'node:http';
import pino from 'pino';
import { readConfig } from '../../src/config.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { afterFailure, failureLimits } from '../../src/user-manager/domain/failure-limits.ts';
import { createSignInAttempts } from '../../src/user-manager/sign-in-attempts.ts';
import { forgetFailuresOf } from '../../src/user-manager/storage/sign-in-failure-table.ts';
import { startVitalgate } from '../../src/vitalgate.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Posts JSON from an address of this machine. */
const postFrom = (localAddress: string, url: string, body: object, headers: Record<string, string> = {}) =>
  new Promise<Answer>((resolve, reject) => {
    const text = JSON.stringify(body);
    const out = request(url, { method: 'POST', localAddress, agent: false, headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)), ...headers } }, (answer) => {
      answer.toArray().then((chunks) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks as Buffer[]).toString() }), reject);
    });
    out.on('error', reject).end(text);
  });

const [here, elsewhere] = ['127.0.0.2', '127.0.0.3'];

describe('signing in', () => {
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
  }, 60_000);
  afterAll(() => vitalgate.stop());

  const signIn = (username: string, password: string, from = here, headers: Record<string, string> = {}, url = vitalgate.urls.bff) => postFrom(from, `${url}/oauth/token`, { username, password }, headers);
  const query = (text: string, values: unknown[] = []) => vitalgate.database.pool.query(text, values);
  const forgetFailures = () => query('delete from user_manager.sign_in_failures');
  /** Lets time pass for what waits. */
  const waitOver = () => query(`update user_manager.sign_in_failures set blocked_until = blocked_until - interval '1 hour'`);
  const tries = async (count: number, username: string, from = here, headers: (index: number) => Record<string, string> = () => ({})) => {
    const answers: Answer[] = [];
    for (let index = 0; index < count; index += 1) answers.push(await signIn(username, 'not the password', from, headers(index)));
    return answers;
  };
  const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status);
  const free = failureLimits.accountFromSource.free;

  test('B4 after a few failures the next try has to wait, longer each time, and a right password after the wait resets', async () => {
    const { username, password } = await vitalgate.addUser();
    const first = await tries(free + 2, username);
    expect(statuses(first)).toEqual([...Array<number>(free).fill(401), 429, 429]);
    const waits: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      expect((await signIn(username, password)).status).toBe(429); // also with the right one: it is not looked at
      await waitOver();
      expect((await signIn(username, 'not the password')).status).toBe(401);
      waits.push(Number((await signIn(username, password)).headers['retry-after']));
    }
    expect(waits.every((seconds) => Number.isInteger(seconds) && seconds >= 1)).toBe(true);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThanOrEqual(12);
    await waitOver();
    expect((await signIn(username, password)).status).toBe(200);
    expect(statuses(await tries(free, username))).toEqual(Array<number>(free).fill(401));
  });

  test('B4 the count survives a restart and is shared by processes', async () => {
    const { username, password } = await vitalgate.addUser();
    expect(statuses(await tries(free + 1, username)).at(-1)).toBe(429);
    await query(`update user_manager.sign_in_failures set blocked_until = now() + interval '10 minutes' where account <> ''::bytea and source <> ''::bytea`);
    const config = readConfig({ SERVICES: 'user-manager', DEVICE_MANAGER_URL: vitalgate.urls.deviceManager, HTTP_PORT: '0', SERVICE_TOKEN: vitalgate.serviceToken, JOBS: 'none', DATABASE_URL: vitalgate.database.url });
    const other = await startVitalgate(config, { log: pino({ level: 'silent' }), configurationDigest: '0'.repeat(64), onFatal: () => undefined });
    const url = other.urls.userManager ?? '';
    expect((await signIn(username, password, here, {}, url)).status).toBe(429);
    expect((await signIn(username, password, elsewhere, {}, url)).status).toBe(200);
    await other.stop();
  }, 60_000);

  test('B4 many tries at once are counted as those one after the other', async () => {
    const { username } = await vitalgate.addUser();
    const answers = await Promise.all(Array.from({ length: 30 }, () => signIn(username, 'not the password')));
    expect(answers.filter(({ status }) => status !== 429)).toHaveLength(free);
  });

  test('B4 tries are counted while the failures at their account are forgotten, as at a reset', async () => {
    const { pool } = vitalgate.database;
    const attempts = createSignInAttempts(pool);
    const attempt = { username: 'somebody-who-forgot', source: here };
    await forgetFailures();
    const progress = { isOver: false };
    let failed = 0;
    const forgetting = (async () => {
      while (!progress.isOver) await inTransaction(pool, (client) => forgetFailuresOf(client, attempt.username));
    })();
    const trying = Array.from({ length: 3 }, async () => {
      for (let index = 0; index < 150; index += 1) {
        const admitted = await attempts.admit(attempt);
        if (!('failed' in admitted)) continue;
        await admitted.failed();
        failed += 1;
      }
    });
    await Promise.all(trying).finally(() => (progress.isOver = true));
    await forgetting;
    const { rows } = await query(`select failures from user_manager.sign_in_failures where account = '' and source = sha256('${here}')`);
    expect(rows).toEqual([{ failures: failed }]);
    await forgetFailures();
  });

  describe('B4 what is refused leaves nothing behind', () => {
    const rows = async () => (await query('select account, source, failures, noted_at from user_manager.sign_in_failures order by account, source')).rows as { readonly failures: number }[];

    test.each<[string, string, readonly [username: string, from: string][]]>([
      ['a source that has to wait, whatever name it tries', `(''::bytea, sha256('${here}'))`, [['never-seen-1', here], ['never-seen-2', here]]],
      ['an account that has to wait, wherever it is tried', `(sha256('never-seen'), ''::bytea)`, [['never-seen', here], ['NEVER-seen', elsewhere]]],
      ['an account that has to wait there', `(sha256('never-seen'), sha256('${here}'))`, [['never-seen', here]]],
    ])('%s', async (_situation, key, attempts) => {
      await forgetFailures();
      await query(`insert into user_manager.sign_in_failures (account, source, failures, blocked_until) select account, source, 100, now() + interval '1 minute' from (values ${key}) as given(account, source)`);
      const before = await rows();
      expect(statuses(await Promise.all(attempts.map(([username, from]) => signIn(username, 'x', from))))).toEqual(attempts.map(() => 429));
      expect(await rows()).toEqual(before);
      await forgetFailures();
    });

    test('an attempt whose password was not looked at, unless something else counts there', async () => {
      await forgetFailures();
      const attempts = createSignInAttempts(vitalgate.database.pool);
      const withdraw = async (attempt: Parameters<typeof attempts.admit>[0]) => {
        const admitted = await attempts.admit(attempt);
        if ('withdrawn' in admitted) await admitted.withdrawn();
      };
      await withdraw({ username: 'busy', source: here });
      expect(await rows()).toEqual([]);
      const { username, password } = await vitalgate.addUser();
      expect((await signIn(username, password)).status).toBe(200);
      const known = (await query('select account, source from user_manager.sign_in_failures where signed_in_at is not null')).rows;
      await withdraw({ username, source: here });
      expect((await query('select account, source from user_manager.sign_in_failures where signed_in_at is not null')).rows).toEqual(known);
    });

    test('those of many at once that have to wait because of the others', async () => {
      await forgetFailures();
      await query(`insert into user_manager.sign_in_failures (account, source, failures) values (sha256('raced'), '', $1)`, [failureLimits.account.free + 7]);
      const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => signIn('raced', 'x', `127.0.2.${String(index + 1)}`)));
      expect(statuses(answers).toSorted()).toEqual([401, ...Array<number>(11).fill(429)]);
      expect((await rows()).map(({ failures }) => failures).toSorted((one, other) => one - other)).toEqual([1, 1, failureLimits.account.free + 8]);
    });
  });

  test('B4 a source that tries many accounts has to wait, and others do not', async () => {
    await forgetFailures();
    const { username, password } = await vitalgate.addUser();
    await query(`insert into user_manager.sign_in_failures (account, source, failures) values ('', sha256('${here}'), $1)`, [failureLimits.source.free - 1]);
    expect(statuses(await tries(1, 'somebody-new'))).toEqual([401]);
    expect([(await signIn(username, password)).status, (await signIn(username, password, elsewhere)).status]).toEqual([429, 200]);
    await forgetFailures();
    expect((await signIn(username, password)).status).toBe(200);
  });

  test('B4 guessing without a pause gets less than a hundred tries in a day, from one source and from many', () => {
    for (const limit of [failureLimits.accountFromSource, failureLimits.account]) {
      let [seconds, made, state] = [0, 0, { failures: 0, waitSeconds: 0 }];
      while (seconds < 86_400) {
        state = afterFailure({ failures: state.failures, idleSeconds: state.waitSeconds }, limit);
        seconds += state.waitSeconds;
        made += 1;
      }
      expect(made).toBeGreaterThan(limit.free);
      expect(made).toBeLessThan(100);
      expect(state.waitSeconds).toBe(limit.longestWaitSeconds); // never for good
      expect(afterFailure({ failures: state.failures, idleSeconds: 86_400 }, limit).waitSeconds).toBe(0);
    }
  });

  test('B5 nobody is locked out by others: the right password works from elsewhere, and from where it always works whatever others do', async () => {
    const { username, password } = await vitalgate.addUser();
    expect(statuses(await tries(free + 1, username)).at(-1)).toBe(429);
    expect((await signIn(username, password, elsewhere)).status).toBe(200);
    for (let source = 10; source < 26; source += 1) await tries(1, username, `127.0.0.${String(source)}`);
    expect([(await signIn(username, password, '127.0.0.99')).status, (await signIn(username, password, elsewhere)).status]).toEqual([429, 200]);
  });

  test('B6 what a client writes into X-Forwarded-For makes it nobody else', async () => {
    const { username } = await vitalgate.addUser();
    const forwarded = (index: number) => ({ 'x-forwarded-for': `198.51.100.${String(index)}`, 'x-service-token': 'x'.repeat(43), forwarded: `for=198.51.100.${String(index)}` });
    for (const url of [vitalgate.urls.bff, vitalgate.urls.userManager]) {
      await forgetFailures();
      const answers: Answer[] = [];
      for (let index = 0; index < free + 1; index += 1) answers.push(await signIn(username, 'wrong', here, forwarded(index), url));
      expect(statuses(answers)).toEqual([...Array<number>(free).fill(401), 429]);
    }
    // Control: a service of ours is believed.
    const proof = { 'x-forwarded-for': '198.51.100.200', 'x-service-token': vitalgate.serviceToken };
    expect((await signIn(username, 'wrong', here, proof, vitalgate.urls.userManager)).status).toBe(401);
  });

  /** What an answer tells beside the moment and its own name. */
  const told = ({ status, headers, text }: Answer) => ({ status, headers: { ...headers, date: '', 'x-request-id': '' }, text: text.replaceAll(/urn:vitalgate:request:[\w-]+/g, '') });
  const blocked = async () => {
    const user = await vitalgate.addUser();
    await query('update user_manager.user_account set blocked = true where _id = $1', [user.id]);
    return user;
  };

  test('B7 unknown, wrong and blocked are answered alike, and so are those of them that have to wait', async () => {
    const [known, barred] = [await vitalgate.addUser(), await blocked()];
    const cases: readonly [string, string][] = [[known.username, 'not the password'], [barred.username, barred.password], ['nobody-at-all', 'not the password'], ['n'.repeat(200), 'x']];
    for (const url of [vitalgate.urls.bff, vitalgate.urls.userManager]) {
      await forgetFailures();
      const answers: Answer[] = [];
      for (const [username, password] of cases) answers.push(await signIn(username, password, here, {}, url));
      expect(answers.map(told)).toEqual(answers.map(() => told(answers[0] as Answer)));
      expect(statuses(answers)).toEqual([401, 401, 401, 401]);
      await query(`update user_manager.sign_in_failures set blocked_until = date_trunc('minute', now()) + interval '10 minutes'`);
      const waiting = await Promise.all(cases.map(([username, password]) => signIn(username, password, here, {}, url)));
      const withoutSecond = (answer: Answer) => ({ ...told(answer), headers: { ...told(answer).headers, 'retry-after': '' } });
      expect(waiting.map(withoutSecond)).toEqual(waiting.map(() => withoutSecond(waiting[0] as Answer)));
      expect(statuses(waiting)).toEqual([429, 429, 429, 429]);
    }
    // Control: a right password is told apart.
    await forgetFailures();
    expect((await signIn(known.username, known.password)).status).toBe(200);
  });

  test('B9 more sign-ins than can be hashed are told to come back, do not count, and hold up nothing else', async () => {
    await forgetFailures();
    const cookie = await vitalgate.signIn(await vitalgate.addUser());
    const sources = (index: number) => `127.0.1.${String(index % 250)}`;
    const flood = Promise.all(Array.from({ length: 200 }, (_, index) => signIn(`flood-${String(index)}`, 'x', sources(index), {}, vitalgate.urls.userManager)));
    const progress = { isOver: false };
    void flood.then(() => (progress.isOver = true));
    const seen: number[] = [];
    while (!progress.isOver) seen.push((await fetch(`${vitalgate.urls.bff}/profile`, { headers: { cookie } })).status);
    expect(new Set(seen)).toEqual(new Set([200]));
    expect(seen.length).toBeGreaterThan(3);
    const answers = await flood;
    expect(new Set(statuses(answers))).toEqual(new Set([401, 503]));
    expect(answers.filter(({ status }) => status === 503).every(({ headers }) => Number(headers['retry-after']) >= 1)).toBe(true);
    const { rows } = await query('select count(*)::int as counted from user_manager.sign_in_failures where account <> $1 and source = $1 and failures > 0', [Buffer.alloc(0)]);
    expect(rows).toEqual([{ counted: answers.filter(({ status }) => status === 401).length }]);
  }, 60_000);

  test('B19 changing a password needs the current one, and a wrong one counts as a failed sign-in', async () => {
    await forgetFailures();
    const user = await vitalgate.addUser();
    const cookie = await vitalgate.signIn(user);
    const change = (currentPassword: string, password: string) => postFrom(here, `${vitalgate.urls.bff}/change-password`, { currentPassword, password }, { cookie });
    const answers: Answer[] = [];
    for (let index = 0; index < free + 1; index += 1) answers.push(await change('not the password', 'five oars and a paper boat'));
    expect(statuses(answers)).toEqual([...Array<number>(free).fill(401), 429]);
    expect((await signIn(user.username, user.password)).status).toBe(429);
    await waitOver();
    expect(JSON.parse((await change(user.password, 'short')).text)).toMatchObject({ code: 'password-too-short', errors: [{ pointer: '/password' }] });
    expect((await change(user.password, 'five oars and a paper boat')).status).toBe(204);
    expect([(await signIn(user.username, user.password)).status, (await signIn(user.username, 'five oars and a paper boat')).status]).toEqual([401, 200]);
  });

  test('B20 a fresh installation has nobody in it, and no key', async () => {
    const { rows } = await query(`select (select count(*) from user_manager.user_account where creator_id <> 'test')::int as people, (select count(*) from device_manager.api_key)::int as keys, (select count(*) from user_manager.oauth_client)::int as clients`);
    expect(rows).toEqual([{ people: 0, keys: 0, clients: 0 }]);
    expect(() => readConfig({ SERVICE_TOKEN: 'changeme' })).toThrow(/SERVICE_TOKEN is shorter/);
  });
});
