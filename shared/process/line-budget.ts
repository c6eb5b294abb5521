/**
 * Owns the bound on log lines about what somebody else may do a thousand times a second: so many in a window, and the next
 * line that is let through says how many were not.
 */

/** A bound on log lines. */
export class LineBudget {
  readonly #linesMax: number;
  readonly #windowMs: number;
  #windowEndMs = Number.NEGATIVE_INFINITY;
  #left = 0;
  #suppressed = 0;

  /** Lets `linesMax` lines through in each `windowMs` milliseconds. */
  constructor(linesMax: number, windowMs: number) {
    this.#linesMax = linesMax;
    this.#windowMs = windowMs;
  }

  /**
   * Asks for one line at a time of any clock, in milliseconds.
   * @returns null where the line is not to be written, else how many were not written since the last that was
   */
  take(nowMs: number): number | null {
    if (nowMs >= this.#windowEndMs) {
      this.#windowEndMs = nowMs + this.#windowMs;
      this.#left = this.#linesMax;
    }
    if (this.#left === 0) {
      this.#suppressed++;
      return null;
    }
    this.#left--;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
