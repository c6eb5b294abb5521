/**
 * Owns one strike: accuracy, crit roll, dodge, parry, block, damage, in this order. It says what the strike came to and
 * changes nobody; when strikes happen is for exchange.ts.
 */
import type { Chance } from '#combat/chance.ts';
import type { Hit } from '#contracts/result.ts';
import { damageDealt, rollPoints } from './damage.ts';
import type { ClassicStats, Weapon } from './stats.ts';

/** One side of an exchange, as far as strikes concern it. */
export interface Fighter {
  readonly id: string;
  readonly stats: ClassicStats;
  /** The zones it guards. */
  readonly guard: readonly string[];
  /** The target of a forced exchange: it neither evades nor blocks nor strikes. Resistance and armour protect it. */
  readonly isDummy: boolean;
}

/** What a fighter does in one wave: one strike, or several that share the weapon's damage, one for each zone. */
export interface Blow<Side extends Fighter = Fighter> {
  readonly attacker: Side;
  readonly defender: Side;
  readonly weapon: Weapon;
  readonly hand: 'main' | 'off';
  /** The zones aimed at; empty for one strike at no zone in particular. */
  readonly zones: readonly string[];
}

/** The strikes of a blow, each rolled for itself. */
export function strikesOf(blow: Blow, wave: number, chance: Chance): Hit[] {
  if (blow.zones.length === 0) return [strike(blow, strayZone(blow.defender, chance), 1, wave, chance)];
  return blow.zones.map((zone) => strike(blow, zone, blow.zones.length, wave, chance));
}

/** Where a strike lands that is aimed nowhere: anywhere. So leaving the aim out is no way round a guard. */
function strayZone(defender: Fighter, chance: Chance): string {
  return defender.stats.zones[chance.integer(0, defender.stats.zones.length - 1)]!;
}

/** One strike into a zone, one of `sharers` that share the blow's damage. */
function strike(blow: Blow, zone: string, sharers: number, wave: number, chance: Chance): Hit {
  const { attacker, defender, weapon, hand } = blow;
  const came = (outcome: Hit['outcome'], damage: number): Hit => ({
    source_id: attacker.id,
    target_id: defender.id,
    wave,
    hand,
    zone,
    outcome,
    damage,
  });

  if (!chance.happens(attacker.stats.accuracy)) return came('miss', 0);
  const isCrit = chance.happens(attacker.stats.crit_chance);
  if (!defender.isDummy) {
    if (chance.happens(defender.stats.dodge)) return came('dodge', 0);
    if (chance.happens(defender.stats.parry)) return came('parry', 0);
    if (defender.guard.includes(zone)) return came('block', 0);
  }
  const factor = (isCrit ? attacker.stats.crit_multiplier : 1) / sharers;
  const damage = damageDealt(rollPoints(weapon.damage, weapon.spread, chance), factor, defender.stats);
  return came(isCrit ? 'crit' : 'hit', damage);
}
