// Owns: running another program as a part of a command: in the checkout, in sight, and gone with the command.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How a program ended. */
export interface Ended {
  /** Its exit code, or 128 and above where a signal ended it. */
  readonly code: number;
  readonly ms: number;
  /** The signal that the command got meanwhile and passed on. */
  readonly interrupted: boolean;
}

/**
 * Runs a program in the checkout with the command's own output, and passes signals on to it.
 * @param limitMs after which it is killed
 */
export function runChild(program: string, args: readonly string[], limitMs: number): Promise<Ended> {
  const started = performance.now();
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  let interrupted = false;
  const forward = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  const limit = setTimeout(() => {
    process.stderr.write(`${program} was not done within ${limitMs / 60_000} min and is killed\n`);
    child.kill('SIGKILL');
  }, limitMs);
  return new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 128, ms: performance.now() - started, interrupted }));
  }).finally(() => {
    clearTimeout(limit);
    for (const signal of FORWARDED) process.off(signal, forward);
  });
}
