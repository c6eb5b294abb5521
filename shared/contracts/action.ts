/**
 * Owns the messages on `combat.action.*`: one atomic transfer of intents to actions (specification 1.D).
 */
import * as z from 'zod';
import { Id } from './ids.ts';
import { ACTIONS_PER_MESSAGE_MAX } from './limits.ts';
import { CombatMove } from './move.ts';

export const CombatAction = z.object({
  action_id: Id,
  type: z.enum(['exchange', 'instant', 'item']),
  move: CombatMove,
  partner_move: CombatMove.nullable(),
  is_forced: z.boolean(),
});
export type CombatAction = z.output<typeof CombatAction>;

export const ActionMessage = z.object({
  session_id: Id,
  through: z.int().nonnegative(),
  actions: z.array(CombatAction).min(1).max(ACTIONS_PER_MESSAGE_MAX),
});
export type ActionMessage = z.output<typeof ActionMessage>;
