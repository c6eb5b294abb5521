/**
 * Owns the messages between where a fold stands and the end of what has been read. A decision names the prefix of the log
 * it was made on, and stands in the log after it: a judge folds to that prefix, and must not have folded past it.
 */
import type { LogEntry } from '#contracts/log-message.ts';

/**
 * Messages of a session that may wait. A writer that decides on an older prefix than this, and still is the next on its
 * subject, is not judged by its prefix.
 */
const WAITING_MAX = 10_000;
/** Messages at the head of the list that are folded already, before they are let go. */
const SPENT_MAX = 512;

/** A fold that lags. */
export class Lagging<Entry extends Pick<LogEntry, 'seq'> = LogEntry> {
  readonly #fold: (entry: Entry) => void;
  #waiting: Entry[] = [];
  #next = 0;
  #position = 0;

  constructor(fold: (entry: Entry) => void) {
    this.#fold = fold;
  }

  /** Sequence of the last message folded. */
  get position(): number {
    return this.#position;
  }

  /** Takes the next message. */
  push(entry: Entry): void {
    this.#waiting.push(entry);
    if (this.#waiting.length - this.#next > WAITING_MAX) this.#foldNext();
  }

  /** Folds every message up to a sequence. */
  foldTo(seq: number): void {
    while (this.#next < this.#waiting.length && this.#waiting[this.#next]!.seq <= seq) this.#foldNext();
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
  }

  #foldNext(): void {
    const entry = this.#waiting[this.#next++]!;
    this.#position = entry.seq;
    this.#fold(entry);
    if (this.#next < SPENT_MAX) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }
}
