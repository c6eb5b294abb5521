/**
 * Owns telling the server that deliveries are being worked on, where that takes longer than usual: a backlog, a lock to
 * wait for. For a bounded time: what never ends must come again, to another process.
 */
import type { Delivery } from './delivery.ts';
import type { Effects } from './effects.ts';
import { PassingMap } from './passing.ts';

/** So many times ACK_WAIT a delivery is held on to at the most. */
const HOLD_MAX_ACK_WAITS = 30;
const TICKS_PER_ACK_WAIT = 3;

/** Deliveries in hand. */
export class Keepalive {
  readonly #effects: Effects;
  readonly #ackWaitMs: number;
  readonly #held = new PassingMap<Delivery, number>();
  readonly #ticker: NodeJS.Timeout;

  constructor(effects: Effects, ackWaitMs: number) {
    this.#effects = effects;
    this.#ackWaitMs = ackWaitMs;
    this.#ticker = setInterval(() => this.#tick(), ackWaitMs / TICKS_PER_ACK_WAIT);
    this.#ticker.unref();
  }

  /** How many deliveries are in hand. */
  get size(): number {
    return this.#held.size;
  }

  /** Takes a delivery in hand. */
  hold(delivery: Delivery): void {
    this.#held.set(delivery, performance.now());
  }

  /** It has been acknowledged or given back. */
  release(delivery: Delivery): void {
    this.#held.delete(delivery);
  }

  /** Stops telling. */
  close(): void {
    clearInterval(this.#ticker);
  }

  #tick(): void {
    const now = performance.now();
    for (const [delivery, since] of this.#held) {
      const heldMs = now - since;
      if (heldMs < this.#ackWaitMs / TICKS_PER_ACK_WAIT) break; // in the order in which they came
      if (heldMs > this.#ackWaitMs * HOLD_MAX_ACK_WAITS) this.#held.delete(delivery);
      else this.#effects.working(delivery);
    }
  }
}
