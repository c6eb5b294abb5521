// Says how the tests run. Three projects: `pure` needs the processor alone, `real` starts servers and processes and waits
// for them most of the time, `chaos` is the slow suites (test/harness/depth.ts). `npm test` runs the first two.

import { defineConfig } from 'vitest/config';
import { depth } from './test/harness/depth.ts';

const MINUTE_MS = 60_000;

/** Limits that end a test that hangs. They measure nothing: the machines that run this are noisy. */
const LIMITS = {
  testTimeout: depth({ slice: 2 * MINUTE_MS, full: 30 * MINUTE_MS }),
  hookTimeout: depth({ slice: 2 * MINUTE_MS, full: 5 * MINUTE_MS }),
  teardownTimeout: MINUTE_MS / 2,
};

export default defineConfig({
  test: {
    pool: 'forks',
    // Node.js itself runs the TypeScript, as it does in production.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    ...LIMITS,
    setupFiles: process.env.NODE_V8_COVERAGE === undefined ? [] : ['./test/harness/take-coverage.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/{unit,property}/**/*.test.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['test/{integration,interop,e2e,package}/**/*.test.ts'],
          maxWorkers: 4,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          // In full depth a suite has the machine to itself: the times that it records are its own.
          maxWorkers: depth({ slice: 2, full: 1 }),
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
