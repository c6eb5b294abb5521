/**
 * Owns CollectorSignal: everything that wakes the collector (specification 1.A). Moves are checked one by one when they
 * are registered, so that one bad move is refused alone.
 */
import * as z from 'zod';
import { ActorId, Id } from './ids.ts';
import { MOVES_PER_SIGNAL_MAX } from './limits.ts';

export const SignalType = z.enum(['check_immediate', 'check_timeout', 'heartbeat']);
export type SignalType = z.output<typeof SignalType>;

export const CollectorSignal = z.object({
  session_id: Id,
  signal_type: SignalType,
  char_id: ActorId.nullish(),
  move_id: Id.nullish(),
  moves: z.array(z.unknown()).max(MOVES_PER_SIGNAL_MAX).nullish(),
  reply_to: z.string().nullish(),
  /** The revision at which the executor freed the lock, on its heartbeats: a hint that saves the collector a read. */
  lock_rev: z.int().nonnegative().optional().catch(undefined),
});
export type CollectorSignal = z.output<typeof CollectorSignal>;
