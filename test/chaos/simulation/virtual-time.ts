/**
 * Owns time: one clock for everybody, a queue of what is to happen, and the global timers of the code under test, which
 * runs as it is. What happens at the same millisecond happens in an order that the dice choose.
 *
 * Code of the project runs in events that belong to a process (replica.ts). Such an event runs to its end, the microtasks it
 * leaves behind included, before the next begins: so a timer that is set meanwhile is known to be this process's own.
 */
import TinyQueue from 'tinyqueue';
import type { Dice } from './dice.ts';

/** Whose event it is. */
export interface Owner {
  /** True where it may happen now; else the owner has kept or dropped it. */
  admit(event: Planned): boolean;
}

/** Something that is to happen. */
export interface Planned {
  at: number;
  /** Among what happens at the same time, the lowest is first. */
  tie: number;
  readonly run: () => void;
  readonly owner: Owner | null;
  /** A timer of the process, and nothing that came over the network. */
  readonly isTimer: boolean;
  cancelled: boolean;
}

/** When every simulation begins, in milliseconds since the epoch. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);
/** Ties that the dice draw are above; events that must keep their order are given lower ones, at or below zero. */
const TIES = 1 << 30;

const real = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  clearTimeout: globalThis.clearTimeout,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  now: performance.now.bind(performance),
};

/** The clock, and what is to happen. */
export class VirtualTime {
  readonly #dice: Dice;
  readonly #planned = new TinyQueue<Planned>([], (left, right) => left.at - right.at || left.tie - right.tie);
  #now = 0;
  #steps = 0;
  #hash = 0x811c9dc5;
  /** Whose code is running. */
  #current: Owner | null = null;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  /** Events that have happened. */
  get steps(): number {
    return this.#steps;
  }

  /** Stands for all that has happened, in its order. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** Makes a number part of the hash. */
  mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
  }

  /** Plans something in so many milliseconds. */
  after(ms: number, run: () => void, owner: Owner | null = null, isTimer = false): Planned {
    const at = this.#now + Math.max(0, Math.trunc(ms)); // as Node cuts them
    const event = { at, tie: this.#dice.integer(1, TIES), run, owner, isTimer, cancelled: false };
    this.#planned.push(event);
    return event;
  }

  /** Plans again, for now and in this order, what its owner has kept. */
  resume(kept: readonly Planned[]): void {
    for (const [index, event] of kept.entries()) {
      event.at = this.#now;
      event.tie = index - kept.length;
      this.#planned.push(event);
    }
  }

  /** Lets the next thing happen, to its end. False where nothing is to happen any more. */
  async step(): Promise<boolean> {
    for (;;) {
      const event = this.#planned.pop();
      if (event === undefined) return false;
      if (event.cancelled) continue;
      this.#now = Math.max(this.#now, event.at);
      if (event.owner === null) {
        this.#happen(event);
        return true;
      }
      if (!event.owner.admit(event)) continue;
      this.#current = event.owner;
      this.#happen(event);
      await new Promise((resolve) => real.setImmediate(resolve)); // every microtask that this has left behind
      this.#current = null;
      return true;
    }
  }

  #happen(event: Planned): void {
    this.#steps += 1;
    this.mix(this.#now);
    this.mix(event.tie);
    event.run();
  }

  /** Replaces the global timers and clocks until disposed of. What is called outside of a process's code is the real thing. */
  install(): Disposable {
    const set = (run: () => void, ms: number | undefined, every: boolean) => {
      const owner = this.#current;
      if (owner === null) return (every ? real.setInterval : real.setTimeout)(run, ms);
      return new VirtualTimer(this, owner, run, ms ?? 0, every);
    };
    const clear = (timer: unknown) => {
      if (timer instanceof VirtualTimer) timer.cancel();
      else real.clearTimeout(timer as NodeJS.Timeout);
    };
    globalThis.setTimeout = ((run: () => void, ms?: number) => set(run, ms, false)) as typeof setTimeout;
    globalThis.setInterval = ((run: () => void, ms?: number) => set(run, ms, true)) as typeof setInterval;
    globalThis.clearTimeout = clear as typeof clearTimeout;
    globalThis.clearInterval = clear as typeof clearInterval;
    performance.now = () => (this.#current === null ? real.now() : this.#now);
    return {
      [Symbol.dispose]: () => {
        globalThis.setTimeout = real.setTimeout;
        globalThis.setInterval = real.setInterval;
        globalThis.clearTimeout = real.clearTimeout;
        globalThis.clearInterval = real.clearInterval;
        Reflect.deleteProperty(performance, 'now');
      },
    };
  }
}

/** A timer of a process. */
class VirtualTimer {
  readonly #time: VirtualTime;
  readonly #owner: Owner;
  readonly #run: () => void;
  readonly #ms: number;
  readonly #every: boolean;
  #event: Planned;

  constructor(time: VirtualTime, owner: Owner, run: () => void, ms: number, every: boolean) {
    this.#time = time;
    this.#owner = owner;
    this.#run = run;
    this.#ms = ms;
    this.#every = every;
    this.#event = this.#plan();
  }

  cancel(): void {
    this.#event.cancelled = true;
  }

  /** No process ends by itself here. */
  unref(): this {
    return this;
  }

  #plan(): Planned {
    return this.#time.after(this.#ms, () => this.#fire(), this.#owner, true);
  }

  #fire(): void {
    if (this.#every) this.#event = this.#plan();
    this.#run();
  }
}
