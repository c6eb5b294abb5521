/**
 * Owns the messages on `combat.action.*`: one atomic transfer of intents to actions (specification 1.D).
 */
import * as z from 'zod';
import { Id, isId } from './ids.ts';
import { isCount, isJsonObject } from './json.ts';
import { ACTIONS_PER_MESSAGE_MAX } from './limits.ts';
import { CombatMove, quickMove } from './move.ts';

/** One action: a move, the blow that met it, or none where it was forced or goes at once. `action_id` counts from 1. */
export const CombatAction = z.object({
  action_id: Id,
  type: z.enum(['exchange', 'instant', 'item']),
  move: CombatMove,
  partner_move: CombatMove.nullable(),
  is_forced: z.boolean(),
});
export type CombatAction = z.output<typeof CombatAction>;

/** Actions that were emitted together, decided on the log through `through`. */
export const ActionMessage = z.object({
  session_id: Id,
  through: z.int().nonnegative(),
  actions: z.array(CombatAction).min(1).max(ACTIONS_PER_MESSAGE_MAX),
});
export type ActionMessage = z.output<typeof ActionMessage>;

/** Exchanges as they nearly always come; null leaves the message to the schema (decode.ts, `checkQuickly`). */
export function quickActions(body: unknown): ActionMessage | null {
  if (!isJsonObject(body)) return null;
  const { session_id, through, actions } = body;
  if (!isId(session_id) || !isCount(through) || !Array.isArray(actions)) return null;
  if (actions.length === 0 || actions.length > ACTIONS_PER_MESSAGE_MAX) return null;
  const read: CombatAction[] = [];
  for (const input of actions) {
    const action = quickExchange(input);
    if (action === null) return null;
    read.push(action);
  }
  return { session_id, through, actions: read };
}

function quickExchange(input: unknown): CombatAction | null {
  if (!isJsonObject(input)) return null;
  const { action_id, type, is_forced } = input;
  if (!isId(action_id) || type !== 'exchange' || typeof is_forced !== 'boolean') return null;
  const move = quickBlow(input.move);
  const partner = input.partner_move === null ? null : quickBlow(input.partner_move);
  if (move === null || (partner === null && input.partner_move !== null)) return null;
  return { action_id, type, move, partner_move: partner, is_forced };
}

/** A blow names its target in its payload: it has no `targets`. */
const quickBlow = (input: unknown): CombatMove | null =>
  isJsonObject(input) && input.targets === undefined ? quickMove(input) : null;
