// Rules of your own: when two blows meet, the harder one draws blood: one hit point.
import type { RuleSet } from 'riposte/rules';
import * as z from 'zod';

const Stats = z.object({ hp: z.int().min(1).max(10), strength: z.int().min(1).max(20) });

export const ruleSets: readonly RuleSet<z.output<typeof Stats>>[] = [
  {
    name: 'first-blood',
    version: 1,
    stats: Stats, // checked when a session opens or an actor joins
    initial: (stats) => ({ hp: stats.hp, dead: false }),
    resolve(action, view, chance) {
      if (action.type !== 'exchange') throw new Error('no skills and no items here'); // this action fails, nothing else
      const source = view.actor(action.move.char_id);
      const target = view.actor(String(action.move.payload.target_id));
      const roll = (strength: number) => strength + chance.integer(1, 20); // the session's dice, never Math.random
      const blow = roll(source.stats.strength);
      const answer = action.is_forced ? 0 : roll(target.stats.strength);
      const [winner, loser] = blow >= answer ? [source, target] : [target, source];
      const hp = Math.max(0, loser.vitals.hp - 1);
      return {
        hits: [{ source_id: winner.id, target_id: loser.id, wave: 1, hand: 'main', outcome: 'hit', damage: 1 }],
        vitals: new Map([[loser.id, { hp, dead: hp === 0 }]]),
      };
    },
  },
];
