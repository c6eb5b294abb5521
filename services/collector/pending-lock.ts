/**
 * Owns a pass's dealings with the `sys:busy` lock: taken at most once, together with the append where it is believed free;
 * and before the pass acknowledges, either its task has been sent or it is free again.
 */
import type { Effects } from '#jetstream/effects.ts';
import { free, type LockTry, takePending } from '#jetstream/lock.ts';
import type { Metrics } from '#process/metrics.ts';
import type { Desk } from './desk.ts';

/** A free lock whose time to live is nearly over is taken for gone. */
const EXPIRY_MARGIN_MS = 1_000;

/** Clocks differ: a timer that fires before the lock has expired here is not armed again for this very moment. */
const LOOK_AGAIN_MIN_MS = 1_000;

/** The lock as one pass sees it. */
export class PendingLock {
  /** The owner's name in the lock, and the Msg-Id of the task. */
  readonly nonce: string;
  readonly #effects: Effects;
  readonly #metrics: Metrics;
  readonly #desk: Desk;
  readonly #lockTtlMs: number;
  #attempt: Promise<LockTry> | null = null;

  constructor(effects: Effects, metrics: Metrics, desk: Desk, lockTtlMs: number) {
    this.nonce = effects.nonce();
    this.#effects = effects;
    this.#metrics = metrics;
    this.#desk = desk;
    this.#lockTtlMs = lockTtlMs;
  }

  /** True where nothing is known against trying. */
  get looksFree(): boolean {
    return this.#attempt !== null || this.#desk.busyUntil <= this.#effects.now();
  }

  /** Tries to take the lock; a second call waits for the first. */
  take(): Promise<LockTry> {
    if (this.#attempt === null) {
      this.#attempt = takePending(this.#effects, this.#desk.sessionId, this.nonce, this.#believedRevision());
      this.#attempt.catch(() => {}); // whoever needs the lock awaits the attempt itself
    }
    return this.#attempt;
  }

  /**
   * The lock is another's now: the executor's that gets our task, or whoever was first.
   *
   * @param taskSent a task of ours goes with it: while that is not acknowledged, its heartbeat is still to come
   */
  busy(taskSent: boolean): void {
    this.#desk.busyUntil = this.#effects.now() + this.#lockTtlMs;
    this.#desk.taskSent = taskSent;
    this.#desk.freeRevision = 0;
  }

  /** When the lock must be looked at again; null where a heartbeat is sure to come (I6, docs/adr/0008-a-sent-task-needs-no-timer.md). */
  get lookAgainAt(): number | null {
    return this.#desk.taskSent ? null : Math.max(this.#desk.busyUntil, this.#effects.now() + LOOK_AGAIN_MIN_MS);
  }

  /** Frees the lock where it was taken for nothing. */
  async release(): Promise<void> {
    if (this.#attempt === null) return;
    const attempt = await this.#attempt;
    if (!attempt.held) return;
    this.#desk.freeRevision = (await free(this.#effects, this.#desk.sessionId, this.nonce, attempt.revision)) ?? 0;
    this.#desk.freedAt = this.#effects.now();
    this.#metrics.locks.freed += 1;
  }

  #believedRevision(): number {
    const { freeRevision, freedAt } = this.#desk;
    const expired = this.#effects.now() - freedAt > this.#lockTtlMs - EXPIRY_MARGIN_MS;
    return expired ? 0 : freeRevision;
  }
}
