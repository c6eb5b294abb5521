import { expect, test } from 'vitest';
import { countLine, countTests } from '#tools/commands/test-count.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((one) => ({ status: one, title: 'not looked at' })),
});
const report = (...testResults: unknown[]) => JSON.stringify({ success: true, testResults });

test('tests are counted over all files, whatever kept one from running', () => {
  const text = report(
    file('passed', 'passed', 'passed', 'skipped'),
    file('failed', 'failed', 'passed', 'todo'),
    file('passed', 'pending'),
  );
  expect(countTests(text)).toEqual({ passed: 3, failed: 1, skipped: 3 });
});

test('a file that cannot be loaded counts as one failure, one whose tests failed as those', () => {
  expect(countTests(report(file('failed'), file('failed', 'skipped'), file('failed', 'failed', 'failed')))).toEqual({
    passed: 0,
    failed: 4,
    skipped: 1,
  });
});

test('a report without files has no tests', () => {
  expect(countTests(report())).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test.each([
  [{ passed: 12, failed: 0, skipped: 0 }, '12 passed, 0 failed'],
  [{ passed: 0, failed: 2, skipped: 3 }, '0 passed, 2 failed, 3 skipped'],
])('the line of %j', (count, line) => {
  expect(countLine(count)).toBe(line);
});
