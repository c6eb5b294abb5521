/**
 * Owns what goes wrong: which kinds of faults a seed knows, how often each strikes, and when all of them stop. Each seed leaves
 * some kinds out and has others often, so that no fault always hides behind another.
 */
import type { Dice } from './dice.ts';

/** Every kind of fault, with how often it may strike at the most when it is asked for. */
const WORST = {
  // of a request to the server, and of its answer
  'request lost': 0.05,
  'answer lost': 0.08,
  'request executed after its sender gave up': 0.03,
  'slow answer': 0.2,
  'server unavailable': 0.05,
  'no storage left': 0.03,
  'read failed': 0.05,
  'stale read': 0.5,
  'stale leader': 0.3,
  'stale snapshot': 0.5,
  // of a delivery, and of what is said about it
  'acknowledgement lost': 0.2,
  'delivered again early': 0.1,
  'follower lagged': 0.3,
  'follower went back': 0.05,
  // of a process: asked at every call it makes, and every second
  'killed before a call': 0.02,
  'killed after a call': 0.02,
  'frozen at a call': 0.015,
  'killed at rest': 0.05,
  'frozen at rest': 0.05,
  'stopped and started': 0.05,
  // of the server: asked every second, or when it is about to do a thing
  'leader changed': 0.3,
  'leader stays behind': 0.2,
  'leader lost with a proposal': 0.01,
  'slow commit': 0.1,
  'buckets lost': 0.1,
  'lock expired early': 0.3,
  'timer late': 0.3,
  'timer fired twice': 0.3,
  // of a client
  'sent twice': 0.3,
} as const;

const KINDS = Object.keys(WORST) as (keyof typeof WORST)[];
/** What comes of the others, and is counted when it does. */
const CONSEQUENCES = ['newer timer purged', 'proposal lost', 'conflict'] as const;

/** A kind of fault. */
export type Fault = (typeof KINDS)[number] | (typeof CONSEQUENCES)[number];
/** All of them. */
export const FAULTS: readonly Fault[] = [...KINDS, ...CONSEQUENCES];

/** A kind strikes at all in so many seeds. */
const SHARE = 0.6;

/** The faults of one run. */
export class Weather {
  readonly #dice: Dice;
  readonly #rates = new Map<Fault, number>();
  /** How often each kind has struck. */
  readonly struck = new Map<Fault, number>();
  #calm = false;

  constructor(dice: Dice) {
    this.#dice = dice;
    for (const kind of KINDS) {
      if (dice.happens(SHARE)) this.#rates.set(kind, WORST[kind] * dice.roll());
    }
  }

  /** True once the faults have stopped. */
  get calm(): boolean {
    return this.#calm;
  }

  /** Ends all faults. */
  becomeCalm(): void {
    this.#calm = true;
  }

  /** Whether a fault strikes now. */
  strikes(kind: Fault): boolean {
    const rate = this.#rates.get(kind);
    if (this.#calm || rate === undefined || !this.#dice.happens(rate)) return false;
    this.note(kind);
    return true;
  }

  /** Counts what has come about without being asked for. */
  note(kind: Fault): void {
    this.struck.set(kind, (this.struck.get(kind) ?? 0) + 1);
  }
}
