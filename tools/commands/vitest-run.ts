// Runs vitest as a part of a command, and says what came of it: how many tests passed, and why the run counts as failed if
// the numbers alone do not say it.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNatsServer } from '../nats-server/ensure.ts';
import { NatsServerUnavailable, oneLine } from '../nats-server/step.ts';
import { CACHE_DIR, emptyCacheFolder, makeTemporaryFolder } from '../setup/folder.mjs';
import { ROOT, runChild } from './child.ts';
import { countLine, countTests, type TestCount } from './test-count.ts';

/** The projects of vitest.config.ts. */
export type TestProject = 'pure' | 'real' | 'chaos';

/** What came of a run. */
export interface VitestRun {
  /** Tests ran, and none failed. A run without a test is not ok. */
  readonly ok: boolean;
  readonly ms: number;
  /** Why it is not ok, if the count does not say it; then the count, as the last line. */
  readonly lines: readonly string[];
}

/** What to run, and for how long at most. */
export interface VitestOptions {
  readonly projects: readonly TestProject[];
  /** More arguments for vitest: files, `-t`. */
  readonly args: readonly string[];
  /** A folder below `.cache`, emptied first: `vitest.json` is the report, `summary.txt` the line of the count. */
  readonly results: string;
  /** After this time the run is killed. */
  readonly limitMs: number;
}

const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
/** What Node.js has compiled once is not compiled again by the hundreds of processes that tests start. */
const COMPILE_CACHE = join(CACHE_DIR, 'node-compile');

/**
 * Empties the folder of results: a run that ends before its tests must not leave the count of an earlier one. If nothing can be
 * written there or in TMPDIR, says so on stderr and returns false.
 */
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

/** Makes sure that tests find a nats-server. If it can get no server, it says so on stderr and resolves with false. */
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

/** Runs vitest to its end. The folder of results has been emptied. */
export async function runVitest({ projects, args, results, limitMs }: VitestOptions): Promise<VitestRun> {
  // V8 counts what it compiles: code from the cache would count as covered in part.
  if (process.env.NODE_V8_COVERAGE === undefined) process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE;
  const folder = join(CACHE_DIR, results);
  const report = join(folder, 'vitest.json');
  const chosen = projects.map((project) => `--project=${project}`);
  const reporters = ['default', './tools/commands/time-reporter.ts', 'json'].map((name) => `--reporter=${name}`);
  // Node.js reads the configuration as it is. To bundle it, Vite would write into node_modules, which may be another user's.
  const all = ['run', '--configLoader=native', ...chosen, ...reporters, `--outputFile.json=${report}`, ...args];
  const { code, ms } = await runChild(process.execPath, [VITEST, ...all], limitMs);
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
