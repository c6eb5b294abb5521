/**
 * Owns the verdict on one move, sent to the signal's `reply_to`. Best effort: the log is what counts.
 */
import * as z from 'zod';
import { Id } from './ids.ts';

/** Why a move was refused; the first that applies, in the order of the registration (docs/semantics.md). */
export const RefusalCode = z.enum([
  'session_not_found',
  'session_closed',
  'invalid_move',
  'duplicate_move',
  'actor_unknown',
  'actor_dead',
  'target_unknown',
  'target_dead',
  'target_not_in_queue',
]);
export type RefusalCode = z.output<typeof RefusalCode>;

/** Whether a move counts, and if not, why. */
export const Verdict = z.discriminatedUnion('accepted', [
  z.object({
    session_id: Id,
    move_id: Id,
    accepted: z.literal(true),
    /** Log sequence of the signal. */
    seq: z.int(),
    /** Of an exchange, in milliseconds since the epoch. */
    deadline: z.int().optional(),
  }),
  z.object({
    session_id: Id,
    /** Null where the move had none that could be read. */
    move_id: Id.nullable(),
    accepted: z.literal(false),
    seq: z.int(),
    code: RefusalCode,
  }),
]);
export type Verdict = z.output<typeof Verdict>;
