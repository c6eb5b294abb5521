// Owns: the checks that run no code of the project: the type check and the lint.

import { join } from 'node:path';
import { type Ended, ROOT, runChild } from './child.ts';

/** Both take seconds; minutes mean that they hang. */
const CHECK_LIMIT_MS = 10 * 60_000;

const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const BIOME = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');

/** Type checks the whole project. */
export function typeCheck(): Promise<Ended> {
  return runChild(process.execPath, [TSC, '--noEmit', '--project', ROOT], CHECK_LIMIT_MS);
}

/** Lints the whole project and checks its formatting. */
export function lint(): Promise<Ended> {
  return runChild(process.execPath, [BIOME, 'check', ROOT], CHECK_LIMIT_MS);
}

/** Formats the whole project and mends what the lint can mend safely. */
export function format(): Promise<Ended> {
  return runChild(process.execPath, [BIOME, 'check', '--write', ROOT], CHECK_LIMIT_MS);
}

/** One line of a summary, e.g. `type check    ok      1.2 s`. */
export function outcomeLine(name: string, ok: boolean, ms: number): string {
  return `${name.padEnd(14)}${(ok ? 'ok' : 'FAILED').padEnd(8)}${(ms / 1000).toFixed(1)} s`;
}
