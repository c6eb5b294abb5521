/**
 * Owns the end of a process: the signals that ask for it, the order in which its parts stop, and its exit code.
 *
 * 1. Exit 0 means drained: every step ended without an error. Exit 1 says which step failed or was stuck.
 * 2. The whole of it takes no longer than DRAIN_LIMIT_MS, whatever a step does.
 * 3. An error nobody caught ends the process at once, with its stack in the log.
 *
 * Left to the steps: what draining a part means.
 */
import { constants } from 'node:os';
import type { Logger } from './logging.ts';
import { StartError } from './start-error.ts';

/** One part to be stopped. Steps run one after the other. */
export interface StopStep {
  /** As it is named when it is stuck: `consumer`, `snapshots`, `connection`. */
  readonly name: string;
  stop(): void | Promise<void>;
}

/** Ten seconds are promised, and container runtimes kill after ten: our own line must come before that. */
export const DRAIN_LIMIT_MS = 9_000;
/** Ctrl-C reaches a whole process group, and a parent in it forwards it: two signals this close are one wish. */
const SAME_WISH_MS = 500;

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** What a shutdown may be told by a test. */
export interface ShutdownOptions {
  readonly limitMs?: number;
  readonly sameWishMs?: number;
}

/** How a process ends. One a process. */
export class Shutdown {
  readonly #logger: Logger;
  readonly #limitMs: number;
  readonly #sameWishMs: number;
  #steps: StopStep[] = [];
  #drainingSinceMs: number | null = null;
  #running = 'nothing';

  constructor(logger: Logger, options: ShutdownOptions = {}) {
    this.#logger = logger;
    this.#limitMs = options.limitMs ?? DRAIN_LIMIT_MS;
    this.#sameWishMs = options.sameWishMs ?? SAME_WISH_MS;
  }

  /** True from the first signal on: what closes now was meant to. */
  get draining(): boolean {
    return this.#drainingSinceMs !== null;
  }

  /** Puts steps before those that are there: what was started last is stopped first. */
  stopFirst(...steps: readonly StopStep[]): void {
    this.#steps.unshift(...steps);
  }

  /** Takes over the process's signals and uncaught errors. */
  listen(): void {
    for (const signal of SIGNALS) process.on(signal, () => this.#onSignal(signal));
    process.on('uncaughtException', (error) => this.fail(error));
    process.on('unhandledRejection', (reason) => this.fail(reason));
  }

  /** Runs the steps and exits. */
  async #drain(why: string): Promise<void> {
    const startedMs = performance.now();
    this.#drainingSinceMs = startedMs;
    this.#logger.info({ why }, 'draining');
    setTimeout(() => {
      this.#logger.fatal({ step: this.#running, limitMs: this.#limitMs }, `not drained: ${this.#running} is stuck`);
      process.exit(1);
    }, this.#limitMs);
    let failed = false;
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      this.#running = step.name;
      try {
        await step.stop();
      } catch (error) {
        failed = true;
        this.#logger.error({ err: error, step: step.name }, `${step.name} did not stop cleanly`);
      }
    }
    this.#logger.info({ ms: Math.round(performance.now() - startedMs) }, failed ? 'stopped' : 'drained');
    process.exit(failed ? 1 : 0);
  }

  /** Ends the process at once: nothing it does from here on can be trusted. A StartError is one line without its stack. */
  fail(error: unknown): never {
    if (error instanceof StartError) {
      this.#logger.fatal(error.message);
      process.exit(error.exitCode);
    }
    this.#logger.fatal({ err: error instanceof Error ? error : new Error(String(error)) }, 'uncaught error');
    process.exit(1);
  }

  #onSignal(signal: (typeof SIGNALS)[number]): void {
    if (this.#drainingSinceMs === null) {
      void this.#drain(signal);
      return;
    }
    if (performance.now() - this.#drainingSinceMs < this.#sameWishMs) return;
    this.#logger.warn({ step: this.#running }, `${signal} again: not waiting for ${this.#running}`);
    process.exit(128 + constants.signals[signal]);
  }
}
