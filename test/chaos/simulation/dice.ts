/**
 * Owns chance: one seeded generator decides everything that a simulation leaves open, so that a seed is a run.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** The first rolls of neighbouring seeds are alike. */
const SPENT = 64;

/** Seeded chance. Every call moves it on. */
export class Dice {
  readonly #generator;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
    for (let roll = 0; roll < SPENT; roll++) this.#generator.next();
  }

  /** A number from 0 (included) to 1 (excluded). */
  roll(): number {
    return uniformFloat64(this.#generator);
  }

  /** True with the given probability. */
  happens(probability: number): boolean {
    return this.roll() < probability;
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return uniformInt(this.#generator, min, max);
  }

  /** One of several. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(0, items.length - 1)]!;
  }

  /** A whole number from `min` to `max`, small ones as likely as large ones by their order of magnitude. */
  magnitude(min: number, max: number): number {
    return Math.floor(min * (max / min) ** this.roll());
  }
}
