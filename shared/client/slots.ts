/**
 * Owns the bound on what is in flight: so many calls at once, so many more waiting for their turn, in their order.
 */
import { ErrorCode, RiposteError } from './errors.ts';

/** Calls that may wait for a slot: a few seconds of a busy game server. Beyond it the caller is told. */
const WAITING_MAX = 16_384;

/** A number of slots. */
export class Slots {
  readonly #max: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(max: number, waitingMax = WAITING_MAX) {
    this.#max = max;
    this.#waitingMax = waitingMax;
  }

  /** Runs `work` in a slot, when there is one. Rejects with `busy` where too many wait already. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#taken < this.#max) this.#taken += 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      // The slot goes to the next in line without becoming free in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) {
      throw new RiposteError(ErrorCode.BUSY, `${this.#waitingMax} calls wait for one of ${this.#max} slots`);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
