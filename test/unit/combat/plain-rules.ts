/**
 * Owns the rule set the tests of the core fight by: no chance, so that every outcome can be said beforehand. An action deals
 * `payload.damage` to each target, or else, as an exchange, the striker's `damage`, and always lands. `payload.boom` makes the rules throw;
 * `bookOf` lets a test answer in their place.
 */
import * as z from 'zod';
import type { Chance } from '#combat/chance.ts';
import { type BattleView, type Outcome, type RuleBook, type RuleSet, ruleBook } from '#combat/rules.ts';
import type { CombatAction } from '#contracts/action.ts';
import type { CombatMove } from '#contracts/move.ts';
import type { Hit } from '#contracts/result.ts';

const PlainStats = z.object({
  hp: z.number().default(100),
  damage: z.number().default(10),
  /** Whoever enters the fight dead. */
  dead: z.boolean().default(false),
});
export type PlainStats = z.output<typeof PlainStats>;

/** `struck` counts strikes taken: vitals of the rules' own, that must travel. */
export type PlainVitals = { hp: number; dead: boolean; struck: number };

type PlainView = BattleView<PlainStats, PlainVitals>;

/** The plain rules, version 1. */
export const plain: RuleSet<PlainStats, PlainVitals> = {
  name: 'plain',
  version: 1,
  stats: PlainStats,
  initial: ({ hp, dead }) => ({ hp, dead, struck: 0 }),
  resolve: resolvePlain,
};

/** A book of the plain rules alone. */
export const PLAIN_BOOK: RuleBook = ruleBook([plain]);

/** A book of `plain` whose resolution a test has written itself; whatever it returns is taken for an outcome. */
export function bookOf(resolve: (action: CombatAction, view: PlainView, chance: Chance) => unknown): RuleBook {
  return ruleBook([{ ...plain, resolve: (...given) => resolve(...given) as Outcome<PlainVitals> }]);
}

/** What the plain rules make of an action. */
export function resolvePlain(action: CombatAction, view: PlainView): Outcome<PlainVitals> {
  const moves = action.partner_move === null ? [action.move] : [action.move, action.partner_move];
  if (moves.some((move) => move.payload.boom === true)) throw new Error('boom');
  const taken = new Map<string, number[]>();
  const hits: Hit[] = [];
  for (const move of moves) {
    const damage = damageOf(action.type, move, view);
    for (const id of action.type === 'exchange' ? [String(move.payload.target_id)] : (move.targets ?? [])) {
      taken.set(id, [...(taken.get(id) ?? []), damage]);
      hits.push({ source_id: move.char_id, target_id: id, wave: 1, hand: 'main', outcome: 'hit', damage });
    }
  }
  const vitals = new Map<string, PlainVitals>();
  for (const [id, strikes] of taken) {
    const before = view.actor(id).vitals;
    const hp = strikes.reduce((left, damage) => Math.max(0, left - damage), before.hp);
    vitals.set(id, { hp, dead: hp === 0, struck: before.struck + strikes.length });
  }
  return { hits, vitals };
}

function damageOf(type: CombatAction['type'], move: CombatMove, view: PlainView): number {
  const { damage } = move.payload;
  if (typeof damage === 'number') return damage;
  return type === 'exchange' ? view.actor(move.char_id).stats.damage : 0;
}
