import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runServer, shutDown, type Running } from '../../src/database/server-process.ts';

const patience = { appearsMs: 400, tellEveryMs: 400 };

describe('an embedded PostgreSQL that starts', () => {
  let folder: string;
  let running: Running | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vitalgate-process-'));
    running = undefined;
  });
  afterEach(async () => {
    if (running !== undefined) await shutDown(running);
    rmSync(folder, { recursive: true, force: true });
  });

  /** A stand-in for bin/postgres that does this; `pid NUMBER STATE` writes postmaster.pid, `pause SECONDS` can be interrupted. */
  const run = async (script: string, told: string[] = []): Promise<Running> => {
    mkdirSync(join(folder, 'bin'));
    const program = join(folder, 'bin', 'postgres');
    const lines = ['#!/bin/sh', 'trap "exit 0" INT', `echo $$ > ${folder}/started`, 'file="$2/postmaster.pid"', 'pid() { printf "%s\\n\\n\\n\\n\\n\\n\\n%s\\n" "$1" "$2" > "$file.new"; mv "$file.new" "$file"; }', 'pause() { sleep "$1" & wait; }', script];
    writeFileSync(program, `${lines.join('\n')}\n`);
    chmodSync(program, 0o755);
    return runServer({ native: folder, cluster: folder, run: folder, state: folder, account: undefined, tell: (text) => told.push(text) }, patience);
  };
  const isRunning = (): boolean => existsSync(`/proc/${readFileSync(join(folder, 'started'), 'utf8').trim()}`);

  test('is waited for while it recovers, however long that takes, and that is told now and then', async () => {
    const told: string[] = [];
    running = await run('pid $$ starting; pause 1.3; pid $$ ready; pause 60', told);
    expect(isRunning()).toBe(true);
    expect([told.length >= 2, told[0]]).toEqual([true, expect.stringMatching(/^PostgreSQL has been starting for \d+ s, .*postgres\.log\.$/)]);
  });

  test('at once is told to nobody', async () => {
    const told: string[] = [];
    running = await run('pid $$ ready; pause 60', told);
    expect(told).toEqual([]);
  });

  test.each([
    ['says nothing of itself', 'pause 60', /did not begin to start within 0\.4 s; its log is/],
    ['leaves the name of another process', 'pid 1 ready; pause 60', /did not begin to start within 0\.4 s; its log is/],
    ['ends by itself', 'pid $$ starting; exit 1', /ended while starting; its log is/],
  ])('but %s is given up, and no longer runs', async (_situation, script, reason) => {
    await expect(run(script)).rejects.toThrow(reason);
    expect(isRunning()).toBe(false);
  });
});
