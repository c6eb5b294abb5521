/**
 * Owns the thread beside the main one that counts ticks without a beat: see watchdog.ts. Run as a worker only.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

/** What the main thread hands over. */
export interface WatchdogOrder {
  readonly name: string;
  /** One counter, moved on by the main thread. */
  readonly beats: Int32Array;
  readonly tickMs: number;
  /** So many ticks in a row without a beat end the process. */
  readonly ticksMax: number;
  /** Said in the line on stderr. */
  readonly limitMs: number;
}

const STDERR = 2;

function watch({ name, beats, tickMs, ticksMax, limitMs }: WatchdogOrder): void {
  let lastBeat = Atomics.load(beats, 0);
  let silentTicks = 0;
  setInterval(() => {
    const beat = Atomics.load(beats, 0);
    silentTicks = beat === lastBeat ? silentTicks + 1 : 0;
    lastBeat = beat;
    if (silentTicks >= ticksMax) kill(name, limitMs);
  }, tickMs);
}

function kill(name: string, limitMs: number): void {
  try {
    writeSync(
      STDERR,
      `${name}: killed, its event loop was blocked for ${limitMs} ms (rules or a policy that hang, or a stdout that nobody reads?)\n`,
    );
  } finally {
    // The main thread hears nothing: no handler, no exit code. SIGKILL is the one thing that ends it.
    process.kill(process.pid, 'SIGKILL');
  }
}

watch(workerData as WatchdogOrder);
