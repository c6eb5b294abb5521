/**
 * Owns the locks this process holds as `running`: they are renewed at a third of their time to live while the work goes on,
 * and freed by their own revision only, so that a zombie frees nobody else's.
 */
import type { Effects } from '#jetstream/effects.ts';
import { free, renew } from '#jetstream/lock.ts';
import { PassingSet } from '#jetstream/passing.ts';

const TICKS_PER_TTL = 3;

/** One lock held. */
export interface HeldLock {
  /** Frees it; a second call does nothing more. Resolves to the free lock's revision, or null where it was lost. */
  free(): Promise<number | null>;
}

interface Entry {
  readonly sessionId: string;
  readonly nonce: string;
  /** Its revision; null once it is lost. A renewal under way is waited for. */
  revision: Promise<number | null>;
  renewedAt: number;
}

/** The locks in hand. */
export class HeldLocks {
  readonly #effects: Effects;
  readonly #tickMs: number;
  readonly #held = new PassingSet<Entry>();
  readonly #ticker: NodeJS.Timeout;

  constructor(effects: Effects, lockTtlMs: number) {
    this.#effects = effects;
    this.#tickMs = lockTtlMs / TICKS_PER_TTL;
    this.#ticker = setInterval(() => this.#tick(), this.#tickMs);
    this.#ticker.unref();
  }

  /** Takes a claimed lock in hand. */
  hold(sessionId: string, nonce: string, revision: number): HeldLock {
    const entry: Entry = { sessionId, nonce, revision: Promise.resolve(revision), renewedAt: performance.now() };
    this.#held.add(entry);
    let freed: Promise<number | null> | null = null;
    return {
      free: () => {
        freed ??= this.#free(entry);
        return freed;
      },
    };
  }

  /** Stops renewing. */
  close(): void {
    clearInterval(this.#ticker);
  }

  async #free(entry: Entry): Promise<number | null> {
    this.#held.delete(entry);
    const revision = await entry.revision;
    return revision === null ? null : free(this.#effects, entry.sessionId, entry.nonce, revision);
  }

  #tick(): void {
    const now = performance.now();
    for (const entry of this.#held) {
      if (now - entry.renewedAt < this.#tickMs) continue;
      entry.renewedAt = now;
      entry.revision = entry.revision.then((revision) =>
        revision === null ? null : renew(this.#effects, entry.sessionId, entry.nonce, revision),
      );
    }
  }
}
