// Owns a copy of the project in which a guard has been taken away, and running tests in it.
//
// 1. The project itself is never touched: the copy has its own sources, and shares packages and servers by link.
// 2. A copy goes when its test is over, whatever came of it.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Guard } from './guards.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COPIES_DIR = join(ROOT, '.cache', 'mutation');
/** What a copy shares with the project. */
const SHARED = ['node_modules', '.cache/nats-server'];
/** A run that hangs counts as one that died: a guard's absence may well show as a fight that never ends. */
const RUN_LIMIT_MS = 300_000;

/** What became of the tests of a run. */
export interface TestRun {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** It did not come to an end. */
  readonly hung: boolean;
  /** The end of what it wrote. */
  readonly said: string;
}

/** A copy of the project. */
export class Workbench {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Copies the project as it stands, less what git ignores. */
  static open(): Workbench {
    mkdirSync(COPIES_DIR, { recursive: true });
    const dir = mkdtempSync(join(COPIES_DIR, 'copy-'));
    const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    for (const path of listed.split('\0')) {
      if (path === '' || path.startsWith('docs/')) continue;
      try {
        cpSync(join(ROOT, path), join(dir, path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // listed, and deleted since
      }
    }
    for (const path of SHARED) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      symlinkSync(join(ROOT, path), join(dir, path));
    }
    return new Workbench(dir);
  }

  /** Takes a guard away. Throws where a part of its text is not there exactly once. */
  takeAway({ name, file, edits }: Guard): void {
    const path = join(this.#dir, file);
    let source = readFileSync(path, 'utf8');
    for (const [text, without] of edits) {
      const times = source.split(text).length - 1;
      if (times !== 1) throw new Error(`the guard "${name}" stands ${times} times in ${file}, not once: see guards.ts`);
      source = source.replace(text, () => without);
    }
    writeFileSync(path, source);
  }

  /** Runs the test that a guard's absence kills, in the copy. */
  async run({ dies: { file, test } }: Guard): Promise<TestRun> {
    const report = join(this.#dir, 'report.json');
    rmSync(report, { force: true });
    const child = spawn(
      process.execPath,
      [
        join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        '-t',
        test.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
        file,
      ],
      {
        cwd: this.#dir,
        env: { ...process.env, RIPOSTE_CHAOS: 'slice', VITEST: undefined, NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(-SAID_MAX_CHARS);
      });
    }
    let hung = false;
    const limit = setTimeout(() => {
      hung = true;
      process.kill(-child.pid!, 'SIGKILL');
    }, RUN_LIMIT_MS);
    await new Promise((resolve) => child.once('close', resolve));
    clearTimeout(limit);
    return { ...readReport(report), hung, said };
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

const SAID_MAX_CHARS = 8_000;

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

function readReport(path: string): { passed: string[]; failed: string[] } {
  let report: Report = { testResults: [] };
  try {
    report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {} // it did not come to an end
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const named = (status: string) => tests.filter((test) => test.status === status).map((test) => test.title);
  return { passed: named('passed'), failed: named('failed') };
}
