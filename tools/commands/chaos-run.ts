// Runs the slow suites of test/chaos, in one of two depths. Arguments go to vitest: `npm run test:chaos -- test/chaos/crash`.
//
// 1. After a full run it shows the figures that the suites have left, for docs/reliability.md.
// 2. Its last line is the count of the tests. It ends with 0 only if tests ran and none failed.
// 3. With RIPOSTE_ENGINE=own it starts a container engine for the tests that need one, and ends it with the run.

import { engineForCommand } from '../containers/engine-for-command.ts';
import { outcomeLine } from './checks.ts';
import { figuresTable, readFigures } from './figures.ts';
import { emptyResults, runVitest, serverForTests } from './vitest-run.ts';

/** How deep the suites go, and what a run of that depth is called and limited by. */
export const DEPTHS = {
  full: { results: 'chaos-results', limitMs: 4 * 60 * 60_000 },
  slice: { results: 'slice-results', limitMs: 60 * 60_000 },
} as const;

/** Runs the suites, prints the outcome, and resolves with the exit code. */
export async function runChaos(depth: keyof typeof DEPTHS, args: readonly string[]): Promise<number> {
  const { results, limitMs } = DEPTHS[depth];
  if (!emptyResults(results) || !(await serverForTests())) return 1;
  process.env.RIPOSTE_CHAOS = depth; // for test/harness/depth.ts, in the processes that vitest starts
  const startedMs = Date.now();
  const engine = await engineForCommand();
  const tests = await runVitest({ projects: ['chaos'], args, results, limitMs }).finally(() => engine.stop());
  const lines = [...figuresTable(readFigures(startedMs)), outcomeLine(depth, tests.ok, tests.ms), ...tests.lines];
  process.stdout.write(`${lines.join('\n')}\n`);
  return tests.ok ? 0 : 1;
}
