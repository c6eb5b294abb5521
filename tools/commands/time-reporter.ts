// Prints at the end of a run what its time was spent on: kinds of tests, the slowest files, the slowest tests. A reporter of
// vitest (see vitest-run.ts).

import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { ROOT } from './child.ts';

const SHOWN = 10;
/** `test/integration/client/fight.test.ts` is of the kind `test/integration`. */
const KIND_PARTS = 2;

interface Timed {
  readonly name: string;
  readonly ms: number;
}

/** Takes each file as it ends; prints when the last one has. */
export default class TimeReporter implements Reporter {
  readonly #files: Timed[] = [];
  readonly #tests: Timed[] = [];

  onTestModuleEnd(module: TestModule): void {
    const name = relative(ROOT, module.moduleId);
    const { duration, collectDuration, environmentSetupDuration, prepareDuration } = module.diagnostic();
    this.#files.push({ name, ms: duration + collectDuration + environmentSetupDuration + prepareDuration });
    for (const test of module.children.allTests()) {
      this.#tests.push({ name: `${name} > ${test.fullName}`, ms: test.diagnostic()?.duration ?? 0 });
    }
  }

  onTestRunEnd(): void {
    if (this.#files.length <= 1) return;
    const lines = [
      ' Time spent, files beside each other added up',
      ...tableOf(byKind(this.#files)),
      ' Slowest files',
      ...tableOf(this.#files),
      ' Slowest tests',
      ...tableOf(this.#tests),
    ];
    process.stdout.write(`${lines.join('\n')}\n\n`);
  }
}

function byKind(files: readonly Timed[]): Timed[] {
  const kinds = Map.groupBy(files, ({ name }) => name.split(/[\\/]/).slice(0, KIND_PARTS).join('/'));
  return Array.from(kinds, ([kind, of]) => ({
    name: `${kind} (${of.length} files)`,
    ms: of.reduce((sum, { ms }) => sum + ms, 0),
  }));
}

function tableOf(all: readonly Timed[]): string[] {
  const slowest = all.toSorted((one, other) => other.ms - one.ms).slice(0, SHOWN);
  return slowest.map(({ name, ms }) => `${(ms / 1000).toFixed(1).padStart(9)} s  ${name}`);
}
