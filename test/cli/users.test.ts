import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findReset, issueReset } from '../../src/user-manager/storage/password-reset-table.ts';
import { activateUser, insertUser } from '../../src/user-manager/storage/user-table.ts';
import { clientWith } from '../device-manager/client.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLineHere, printed, type RunOptions } from './command-line.ts';

describe('vitalgate users, beside a running server', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-users-'));
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const run = (words: readonly string[], options?: RunOptions) => commandLineHere({ DATA_DIR: dataDir, DATABASE_URL: vitalgate.database.url }).run(words, options);
  const client = () => clientWith(vitalgate.urls.userManager, {});
  const tokensOf = async ({ username, password }: Pick<TestUser, 'username' | 'password'>) => {
    const answer = await client().post('/oauth/token', { username, password });
    return { status: answer.status, ...((await answer.json()) as { accessToken?: string; refreshToken?: string }) };
  };
  const userInfo = async (accessToken = '') => (await client().send('/userinfo', { headers: { authorization: `Bearer ${accessToken}` } })).status;
  const refresh = async (refreshToken: unknown) => (await client().post('/refreshtoken', { refreshToken })).status;

  test('block ends every session at once and refuses new ones; unblock lets the person in again', async () => {
    const anna = await vitalgate.addUser();
    const before = await tokensOf(anna);
    expect([before.status, await userInfo(before.accessToken)]).toEqual([200, 200]);
    expect(await printed(run(['--json', 'users', 'block', anna.username]))).toEqual({ _id: anna.id, username: anna.username, blocked: true });
    const { rowCount } = await vitalgate.database.pool.query('select from user_manager.session where user_id = $1', [anna.id]);
    expect([rowCount, await userInfo(before.accessToken), (await tokensOf(anna)).status]).toEqual([0, 401, 401]);

    expect(await run(['users', 'unblock', anna.id])).toEqual({ code: 0, out: `${anna.username} is not blocked any more\n`, told: '' });
    expect([await userInfo(before.accessToken), (await tokensOf(anna)).status]).toEqual([401, 200]);
  });

  test('passwd makes a password, shows it once, and ends every session with what could renew it, and mailed links', async () => {
    const ben = await vitalgate.addUser();
    const before = await tokensOf(ben);
    await issueReset(vitalgate.database.pool, { tokenHash: Buffer.alloc(32, 7), userId: ben.id, minutes: 30 });
    const { password } = await printed<{ password: string }>(run(['users', 'passwd', '--json', ben.username]));
    expect(password).toMatch(/^[\w-]{24}$/);
    expect([await userInfo(before.accessToken), await refresh(before.refreshToken)]).toEqual([401, 401]);
    expect([(await tokensOf(ben)).status, (await tokensOf({ ...ben, password })).status]).toEqual([401, 200]);
    expect(await findReset(vitalgate.database.pool, Buffer.alloc(32, 7))).toBeUndefined();
  });

  test('passwd takes a password from standard input and does not show it', async () => {
    const cleo = await vitalgate.addUser();
    const input = 'a password that cleo chose\n';
    const { code, out, told } = await run(['users', 'passwd', cleo.username, '--password-stdin'], { input });
    expect([code, told]).toEqual([0, '']);
    expect(out).toBe(`${cleo.username} has another password; all sessions have ended\n`);
    expect((await tokensOf({ ...cleo, password: input.trim() })).status).toBe(200);
  });

  test('list shows who may sign in and who may not, never an address, and says when there are more', async () => {
    const [dora, emil] = [await vitalgate.addUser(), await vitalgate.addUser()];
    await run(['users', 'block', dora.id]);
    await vitalgate.database.pool.query(`update user_manager.user_account set expiration_date = '2024-01-01' where _id = $1`, [emil.id]);
    const { out } = await run(['users', 'list', '--all']);
    expect(out).toMatch(/^_id +username +group +state +created\n/);
    expect(out).toMatch(new RegExp(`^${dora.id}  ${dora.username}  patient +blocked +20\\d\\d-.*Z$`, 'm'));
    expect(out).toMatch(new RegExp(`^${emil.id}  ${emil.username}  patient +expired +20`, 'm'));
    expect(out).not.toContain('@example.org');
    const all = await printed<{ _id: string; blocked: boolean }[]>(run(['--json', 'users', 'list', '--all']));
    expect(all.find(({ _id }) => _id === emil.id)).toEqual({ _id: emil.id, username: emil.username, userGroup: 'patient', state: 'PUBLIC', blocked: true, createdAt: expect.stringMatching(/Z$/) });
    const first = await run(['--json', 'users', 'list', '--limit', '1']);
    expect(JSON.parse(first.out)).toEqual([all[0]]);
    expect(first.told).toBe('There are more than 1: --limit or --all shows them.\n');
    expect((await run(['users', 'list', '--limit', String(all.length)])).told).toBe('');
  });

  test('unblock says that an expiration still holds', async () => {
    const fred = await vitalgate.addUser();
    await vitalgate.database.pool.query(`update user_manager.user_account set expiration_date = '2024-01-01' where _id = $1`, [fred.id]);
    expect((await run(['users', 'unblock', fred.username])).out).toBe(`${fred.username} is not blocked any more, but expired on 2024-01-01T00:00:00.000Z\n`);
  });

  test('an account that is postponed gets no password, and gets one once it is there', async () => {
    const id = 'ab'.repeat(16);
    await insertUser(vitalgate.database.pool, { id, username: 'greta', email: 'greta@example.org', userGroup: 'patient', blocked: false, roles: [], properties: {}, creatorId: 'test' });
    const refused = await run(['users', 'passwd', 'greta']);
    expect([refused.code, refused.out, refused.told]).toEqual([1, '', 'The user has nothing to sign in with yet: activate the account first.\n']);
    await activateUser(vitalgate.database.pool, id, undefined, 'test');
    expect((await run(['users', 'passwd', 'greta'])).code).toBe(0);
  });

  test('a text that is the _id of one and the name of another names nobody', async () => {
    const hugo = await vitalgate.addUser();
    await vitalgate.addUser({ username: hugo.id });
    const { code, told } = await run(['users', 'block', hugo.id]);
    expect([code, told]).toEqual([1, expect.stringMatching(/^This is the _id of one user and the name of another/)]);
    expect((await tokensOf(hugo)).status).toBe(200);
  });

  test.each<[string, number, string[], string, RegExp]>([
    ['an unknown user to block', 3, ['users', 'block', 'nobody'], '', /^There is no user of this name or _id\.$/m],
    ['an unknown user to unblock', 3, ['users', 'unblock', 'nobody'], '', /^There is no user/],
    ['an unknown user to give a password', 3, ['users', 'passwd', 'nobody'], '', /^There is no user/],
    ['a short password', 2, ['users', 'passwd', 'greta', '--password-stdin'], 'short', /^Choose a password of at least 15 characters\.$/m],
    ['a password in an option that there is not', 2, ['users', 'passwd', 'greta', '--password=hunter2'], '', /^error: unknown option '--password=…'$/m],
    ['a password in an option that takes none', 2, ['users', 'passwd', 'greta', '--password-stdin=hunter2'], '', /^error: unknown option '--password-stdin=…'$/m],
    ['a password behind the letter of an option', 2, ['users', 'passwd', 'greta', '-phunter2'], '', /^error: unknown option '-p'$/m],
    ['a password of two lines in an option', 2, ['users', 'passwd', 'greta', "--password=a'\nhunter2"], '', /^error: unknown option '--password=…'$/m],
    ['a password for a command', 2, ['users', 'hunter2'], '', /^error: unknown command$/m],
    ['a password on the command line', 2, ['users', 'passwd', 'greta', 'hunter2hunter2hunter2'], '', /too many arguments/],
    ['a limit of none', 2, ['users', 'list', '--limit', '0'], '', /whole number from 1 on/],
    ['nobody named', 2, ['users', 'block'], '', /missing required argument 'user'/],
  ])('refuses %s with exit code %d', async (_situation, exitCode, words, input, pattern) => {
    const { code, out, told } = await run(words, input === '' ? {} : { input });
    expect([code, out]).toEqual([exitCode, '']);
    expect(told).toMatch(pattern);
    expect(told).not.toContain('hunter2');
  });

  test('a deleted user is nobody', async () => {
    const ida = await vitalgate.addUser();
    await vitalgate.database.pool.query(`update user_manager.user_account set state = 'DELETED' where _id = $1`, [ida.id]);
    expect((await run(['users', 'passwd', ida.id])).code).toBe(3);
    expect((await run(['users', 'list', '--all'])).out).toMatch(new RegExp(`^${ida.id} .* DELETED `, 'm'));
  });
});
