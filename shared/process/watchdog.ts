/**
 * Owns the end of a process whose event loop hangs: rules or a policy that never return, a
 * full pipe behind stdout. Such a process holds its lock and
 * its tasks, answers no signal and says nothing; killed, its tasks are delivered to somebody else.
 *
 * 1. The main thread beats; a worker thread counts its own ticks without a beat, and kills the process at TICKS_MAX.
 * 2. Ticks are counted, time is not compared: a process that was paused as a whole (SIGSTOP, a sleeping machine) wakes to
 *    one late tick and one late beat, and goes on.
 *
 * Left to watchdog-thread.ts: the counting.
 */
import inspector from 'node:inspector';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from './logging.ts';
import type { WatchdogOrder } from './watchdog-thread.ts';

/** Longer than any honest pass of a slow machine, garbage collection and paging included. */
const LIMIT_MIN_MS = 30_000;
/** By then the server has handed the work to others twice over, and nobody waits for this process. */
const LIMIT_ACK_WAITS = 3;
/** The limit is told to one part in this many. */
const TICKS_MAX = 30;
/** Enough for a thread that only counts. */
const THREAD_HEAP_MB = 16;

/** How long the event loop may be blocked, in milliseconds. */
export function watchdogLimitMs(ackWaitMs: number): number {
  return Math.max(LIMIT_MIN_MS, LIMIT_ACK_WAITS * ackWaitMs);
}

/**
 * Watches this thread's event loop from now on. Keeps no process alive.
 * @param name whose loop it is, for the line on stderr
 */
export function startWatchdog(name: string, limitMs: number, logger: Logger): void {
  // At a breakpoint the loop stands still, and is meant to.
  if (inspector.url() !== undefined) return;
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const tickMs = limitMs / TICKS_MAX;
  const order: WatchdogOrder = { name, beats, tickMs, ticksMax: TICKS_MAX, limitMs };
  // This file and the thread's are TypeScript in a checkout and JavaScript in the package.
  const thread = new Worker(new URL(`./watchdog-thread${extname(import.meta.url)}`, import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
  });
  thread.unref();
  thread.on('error', (error) => logger.warn({ err: error }, 'the watchdog has gone; the process goes on unwatched'));
  // Twice a tick, so that a tick never falls between two beats by rounding.
  setInterval(() => void Atomics.add(beats, 0, 1), tickMs / 2).unref();
}
