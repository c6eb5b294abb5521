/**
 * Owns where moves ended that are open no more, or why they never were: what is said of a move that turns up again.
 */

/** Ends that are remembered of a session; of an older move that turns up again it is said that nobody declared it. */
const ENDS_MAX = 65_536;

/** How a move ended, and which invariant its second coming breaks. */
interface End {
  readonly invariant: string;
  readonly what: string;
}

/** The ends of a session's moves. */
export class Ends {
  readonly #ends = new Map<string, End>();

  find(id: string): End | undefined {
    return this.#ends.get(id);
  }

  /** The move ended; a later end replaces an earlier one. */
  note(id: string, invariant: string, what: string): void {
    this.#ends.delete(id);
    this.#ends.set(id, { invariant, what });
    for (const oldest of this.#ends.keys()) {
      if (this.#ends.size <= ENDS_MAX) break;
      this.#ends.delete(oldest);
    }
  }

  /** A move of that name has been accepted anew. */
  forget(id: string): void {
    this.#ends.delete(id);
  }
}
