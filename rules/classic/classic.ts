/**
 * Owns the rule set `classic`, version 1, built in: duels in waves, skills and items. Keeps I9: an outcome is a function of
 * the action, the view and the chance it is given, and of nothing else. What the rules are is in docs/rules-classic.md;
 * changing any of them is a new version, for sessions keep theirs for life.
 *
 * Where to find what: the stats and their defaults in stats.ts, one strike in strike.ts, waves in exchange.ts, skills and
 * items in abilities.ts, the formula in damage.ts, zones in zones.ts, hp and energy in vitals.ts.
 */
import type { RuleSet } from '#combat/rules.ts';
import { resolveItem, resolveSkill } from './abilities.ts';
import { resolveExchange } from './exchange.ts';
import { ClassicStats } from './stats.ts';
import { type ClassicVitals, initialVitals } from './vitals.ts';

/** The built-in rules. */
export const classic: RuleSet<ClassicStats, ClassicVitals> = {
  name: 'classic',
  version: 1,
  stats: ClassicStats,
  initial: initialVitals,
  resolve(action, view, chance) {
    switch (action.type) {
      case 'exchange':
        return resolveExchange(action, view, chance);
      case 'instant':
        return resolveSkill(action, view, chance);
      case 'item':
        return resolveItem(action, view, chance);
      default:
        return action.type satisfies never;
    }
  },
};
