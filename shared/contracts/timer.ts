/**
 * Owns the body of a session's timer, on `timer.set.*` and on `timer.due.*` alike.
 */
import * as z from 'zod';
import { Id } from './ids.ts';

export const TimerBody = z.object({ session_id: Id, move_id: Id.nullish() });
export type TimerBody = z.output<typeof TimerBody>;
