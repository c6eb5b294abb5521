/**
 * Owns the formula of damage: base plus or minus a spread, times the crit multiplier, less resistance, less flat armour.
 * Keeps: damage is a whole number and never below 0. Multiplication and rounding only: engines agree on those to the bit.
 */
import type { Chance } from '#combat/chance.ts';
import type { ClassicStats } from './stats.ts';

/** Whole points from `base - spread` to `base + spread`, each as likely as the next, and none below 0. */
export function rollPoints(base: number, spread: number, chance: Chance): number {
  return chance.integer(Math.max(0, base - spread), base + spread);
}

/** What of `points` arrives: `factor` is the crit multiplier, or 1, over the strikes that share the blow. */
export function damageDealt(points: number, factor: number, defender: ClassicStats): number {
  const resisted = Math.round(points * factor * (1 - defender.resistance));
  return Math.max(0, resisted - defender.armour);
}
