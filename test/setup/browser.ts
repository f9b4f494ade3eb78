import { describe } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

/** Some distributions leave a program of the name that only says where to get the browser. */
const works = (path: string): boolean => existsSync(path) && /chrom/i.test(spawnSync(path, ['--version', '--no-sandbox'], { encoding: 'utf8', timeout: 30_000 }).stdout);
const path = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser'].find((named) => named !== undefined && works(named));

/** Starts the browser of this machine. */
export const openBrowser = (): Promise<Browser> => chromium.launch({ executablePath: path ?? '', args: ['--no-sandbox'] });

/** Groups tests that need a browser; where there is none, they are skipped, and it is said. */
export const describeInBrowser = (name: string, body: () => void): void => {
  if (path === undefined) process.stderr.write('No browser was found (name one in CHROMIUM): tests in a browser are skipped.\n');
  (path === undefined ? describe.skip : describe)(name, body);
};
