// Owns: what the arena does while a server or a role is away: it tries again until they are back. Roles say in their log
// that the server is away; to say it once more for every fight helps nobody.

import { setTimeout as pause } from 'node:timers/promises';
import { RiposteError } from '#client/errors.ts';

const RETRY_MS = 1_000;

/** Does `work` until it succeeds; undefined where the signal came first. Rejects with what trying again does not mend. */
export async function persist<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result | undefined> {
  while (!signal.aborted) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RiposteError) || !error.retryable) throw error;
      await rest(RETRY_MS, signal);
    }
  }
  return undefined;
}

/** Waits, until the signal at most. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await pause(ms, undefined, { signal }).catch(() => {});
}
