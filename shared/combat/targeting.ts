/**
 * Owns who is meant by a target: `self`, `all_enemies`, `all_allies`, `random_enemy_<n>`, or one actor. Resolved when the
 * action is made, from those who live then (specification 1.C.2).
 */
import type { MoveTarget } from '#contracts/move.ts';
import type { Chance } from './chance.ts';
import { type Actor, living, type Roster } from './roster.ts';

/** The ids a target stands for now, in roster order (as drawn, for random ones); empty where nobody is left. */
export function resolveTargets(roster: Roster, source: Actor, target: MoveTarget, chance: () => Chance): string[] {
  switch (target.kind) {
    case 'actor':
      return roster.byId.get(target.id)?.standing === 'alive' ? [target.id] : [];
    case 'self':
      return [source.id]; // an actor that is dead or has left has no moves
    case 'all_enemies':
      return enemies(roster, source);
    case 'all_allies':
      return [...living(roster)].filter((actor) => actor.team === source.team).map((actor) => actor.id);
    case 'random_enemy':
      return chance().draw(enemies(roster, source), target.count);
    default:
      return target satisfies never;
  }
}

function enemies(roster: Roster, source: Actor): string[] {
  return [...living(roster)].filter((actor) => actor.team !== source.team).map((actor) => actor.id);
}
