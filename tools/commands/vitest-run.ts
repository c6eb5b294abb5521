// Owns: running vitest as a part of a command, and what came of it: how many tests passed, and why the run counts as failed
// where the numbers alone do not say it.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNatsServer } from '../nats-server/ensure.ts';
import { NatsServerUnavailable } from '../nats-server/step.ts';
import { ROOT, runChild } from './child.ts';
import { countLine, countTests, type TestCount } from './test-count.ts';

/** What came of a run. */
export interface VitestRun {
  /** Tests ran, and none failed; that no test ran is a finding. */
  readonly ok: boolean;
  readonly ms: number;
  /** Why it is not ok, where the count does not say it; then the count, as the last line. */
  readonly lines: readonly string[];
}

/** Makes sure that tests find a nats-server; false, and said on stderr, where there is none to be had. */
export async function serverForTests(): Promise<boolean> {
  try {
    await ensureNatsServer();
    return true;
  } catch (error) {
    if (!(error instanceof NatsServerUnavailable)) throw error;
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}

/**
 * Runs vitest.
 * @param args for vitest
 * @param results a folder below `.cache`, emptied first: `vitest.json` is the report, `summary.txt` the line of the count
 * @param limitMs after which it is killed
 */
export async function runVitest(args: readonly string[], results: string, limitMs: number): Promise<VitestRun> {
  const folder = join(ROOT, '.cache', results);
  const report = join(folder, 'vitest.json');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code, ms } = await runChild(process.execPath, [vitest, 'run', ...reporters, ...args], limitMs);
  const count = existsSync(report) ? countTests(readFileSync(report, 'utf8')) : undefined;
  const line = countLine(count ?? { passed: 0, failed: 0, skipped: 0 });
  writeFileSync(join(folder, 'summary.txt'), `${line}\n`);
  const ok = code === 0 && count !== undefined && count.passed > 0 && count.failed === 0;
  return { ok, ms, lines: [...explain(code, count), line] };
}

function explain(code: number, count: TestCount | undefined): string[] {
  if (count === undefined) return [`vitest ended with ${code} and left no report: see above`];
  if (count.passed + count.failed === 0) return ['no test ran'];
  if (count.failed === 0 && code !== 0) return [`vitest ended with ${code} though no test failed: see above`];
  return [];
}
