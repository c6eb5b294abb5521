/**
 * Owns the exchange and its waves (docs/semantics.md, "Rules"). Keeps:
 *   1. The blows of a wave are struck at once: nobody is spared by falling in it, so both may die in one.
 *   2. A later wave is only what the wave before triggered, and only where both still stand after that.
 *   3. In one exchange a fighter gives at most one counter-attack and at most one off-hand strike.
 *   4. The target of a forced exchange is a dummy: it gives nothing and evades nothing. The source's own off-hand is the
 *      source's, and follows its blow as ever.
 * Who gets whom back in the queue afterwards is the executor's.
 */
import type { Chance } from '#combat/chance.ts';
import type { Outcome } from '#combat/rules.ts';
import type { CombatAction } from '#contracts/action.ts';
import { type CombatMove, exchangeTarget } from '#contracts/move.ts';
import type { Hit } from '#contracts/result.ts';
import { type Blow, type Fighter, strikesOf } from './strike.ts';
import { type ClassicView, type ClassicVitals, VitalsLedger } from './vitals.ts';
import { attackZones, blockedZones } from './zones.ts';

/** A blow, what it triggered, and what that triggered: a third answer would only go round in circles. */
const WAVES_MAX = 3;

interface Duellist extends Fighter {
  /** The move it made; `null` for one that struck no blow. */
  readonly move: CombatMove | null;
  hasCountered: boolean;
}

/** Resolves an exchange, forced or not. Throws for a move that names no target, which no registered move does. */
export function resolveExchange(action: CombatAction, view: ClassicView, chance: Chance): Outcome<ClassicVitals> {
  const targetId = exchangeTarget(action.move);
  if (targetId === null) throw new Error(`exchange ${action.move.move_id} has no target`);
  const source = duellist(view, action.move.char_id, action.move, false);
  const target = duellist(view, targetId, action.is_forced ? null : action.partner_move, action.is_forced);

  const ledger = new VitalsLedger(view);
  const bothStand = () => !ledger.of(source.id).dead && !ledger.of(target.id).dead;
  const hits: Hit[] = [];
  let blows = [...openingBlow(source, target), ...openingBlow(target, source)];
  for (let wave = 1; wave <= WAVES_MAX && bothStand(); wave++) {
    const struck = blows.map((blow) => ({ blow, hits: strikesOf(blow, wave, chance) }));
    for (const hit of struck.flatMap((each) => each.hits)) {
      hits.push(hit);
      ledger.hurt(hit.target_id, hit.damage);
    }
    blows = struck.flatMap((each) => [
      ...counterAttack(each.blow, each.hits, chance),
      ...(wave === 1 ? offHandStrike(each.blow) : []),
    ]);
  }
  return { hits, vitals: ledger.changed };
}

function duellist(view: ClassicView, id: string, move: CombatMove | null, isDummy: boolean): Duellist {
  const { stats } = view.actor(id);
  const guard = move === null ? [] : blockedZones(move.payload, stats);
  return { id, stats, move, guard, isDummy, hasCountered: false };
}

/** The blow a fighter's move asks for: the only one that is aimed. */
function openingBlow(attacker: Duellist, defender: Duellist): Blow<Duellist>[] {
  if (attacker.move === null) return [];
  const zones = attackZones(attacker.move.payload, defender.stats);
  return [{ attacker, defender, weapon: attacker.stats, hand: 'main', zones }];
}

/** Whoever dodged or parried may strike back, once in an exchange, by its `counter` chance. */
function counterAttack(blow: Blow<Duellist>, hits: readonly Hit[], chance: Chance): Blow<Duellist>[] {
  const { attacker, defender } = blow;
  const hasEvaded = hits.some(({ outcome }) => outcome === 'dodge' || outcome === 'parry');
  if (!hasEvaded || defender.hasCountered || !chance.happens(defender.stats.counter)) return [];
  defender.hasCountered = true;
  return [{ attacker: defender, defender: attacker, weapon: defender.stats, hand: 'main', zones: [] }];
}

/** A second weapon follows the first, whatever became of that one. */
function offHandStrike(blow: Blow<Duellist>): Blow<Duellist>[] {
  const weapon = blow.attacker.stats.off_hand;
  return weapon === undefined ? [] : [{ ...blow, weapon, hand: 'off', zones: [] }];
}
