// Owns: `npm test`: the type check, the lint and every test, on a machine where nothing was prepared. Arguments go to
// vitest: `npm test -- test/unit`, `npm test -- -t "I5"`.
//
// 1. Its last line is the count of the tests, and .cache/test-results/summary.txt holds the same line.
// 2. It ends with 0 only where the checks and the tests ran and found nothing; that no test ran is a finding.
// 3. With RIPOSTE_ENGINE=own it starts a container engine for the tests that need one, which is gone when it is.

import { engineForCommand } from '../containers/engine-for-command.ts';
import { lint, outcomeLine, typeCheck } from './checks.ts';
import { emptyResults, runVitest, serverForTests } from './vitest-run.ts';

/** A run takes minutes; this is for one that hangs. */
const TEST_LIMIT_MS = 60 * 60_000;

const RESULTS = 'test-results';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  // A run that ends before its tests must not leave the count of an earlier one.
  if (!emptyResults(RESULTS)) return 1;
  if (!(await serverForTests())) return 1;
  const types = await typeCheck();
  if (types.interrupted) return types.code;
  const style = await lint();
  if (style.interrupted) return style.code;
  const engine = await engineForCommand();
  const tests = await runVitest(args, RESULTS, TEST_LIMIT_MS).finally(() => engine.stop());
  const lines = [
    '',
    outcomeLine('type check', types.code === 0, types.ms),
    outcomeLine('lint', style.code === 0, style.ms),
    outcomeLine('tests', tests.ok, tests.ms),
    ...tests.lines,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return types.code === 0 && style.code === 0 && tests.ok ? 0 : 1;
}
