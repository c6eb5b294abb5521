/**
 * Owns the two tasks of the work queue: a batch for the executor (specification 1.E) and a turn for the AI (1.C.1).
 */
import * as z from 'zod';
import { ActorId, Id, isId } from './ids.ts';
import { isCount, isJsonObject } from './json.ts';
import { TARGETS_PER_REQUEST_MAX } from './limits.ts';

export const ExecutorBatch = z.object({
  session_id: Id,
  batch_size: z.int().positive(),
  through: z.int().nonnegative(),
  lock_rev: z.int().nonnegative(),
});
export type ExecutorBatch = z.output<typeof ExecutorBatch>;

/** A batch as it nearly always comes; null leaves it to the schema (decode.ts, `checkQuickly`). */
export function quickBatch(body: unknown): ExecutorBatch | null {
  if (!isJsonObject(body)) return null;
  const { session_id, batch_size, through, lock_rev } = body;
  return isId(session_id) && isCount(batch_size) && batch_size > 0 && isCount(through) && isCount(lock_rev)
    ? { session_id, batch_size, through, lock_rev }
    : null;
}

/** Asks for a blow of a bot at each of `missing_targets`. `request_id` names the situation: the same moves may answer it twice. */
export const AiTurnRequest = z.object({
  session_id: Id,
  bot_id: ActorId,
  missing_targets: z.array(ActorId).min(1).max(TARGETS_PER_REQUEST_MAX),
  request_id: z.string().min(1).max(128),
});
export type AiTurnRequest = z.output<typeof AiTurnRequest>;
