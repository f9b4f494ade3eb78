import type * as Globals from '@jest/globals';

/** What `@jest/globals` is to tests that Node loads: the functions for the file that runs. */
export let afterAll: typeof Globals.afterAll;
export let afterEach: typeof Globals.afterEach;
export let beforeAll: typeof Globals.beforeAll;
export let beforeEach: typeof Globals.beforeEach;
export let describe: typeof Globals.describe;
export let expect: typeof Globals.expect;
export let test: typeof Globals.test;

/** Hands out the functions for another file. */
export const setGlobals = (globals: typeof Globals): void => {
  ({ afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } = globals);
};
