import process from 'node:process';

/** Suites that run by themselves (`SUITE=faults npm test`, `npm run faults`), each the folder of its name under test; `npm test` runs all others. */
export const suites = ['browser', 'faults', 'gates', 'security', 'volume'];
const suite = process.env.SUITE;
if (suite !== undefined && !suites.includes(suite)) throw new Error(`SUITE is one of ${suites.join(', ')}.`);
/** What is named runs, whichever suite it is in: `npm test -- test/security/authorization`. */
const isNamed = process.argv.slice(2).some((word) => suites.some((name) => word.includes(`test/${name}`)));

/** Node loads the tests and strips their types (tsc checks them in `npm run check`). */
export default {
  testEnvironment: 'node',
  testRunner: '<rootDir>/test/setup/native-runner.ts',
  roots: [suite === undefined ? '<rootDir>/test' : `<rootDir>/test/${suite}`],
  testPathIgnorePatterns: suite === undefined && !isNamed ? suites.map((name) => `/test/${name}/`) : [],
  testMatch: ['**/*.test.ts'],
  transform: {},
  testSequencer: '<rootDir>/test/setup/longest-first.js',
  globalSetup: '<rootDir>/test/setup/start-database.ts',
  setupFilesAfterEnv: ['<rootDir>/test/setup/record-answers.ts'],
  reporters: ['default', '<rootDir>/test/setup/status-reporter.ts'],
  globalTeardown: '<rootDir>/test/setup/stop-database.ts',
  testTimeout: 120_000, // a busy machine is no fault of the code
  maxWorkers: suite === undefined ? 3 : 2, // tests wait for programs, mails and PostgreSQL a third of their time; the suites beside them measure
  workerGracefulExitTimeout: 5_000, // fetch keeps its connections for four seconds
};
