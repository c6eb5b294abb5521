// `npm run test:coverage`: the quick tests, and which lines and branches of the product they reach. V8 counts in every process
// that the tests start, roles and commands too. A process that a test kills outright cannot tell what it reached.
//
// It ends with 0 if no test failed. The report is a page, .cache/coverage/index.html, and a table on stdout.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIR } from '../setup/folder.mjs';
import { outcomeLine } from './checks.ts';
import { ROOT, runChild } from './child.ts';
import { emptyResults, runVitest, serverForTests } from './vitest-run.ts';

const TEST_LIMIT_MS = 60 * 60_000;
const RESULTS = 'coverage-results';
const REPORT_LIMIT_MS = 10 * 60_000;

const COVERED = ['shared', 'services', 'cli', 'rules', 'policies'];
const C8 = join(ROOT, 'node_modules', 'c8', 'bin', 'c8.js');

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (!emptyResults(RESULTS) || !(await serverForTests())) return 1;
  const raw = join(CACHE_DIR, 'coverage-raw');
  const report = join(CACHE_DIR, 'coverage');
  for (const folder of [raw, report]) rmSync(folder, { recursive: true, force: true });
  process.env.NODE_V8_COVERAGE = raw; // Node.js hands it on to every process below
  const tests = await runVitest({
    projects: ['pure', 'real'],
    args,
    results: RESULTS,
    limitMs: TEST_LIMIT_MS,
  });
  delete process.env.NODE_V8_COVERAGE;
  const shown = COVERED.map((folder) => `--include=${folder}/**`);
  const reporters = ['text', 'html', 'json'].map((name) => `--reporter=${name}`);
  const where = [`--temp-directory=${raw}`, `--reports-dir=${report}`];
  await runChild(process.execPath, [C8, 'report', '--all', ...where, ...shown, ...reporters], REPORT_LIMIT_MS);
  process.stdout.write(`${[outcomeLine('tests', tests.ok, tests.ms), ...tests.lines].join('\n')}\n`);
  return tests.ok ? 0 : 1;
}
