// `npm test`: the type check, the lint and the quick tests, on a machine where nothing was prepared. Arguments go to vitest:
// `npm test -- test/unit`, `npm test -- -t "I5"`.
//
// 1. Its last line is the count of the tests, and .cache/test-results/summary.txt holds the same line.
// 2. It ends with 0 only if the checks and the tests ran and found nothing. A run without a test has failed.

import { lint, outcomeLine, typeCheck } from './checks.ts';
import { emptyResults, runVitest, serverForTests } from './vitest-run.ts';

/** A run takes minutes; this ends one that hangs. */
const TEST_LIMIT_MS = 30 * 60_000;

const RESULTS = 'test-results';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (!emptyResults(RESULTS)) return 1;
  if (!(await serverForTests())) return 1;
  const types = await typeCheck();
  if (types.interrupted) return types.code;
  const style = await lint();
  if (style.interrupted) return style.code;
  const tests = await runVitest({ projects: ['pure', 'real'], args, results: RESULTS, limitMs: TEST_LIMIT_MS });
  const lines = [
    outcomeLine('type check', types.code === 0, types.ms),
    outcomeLine('lint', style.code === 0, style.ms),
    outcomeLine('tests', tests.ok, tests.ms),
    ...tests.lines,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return types.code === 0 && style.code === 0 && tests.ok ? 0 : 1;
}
