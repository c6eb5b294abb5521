/**
 * Owns the request and the answer of `session.get.*`: what a client shows after a reconnect. Never another actor's zones
 * or pending payloads.
 */
import * as z from 'zod';
import { ActorId } from './ids.ts';
import { pairsOf } from './json.ts';
import { Vitals } from './result.ts';

/** The request: an empty object, or the actor whose own queue and blows are wanted. */
export const SessionGet = z.object({ actor_id: ActorId.nullish() });
export type SessionGet = z.output<typeof SessionGet>;

/** The answer: how everybody stands, and what is only the actor's own where one was named. */
export const SessionView = z.object({
  status: z.enum(['open', 'closed']),
  winner: z.string().nullable(),
  /** Why it closed; absent while it is open. */
  reason: z.string().optional(),
  step: z.int(),
  /** Log sequence this view was folded through. */
  seq: z.int(),
  teams: pairsOf(z.array(ActorId), 'an object of teams'),
  actors: pairsOf(Vitals, 'an object of actors'),
  queue: z.array(ActorId).optional(),
  incoming: z.array(z.object({ from: ActorId, deadline: z.int() })).optional(),
  open: z.array(z.object({ move_id: z.string(), target_id: z.string(), deadline: z.int() })).optional(),
});
export type SessionView = z.output<typeof SessionView>;

/** The answer where there is no view. */
export const SessionGetError = z.object({
  error: z.enum(['session_not_found', 'actor_unknown', 'invalid_request', 'unavailable']),
});
export type SessionGetError = z.output<typeof SessionGetError>;
