// Owns: waiting for other processes to do something they tell nobody about, such as to be gone.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

/** What does not happen in this time does not happen, however busy the machine is. */
const UNTIL_LIMIT_MS = 100_000;
const LOOK_MS = 20;

/** Resolves as soon as `holds`; fails with `what` where it never does. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + UNTIL_LIMIT_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await pause(LOOK_MS);
  }
}

/** Whether there is such a process that runs: one that waits for its parent to take note of its end does not. */
export function isAlive(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return false;
  }
}

/** The parent of a process. */
export function parentOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));
}

/** The first line that a program prints. */
export async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  throw new Error('the program ended without a line');
}

/** How a program ended. */
export function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}
