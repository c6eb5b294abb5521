// Owns: counting tests in vitest's JSON report. Text in, numbers out.

import { z } from 'zod';

/** How many tests there were, over all files. */
export interface TestCount {
  readonly passed: number;
  /** Tests that failed, and files that failed outside of every test: one that cannot be loaded counts as one. */
  readonly failed: number;
  /** Tests that were there and did not run: skipped, to do, or left out by a filter on names. */
  readonly skipped: number;
}

const Report = z.object({
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
});

/**
 * Counts the tests of a report.
 * @param report what vitest's json reporter wrote
 */
export function countTests(report: string): TestCount {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of Report.parse(JSON.parse(report)).testResults) {
    const failedBefore = count.failed;
    for (const { status } of file.assertionResults) {
      if (status === 'passed') count.passed++;
      else if (status === 'failed') count.failed++;
      else count.skipped++;
    }
    if (file.status === 'failed' && count.failed === failedBefore) count.failed++;
  }
  return count;
}

/** The count as one line: `12 passed, 0 failed`, and `, 3 skipped` where there are any. */
export function countLine(count: TestCount): string {
  return `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`;
}
