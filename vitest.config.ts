// Owns: how the tests run. Two files at a time, whatever the machine: a file has a server and often several services of
// its own, and what runs beside them on two cores only makes them wait. In full depth (`npm run test:chaos`) one at a time:
// such a suite takes the whole machine, and the times that it measures are to be its own.

import { defineConfig } from 'vitest/config';
import { depth } from './test/harness/depth.ts';

const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: depth({ slice: 2, full: 1 }),
    // Limits against hanging, not measures: the machines that run this are noisy.
    testTimeout: depth({ slice: MINUTE_MS, full: 30 * MINUTE_MS }),
    hookTimeout: depth({ slice: 2 * MINUTE_MS, full: 5 * MINUTE_MS }),
    teardownTimeout: MINUTE_MS / 2,
  },
});
