/**
 * Owns CollectorSignal: everything that wakes the collector (specification 1.A). Moves are checked one by one when they
 * are registered, so that one bad move is refused alone.
 */
import * as z from 'zod';
import { ActorId, Id, isActorId, isId } from './ids.ts';
import { isCount, isJsonObject } from './json.ts';
import { MOVES_PER_SIGNAL_MAX } from './limits.ts';

/** What a signal asks for: `check_immediate` carries moves, `check_timeout` ends turns, `heartbeat` follows a batch. */
export const SignalType = z.enum(['check_immediate', 'check_timeout', 'heartbeat']);
export type SignalType = z.output<typeof SignalType>;

/** Wakes the collector, and may carry moves, which are checked one by one. */
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

const SIGNAL_TYPES: ReadonlySet<unknown> = new Set(SignalType.options);

/** A signal as it nearly always comes; null leaves it to the schema (decode.ts, `checkQuickly`). */
export function quickSignal(body: unknown): CollectorSignal | null {
  if (!isJsonObject(body)) return null;
  const { session_id, signal_type, char_id, move_id, moves, reply_to, lock_rev } = body;
  if (!isId(session_id) || !SIGNAL_TYPES.has(signal_type)) return null;
  if (char_id !== undefined && !isActorId(char_id)) return null;
  if (move_id !== undefined && !isId(move_id)) return null;
  if (moves !== undefined && !(Array.isArray(moves) && moves.length <= MOVES_PER_SIGNAL_MAX)) return null;
  if (reply_to !== undefined && typeof reply_to !== 'string') return null;
  if (lock_rev !== undefined && !isCount(lock_rev)) return null;
  return { session_id, signal_type: signal_type as SignalType, char_id, move_id, moves, reply_to, lock_rev };
}
