/**
 * Units stand beside their source (`*.spec.ts`) and need nothing; tests in `test/` (`*.e2e-spec.ts`) go through HTTP on
 * a real PostgreSQL, which starts only when one of them runs. `LONG_TESTS`, set by `npm run test:long`, runs those of
 * `test/long` instead: the same guarantees over many more rounds.
 */
const common = {
  testEnvironment: 'node',
  rootDir: import.meta.dirname,
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { swcrc: true }] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist'],
};

const onDatabase = {
  setupFiles: ['<rootDir>/test/setup/quiet-logs.ts'],
  globalSetup: '<rootDir>/test/setup/global-setup.mjs',
  globalTeardown: '<rootDir>/test/setup/global-teardown.mjs',
};

// One worker would be Jest's own process, whose memory only grows: every file brings its modules anew.
// With nothing left open, one with a large heap still takes seconds to free it on a busy machine, which half a second, the
// default, would call a leak.
const workers = { maxWorkers: 2, workerIdleMemoryLimit: '1GB', workerGracefulExitTimeout: 10_000 };

const usual = {
  ...workers,
  openHandlesTimeout: 2_000,
  // A project's own would be ignored.
  testTimeout: 20_000,
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['<rootDir>/{src,migrations}/**/*.spec.ts'],
    },
    {
      ...common,
      displayName: 'e2e',
      testMatch: ['<rootDir>/test/**/*.e2e-spec.ts'],
      ...onDatabase,
    },
  ],
};

const long = {
  ...workers,
  openHandlesTimeout: 2_000,
  testTimeout: 1_800_000,
  projects: [{ ...common, displayName: 'long', testMatch: ['<rootDir>/test/long/*.long-spec.ts'], ...onDatabase }],
};

export default process.env.LONG_TESTS ? long : usual;
