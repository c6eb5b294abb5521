// Owns: `npm run test:chaos`: the slow suites of test/chaos in full depth. Arguments go to vitest:
// `npm run test:chaos -- test/chaos/crash`.
//
// 1. It says which figures the suites have left, for docs/reliability.md; its last line is the count of the tests.
// 2. It ends with 0 only where tests ran and none failed.

import { engineForCommand } from '../containers/engine-for-command.ts';
import { outcomeLine } from './checks.ts';
import { figuresTable, readFigures } from './figures.ts';
import { emptyResults, runVitest, serverForTests } from './vitest-run.ts';

/** All suites in full depth take the better part of an hour; this is for a run that hangs. */
const CHAOS_LIMIT_MS = 4 * 60 * 60_000;

const SUITES = 'test/chaos';
const RESULTS = 'chaos-results';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (!emptyResults(RESULTS) || !(await serverForTests())) return 1;
  process.env.RIPOSTE_CHAOS = 'full'; // for test/harness/depth.ts, in the processes that vitest starts
  const startedMs = Date.now();
  const chosen = args.some((arg) => arg.includes(SUITES)) ? args : [SUITES, ...args];
  const engine = await engineForCommand();
  const tests = await runVitest(chosen, RESULTS, CHAOS_LIMIT_MS).finally(() => engine.stop());
  const lines = [
    '',
    ...figuresTable(readFigures(startedMs)),
    '',
    outcomeLine('chaos', tests.ok, tests.ms),
    ...tests.lines,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return tests.ok ? 0 : 1;
}
