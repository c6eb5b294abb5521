// Owns: showing lines no faster than they can be read. Two lanes: what goes first is written before what else waits. Lines
// that may be left out are, when too many wait, and how many is said where they would have stood.

import type { Line } from './account.ts';

/** Eight lines a second can just be followed. */
const LINE_EVERY_MS = 125;
/** Blows that wait in a lane: seven seconds behind the fight, and no more. */
const BLOWS_MAX = 56;
/** Lines of any kind that wait in a lane. */
const LINES_MAX = 200;

/** Lines that wait, and how many were left out since the last of them. */
class Lane {
  readonly #waiting: string[] = [];
  #leftOut = 0;

  get size(): number {
    return this.#waiting.length;
  }

  add({ text, weight }: Line): void {
    if (this.#waiting.length >= (weight === 'blow' ? BLOWS_MAX : LINES_MAX)) {
      this.#leftOut += 1;
      return;
    }
    this.#sayLeftOut();
    this.#waiting.push(text);
  }

  next(): string | undefined {
    if (this.#waiting.length === 0) this.#sayLeftOut();
    return this.#waiting.shift();
  }

  #sayLeftOut(): void {
    if (this.#leftOut === 0) return;
    this.#waiting.push(`          ... and ${this.#leftOut} more`);
    this.#leftOut = 0;
  }
}

/** Writes lines at a pace. */
export class PacedLines {
  readonly #write: (line: string) => void;
  readonly #first = new Lane();
  readonly #rest = new Lane();
  readonly #timer: NodeJS.Timeout;

  constructor(write: (line: string) => void) {
    this.#write = write;
    this.#timer = setInterval(() => this.#tick(), LINE_EVERY_MS);
  }

  /** Lines that wait for their turn behind the first. */
  get backlog(): number {
    return this.#rest.size;
  }

  /** Adds a line; one that goes first is written before all others. */
  add(line: Line, goesFirst: boolean): void {
    (goesFirst ? this.#first : this.#rest).add(line);
  }

  /** Writes no more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const line = this.#first.next() ?? this.#rest.next();
    if (line !== undefined) this.#write(line);
  }
}
