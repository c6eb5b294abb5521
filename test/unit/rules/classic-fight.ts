/**
 * Owns what the tests of classic fight with: a frozen view of actors built from raw stats, actions, and chance whose dice
 * are loaded.
 */
import { type Chance, chanceOf } from '#combat/chance.ts';
import type { BattleView, Outcome } from '#combat/rules.ts';
import type { CombatAction } from '#contracts/action.ts';
import type { JsonObject } from '#contracts/json.ts';
import type { CombatMove, Strategy } from '#contracts/move.ts';
import { classic } from '#rules/classic/classic.ts';
import type { ClassicStats } from '#rules/classic/stats.ts';
import type { ClassicVitals } from '#rules/classic/vitals.ts';

/** Stats under which a plain strike hits for exactly 10: nothing is left to chance. */
export const CERTAIN = { damage: 10, spread: 0, accuracy: 1, crit_chance: 0, dodge: 0, parry: 0, counter: 0 };

/** A die that makes everything happen that is possible at all. */
export const LOW = 0;
/** A die that makes nothing happen but certainties. */
export const HIGH = 0.999999;

/** An actor as a test describes it: raw stats, and vitals where they are not the initial ones. */
export interface Sheet {
  readonly stats?: JsonObject;
  readonly vitals?: Partial<ClassicVitals>;
}

/** A view of the given actors, frozen all through: a rule that changes what it was given throws. */
export function viewOf(sheets: { readonly [id: string]: Sheet }): BattleView<ClassicStats, ClassicVitals> {
  const actors = new Map(
    Object.entries(sheets).map(([id, sheet]) => {
      const stats = classic.stats.parse(sheet.stats ?? {});
      return [id, deepFreeze({ id, team: id, stats, vitals: { ...classic.initial(stats), ...sheet.vitals } })];
    }),
  );
  return {
    step: 0,
    actors,
    actor(id) {
      const actor = actors.get(id);
      if (actor === undefined) throw new Error(`no actor ${id}`);
      return actor;
    },
  };
}

/** An exchange of A's with B, each with the given payload; B's absent makes it one without a partner move. */
export function exchange(ofA: JsonObject = {}, ofB: JsonObject | null = {}, isForced = false): CombatAction {
  const move = moveOf('A', 'exchange', { target_id: 'B', ...ofA });
  const partner = ofB === null ? null : moveOf('B', 'exchange', { target_id: 'A', ...ofB });
  return deepFreeze({ action_id: '1', type: 'exchange', move, partner_move: partner, is_forced: isForced });
}

/** A forced exchange: B never answered A. */
export const forced = (ofA: JsonObject = {}): CombatAction => exchange(ofA, null, true);

/** A skill or an item of A's over resolved targets. */
export function ability(type: 'instant' | 'item', payload: JsonObject, targets: readonly string[]): CombatAction {
  const move = { ...moveOf('A', type, payload), targets: [...targets] };
  return deepFreeze({ action_id: '1', type, move, partner_move: null, is_forced: false });
}

function moveOf(actor: string, strategy: Strategy, payload: JsonObject): CombatMove {
  return { move_id: `m-${actor}`, char_id: actor, strategy, payload };
}

/** Chance that rolls the given dice in order, and HIGH when they are all rolled; whole numbers fall in the middle. */
export function loaded(...dice: readonly number[]): Chance {
  const left = [...dice];
  const roll = () => left.shift() ?? HIGH;
  return {
    roll,
    happens: (probability) => roll() < probability,
    integer: (min, max) => Math.floor((min + max) / 2),
    draw: (items, count) => items.slice(0, count),
  };
}

/** Seeded chance for rules. */
export const seeded = (ordinal: number): Chance => chanceOf('classic tests', String(ordinal), 'rules');

/** Hits in short: `wave source>target hand outcome damage`. */
export const told = ({ hits }: Outcome): string[] =>
  hits.map((hit) => `${hit.wave} ${hit.source_id}>${hit.target_id} ${hit.hand} ${hit.outcome} ${hit.damage}`);

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key of Reflect.ownKeys(value)) deepFreeze(Reflect.get(value, key));
  }
  return value;
}
