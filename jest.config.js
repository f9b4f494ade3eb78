/** Jest on Node's own ES modules; @swc/jest only strips types (tsc checks them in `npm run check`). */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
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
  testTimeout: 60_000, // a busy machine is no fault of the code
  maxWorkers: 2,
};
