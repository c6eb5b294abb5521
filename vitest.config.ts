// Owns: how the tests run. Two files at a time, whatever the machine: a file has a server and often several services of
// its own, and what runs beside them on two cores only makes them wait.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Limits against hanging, not measures: the machines that run this are noisy.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
  },
});
