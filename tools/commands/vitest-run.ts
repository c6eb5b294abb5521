// Owns: running vitest as a part of a command, and what came of it: how many tests passed, and why the run counts as failed
// where the numbers alone do not say it.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNatsServer } from '../nats-server/ensure.ts';
import { NatsServerUnavailable, oneLine } from '../nats-server/step.ts';
import { CACHE_DIR, emptyCacheFolder, makeTemporaryFolder } from '../setup/folder.mjs';
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

/** Empties the folder that takes the results of a run; false, and said on stderr, where nothing can be written there or in TMPDIR. */
export function emptyResults(results: string): boolean {
  try {
    emptyCacheFolder(join(CACHE_DIR, results));
    rmSync(makeTemporaryFolder('riposte-test-'), { recursive: true });
    return true;
  } catch (error) {
    process.stderr.write(`${oneLine(error)}\n`);
    return false;
  }
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
 * @param results a folder of the cache that `emptyResults` has emptied: `vitest.json` is the report, `summary.txt` the line of the count
 * @param limitMs after which it is killed
 */
export async function runVitest(args: readonly string[], results: string, limitMs: number): Promise<VitestRun> {
  const folder = join(CACHE_DIR, results);
  const report = join(folder, 'vitest.json');
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  // Node.js reads the configuration as it is. To bundle it, Vite would write into node_modules, which may be another user's.
  const loader = '--configLoader=native';
  const { code, ms } = await runChild(process.execPath, [vitest, 'run', loader, ...reporters, ...args], limitMs);
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
