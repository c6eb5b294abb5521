/**
 * Owns the order and the measure of what is emitted: instants and items, then exchanges, then what is forced
 * (specification 1.C.2 to 1.C.4), at most one message's worth.
 */
import type { CombatAction } from '#contracts/action.ts';
import { ACTION_MESSAGE_MAX_BYTES, ACTIONS_PER_MESSAGE_MAX } from '#contracts/limits.ts';
import { chanceOf } from './chance.ts';
import type { Fight } from './session.ts';
import { resolveTargets } from './targeting.ts';

/** An action's JSON beyond its moves and targets: names, quotes, the ordinal, ids that came as integers. */
const ACTION_FRAME_BYTES = 192;
/** An id in a list of targets: quotes and comma. */
const ID_FRAME_BYTES = 3;
/** An action message's JSON beyond its actions. */
const MESSAGE_FRAME_BYTES = 256;

/** Instants and items, then pairs, then what is forced; at most one message's worth, and whether there is more. */
export function emit(fight: Fight): { actions: CombatAction[]; more: boolean } {
  const { instants, pairs, marked } = fight.pool;
  const actions: CombatAction[] = [];
  if (instants.size + pairs.size + marked.size === 0) return { actions, more: false };
  let bytes = MESSAGE_FRAME_BYTES;
  const put = (action: Omit<CombatAction, 'action_id'>, size: number): boolean => {
    bytes += size + ACTION_FRAME_BYTES;
    if (actions.length >= ACTIONS_PER_MESSAGE_MAX || bytes > ACTION_MESSAGE_MAX_BYTES) return false;
    actions.push({ action_id: String(fight.emitted + actions.length + 1), ...action });
    return true;
  };
  for (const open of instants) {
    const ordinal = String(fight.emitted + actions.length + 1);
    const targets = resolveTargets(fight.roster, open.source, open.target, () =>
      chanceOf(fight.seed, ordinal, 'targets'),
    );
    const type = open.move.strategy === 'item' ? 'item' : 'instant';
    const size = open.bytes + targets.reduce((sum, id) => sum + id.length + ID_FRAME_BYTES, 0);
    if (!put({ type, move: { ...open.move, targets }, partner_move: null, is_forced: false }, size))
      return { actions, more: true };
  }
  for (const open of pairs) {
    const first = open.partner!;
    const pair = { type: 'exchange', move: first.move, partner_move: open.move, is_forced: false } as const;
    if (!put(pair, first.bytes + open.bytes)) return { actions, more: true };
  }
  const forced = [...marked].filter((open) => open.partner === null);
  forced.sort((left, right) => left.ordinal - right.ordinal);
  for (const open of forced) {
    if (!put({ type: 'exchange', move: open.move, partner_move: null, is_forced: true }, open.bytes))
      return { actions, more: true };
  }
  return { actions, more: false };
}
