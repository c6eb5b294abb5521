// Owns: `npm test`: the type check, the lint and every test, on a machine where nothing was prepared. Arguments go to
// vitest: `npm test -- test/unit`, `npm test -- -t "I5"`.
//
// 1. Its last line is the count of the tests, and .cache/test-results/summary.txt holds the same line.
// 2. It ends with 0 only where the checks and the tests ran and found nothing; that no test ran is a finding.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNatsServer } from '../nats-server/ensure.ts';
import { NatsServerUnavailable } from '../nats-server/step.ts';
import { lint, outcomeLine, typeCheck } from './checks.ts';
import { ROOT, runChild } from './child.ts';
import { countLine, countTests, type TestCount } from './test-count.ts';

/** A run takes minutes; this is for one that hangs. */
const TEST_LIMIT_MS = 60 * 60_000;

const RESULTS_DIR = join(ROOT, '.cache', 'test-results');
const REPORT_FILE = join(RESULTS_DIR, 'vitest.json');
const SUMMARY_FILE = join(RESULTS_DIR, 'summary.txt');

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  rmSync(RESULTS_DIR, { recursive: true, force: true });
  mkdirSync(RESULTS_DIR, { recursive: true });
  try {
    await ensureNatsServer();
  } catch (error) {
    if (!(error instanceof NatsServerUnavailable)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const types = await typeCheck();
  if (types.interrupted) return types.code;
  const style = await lint();
  if (style.interrupted) return style.code;
  const tests = await runChild(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${REPORT_FILE}`,
      ...args,
    ],
    TEST_LIMIT_MS,
  );
  const count = existsSync(REPORT_FILE) ? countTests(readFileSync(REPORT_FILE, 'utf8')) : undefined;
  const testsOk = tests.code === 0 && count !== undefined && count.passed > 0 && count.failed === 0;
  const lines = [
    '',
    outcomeLine('type check', types.code === 0, types.ms),
    outcomeLine('lint', style.code === 0, style.ms),
    outcomeLine('tests', testsOk, tests.ms),
    ...explain(tests.code, count),
    countLine(count ?? { passed: 0, failed: 0, skipped: 0 }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  writeFileSync(SUMMARY_FILE, `${lines.at(-1)}\n`);
  return types.code === 0 && style.code === 0 && testsOk ? 0 : 1;
}

/** Why the tests count as failed where the numbers alone do not say it. */
function explain(code: number, count: TestCount | undefined): string[] {
  if (count === undefined) return [`vitest ended with ${code} and left no report: see above`];
  if (count.passed + count.failed === 0) return ['no test ran'];
  if (count.failed === 0 && code !== 0) return [`vitest ended with ${code} though no test failed: see above`];
  return [];
}
