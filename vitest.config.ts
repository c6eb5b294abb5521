// Says how the tests run. Three projects: `pure` needs the processor alone, `real` starts servers and processes and waits
// for them most of the time, `chaos` is the slow suites (test/harness/depth.ts). `npm test` runs the first two.

import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { depth } from './test/harness/depth.ts';

const MINUTE_MS = 60_000;

/** Limits that end a test that hangs. They measure nothing: the machines that run this are noisy. */
const LIMITS = {
  testTimeout: depth({ slice: 2 * MINUTE_MS, full: 30 * MINUTE_MS }),
  hookTimeout: depth({ slice: 2 * MINUTE_MS, full: 5 * MINUTE_MS }),
  teardownTimeout: MINUTE_MS / 2,
};

/** Files in which one test waits for half a minute. They begin first, so that the run does not end with one of them alone. */
const LONG_WAITS = /(swallowed-turn|hanging-role|connection-stays|lost-bucket)\.test\.ts$/;

class LongWaitsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => (LONG_WAITS.test(moduleId) ? 0 : 1);
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongWaitsFirst },
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
          maxWorkers: 3,
          // One process for many files: to start one for each takes as long as the tests.
          isolate: false,
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
