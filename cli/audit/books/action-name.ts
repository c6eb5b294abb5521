/**
 * Owns what the books call an action: by its moves, so that what was called for and what was emitted can be compared and told.
 */
import type { CombatAction } from '#contracts/action.ts';

/** Names told in one line. */
const TOLD_MAX = 6;

/** The moves of an action. */
export const movesOf = ({ move, partner_move }: CombatAction) =>
  partner_move === null ? [move] : [move, partner_move];

/** As `due` names it: `m` alone, `m+n` a pair, `m!` forced. */
export function nameOf({ type, move, partner_move, is_forced }: CombatAction): string {
  const both = partner_move === null ? move.move_id : `${move.move_id}+${partner_move.move_id}`;
  return is_forced || (type === 'exchange' && partner_move === null) ? `${both}!` : both;
}

/** Names for one line: the first of them, and how many more. */
export function listed(names: readonly string[]): string {
  const first = names.slice(0, TOLD_MAX).join(', ');
  return names.length <= TOLD_MAX ? first : `${first} and ${names.length - TOLD_MAX} more`;
}
