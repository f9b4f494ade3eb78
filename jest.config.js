// Long suites run by themselves: `SUITE=security npm test`, `npm run security`; without SUITE all others run.
const suites = ['security'];
const suite = process.env.SUITE;

/** Jest on Node's own ES modules; @swc/jest only strips types (tsc checks them in `npm run check`). */
export default {
  testEnvironment: 'node',
  roots: [suite === undefined ? '<rootDir>/test' : `<rootDir>/test/${suite}`],
  testPathIgnorePatterns: suite === undefined ? suites.map((name) => `/test/${name}/`) : [],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        sourceMaps: 'inline',
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', importAttributes: true },
          experimental: { keepImportAttributes: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  globalSetup: '<rootDir>/test/setup/start-database.ts',
  globalTeardown: '<rootDir>/test/setup/stop-database.ts',
  testTimeout: 20_000,
  maxWorkers: 2,
};
