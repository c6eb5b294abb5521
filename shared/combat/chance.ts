/**
 * Owns chance: a generator seeded by the session's seed, the ordinal of the action it is rolled for, and what it is rolled
 * for. Keeps I9: the same three always give the same rolls, in every engine, whatever was rolled before elsewhere.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** Seeded chance, handed to rules, targeting and policies. Every call moves it on. */
export interface Chance {
  /** A number from 0 (included) to 1 (excluded). */
  roll(): number;
  /** True with the given probability, from 0 to 1. Always rolls, so that a changed stat shifts no later roll. */
  happens(probability: number): boolean;
  /** A whole number from `min` to `max`, both included. Throws where they are no safe integers, or `min` is above `max`. */
  integer(min: number, max: number): number;
  /** `count` distinct items in the order drawn; all of them, shuffled, where there are fewer. */
  draw<Item>(items: readonly Item[], count: number): Item[];
}

/** What a roll is for: rolls for one purpose tell nothing about those for another. */
export type Purpose = 'rules' | 'targets' | 'policy';

/** The generator for one purpose of one action (or of one AI request, by its id). */
export function chanceOf(seed: string, ordinal: string, purpose: Purpose): Chance {
  const generator = xoroshiro128plusFromState(stateOf(`${purpose}\u0000${ordinal}\u0000${seed}`));
  const roll = () => uniformFloat64(generator);
  const integer = (min: number, max: number) => {
    // The generator would look for such a number for ever, and the executor's process with it.
    if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min > max || !Number.isSafeInteger(max - min)) {
      throw new RangeError(`no whole number lies between ${min} and ${max}`);
    }
    return uniformInt(generator, min, max);
  };
  return {
    roll,
    happens: (probability) => roll() < probability,
    integer,
    draw(items, count) {
      const pool = items.slice();
      const wanted = Math.min(count, pool.length);
      for (let index = 0; index < wanted; index++) {
        const other = integer(index, pool.length - 1);
        const drawn = pool[other]!;
        pool[other] = pool[index]!;
        pool[index] = drawn;
      }
      pool.length = wanted;
      return pool;
    },
  };
}

// Four lanes of FNV-1a with different offsets, each finished by MurmurHash3's mixer: nearby ordinals give unrelated
// states. Never all zero, which is the one state the generator cannot leave.
const FNV_PRIME = 0x01000193;
const LANE_OFFSETS = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35] as const;

function stateOf(text: string): [number, number, number, number] {
  const state = LANE_OFFSETS.map((offset) => {
    let hash: number = offset;
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) | 0;
  }) as [number, number, number, number];
  if (state.every((lane) => lane === 0)) state[0] = 1;
  return state;
}
