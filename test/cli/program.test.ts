import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDemo, startProgram, temporaryDirectory, type Demo } from '../../scripts/demo/program.ts';
import { createTestDatabase } from '../setup/test-database.ts';
import { commandLine, type Outcome, type RunOptions } from './command-line.ts';

const root = join(import.meta.dirname, '..', '..');
const anyPorts = { BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0' };

/** Runs a program to its end. */
const runToEnd = (file: RunOptions['file'], words: readonly string[], environment: Record<string, string>): Promise<Outcome> => commandLine({}).run(words, { environment, ...(file && { file }) });

const signIn = ({ bff, username, password }: Demo) =>
  fetch(`${bff}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });

describe('the program', () => {
  const directory = temporaryDirectory();
  chmodSync(directory.path, 0o711); // PostgreSQL of a root's run passes through
  const file = (name: string) => join(directory.path, name);
  afterAll(() => directory.remove());

  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  const emptyDatabase = async () => {
    const database = await createTestDatabase();
    ends.push(database.drop);
    return database;
  };

  test('starts with --demo, is found by the command line, refuses a second server, stops on SIGTERM, and forgets all of it', async () => {
    const first = await startDemo(file('demo'), { LOG_LEVEL: 'info' });
    const demoFile = (name: string) => join(file('demo'), name);
    expect((await signIn(first.demo)).status).toBe(200);
    for (const name of ['demo.json', 'server.json', 'service-token', 'master-key']) expect([name, statSync(demoFile(name)).mode & 0o777]).toEqual([name, 0o600]);

    for (const words of [[], ['--demo']]) {
      const second = await runToEnd('main.ts', words, { ...anyPorts, DATA_DIR: file('demo') });
      expect([second.code, second.told]).toEqual([1, expect.stringMatching(words.length > 0 ? /^Vitalgate does not start: Another Vitalgate server uses the data/ : /is the folder of a demo/)]);
    }
    const added = await runToEnd('cli/vitalgate.ts', ['users', 'add', '--username', 'carla', '--email', 'carla@example.org'], { DATA_DIR: file('demo') });
    expect([added.code, added.told]).toEqual([0, '']);
    const listed = await runToEnd('cli/vitalgate.ts', ['keys', 'list'], { DATA_DIR: file('demo') });
    expect(listed.out).toMatch(/^vg_\w+ {2}medisante/);

    expect(await first.stop()).toBe(0);
    expect(readdirSync(file('demo'))).toEqual([]);
    for (const secret of [first.demo.password, first.demo.annaPassword, first.demo.webhookKey, first.demo.serviceToken]) expect(first.output()).not.toContain(secret);
  });

  test('a demo that was killed leaves nothing to the next one', async () => {
    const killed = await startDemo(file('killed'));
    process.kill(killed.pid, 'SIGKILL');
    await killed.ended;
    expect(existsSync(join(file('killed'), 'postgres')) || existsSync(join(file('killed'), 'demo.json'))).toBe(true);
    const next = await startDemo(file('killed'));
    expect(next.demo.patientId).not.toBe(killed.demo.patientId);
    expect((await signIn(next.demo)).status).toBe(200);
    expect((await signIn({ ...killed.demo, bff: next.demo.bff })).status).toBe(401);
    expect(await next.stop()).toBe(0);
    expect(readdirSync(file('killed'))).toEqual([]);
  });

  test('keeps its people without --demo, a demo touches nothing of them, and with another master key nothing starts', async () => {
    const kept = await startProgram(file('kept'));
    expect(await kept.stop()).toBe(0);
    const before = readdirSync(file('kept')).toSorted();
    const demo = await runToEnd('main.ts', ['--demo'], { ...anyPorts, DATA_DIR: file('kept') });
    expect([demo.code, demo.told]).toEqual([1, expect.stringMatching(/^Vitalgate does not start: --demo begins with an empty folder .* holds something that is not a demo's/)]);
    expect(readdirSync(file('kept')).toSorted()).toEqual(before);
    const again = await startProgram(file('kept'));
    expect((await signIn(again.demo)).status).toBe(200);
    expect(await again.stop()).toBe(0);

    const { code, told } = await runToEnd('main.ts', [], { ...anyPorts, DATA_DIR: file('kept'), MASTER_KEY: randomBytes(32).toString('hex') });
    expect([code, told]).toEqual([1, expect.stringMatching(/The master key is not the one this database was used with/)]);
    expect(told).not.toContain('abab');
    expect(existsSync(join(file('kept'), 'server.json'))).toBe(false);
  });

  test('without --demo there is no user and no key', async () => {
    const database = await emptyDatabase();
    const child = spawn(process.execPath, [join(root, 'src', 'main.ts')], { env: { PATH: process.env['PATH'], ...anyPorts, DATA_DIR: file('plain'), DATABASE_URL: database.url }, stdio: 'ignore' });
    const ended = once(child, 'exit');
    ends.push(() => child.kill('SIGKILL'));
    for (let tries = 0; tries < 1200 && !existsSync(file('plain/server.json')); tries += 1) await sleep(50);
    const { rows } = await database.pool.query('select 1 from user_manager.user_account union all select 1 from device_manager.api_key');
    expect(rows).toEqual([]);
    // As a terminal and npm do, which both pass a signal on.
    for (const waitMs of [0, 20, 200]) {
      await sleep(waitMs);
      child.kill('SIGINT');
    }
    expect(await ended).toEqual([0, null]);
  });

  test('a port in use is named, and what had started is stopped', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    ends.push(() => squatter.close());
    const { port } = squatter.address() as AddressInfo;
    const database = await emptyDatabase();
    const { code, told } = await runToEnd('main.ts', [], { ...anyPorts, BFF_PORT: String(port), DATA_DIR: file('busy'), DATABASE_URL: database.url });
    expect([code, told]).toEqual([1, `Vitalgate does not start: 127.0.0.1:${String(port)} is in use by another program: choose another port (0 takes any free one).\n`]);
  });

  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['wrong settings, all together', [], { BFF_PORT: 'x', SERVICE_TOKEN: 'hunter2' }, /BFF_PORT is not a number\n {2}SERVICE_TOKEN is shorter than 32 characters/],
    ['--demo with one service', ['--demo'], { SERVICES: 'user-manager', SERVICE_TOKEN: 's'.repeat(32), DEVICE_MANAGER_URL: 'none' }, /--demo needs all three services/],
    ['--demo on a database of others', ['--demo'], { DATABASE_URL: 'postgres://hunter2@127.0.0.1/vitalgate' }, /--demo forgets all that it made up when it stops, and keeps it to itself: leave DATABASE_URL unset/],
    ['--demo before a Device Manager of others', ['--demo'], { DEVICE_MANAGER_URL: 'http://127.0.0.1:1' }, /leave DEVICE_MANAGER_URL unset/],
    ['a file of settings that is not there', ['--config', '/nonexistent/vitalgate.env'], {}, /the settings file \/nonexistent\/vitalgate\.env cannot be read \(ENOENT\)/],
    ['an option that does not exist', ['--dmeo'], {}, /unknown option '--dmeo'\n\(Did you mean --demo\?\)/],
  ])('refuses %s', async (_situation, words, environment, pattern) => {
    const { code, told } = await runToEnd('main.ts', words, { ...environment, DATA_DIR: file('never') });
    expect(code).toBe(2);
    expect(told).toMatch(pattern);
    expect(told).not.toContain('hunter2');
    expect(existsSync(file('never'))).toBe(false);
  });
});
