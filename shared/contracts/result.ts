/**
 * Owns the messages on `combat.result.*`: one executed batch.
 */
import * as z from 'zod';
import { encodeText } from './decode.ts';
import { ActorId, Id } from './ids.ts';
import { pairsOf } from './json.ts';
import { REASON_MAX_CHARS } from './limits.ts';

/** What a strike came to. Rules may add fields of their own; they travel as they are. */
export const Hit = z.looseObject({
  source_id: ActorId,
  target_id: ActorId,
  wave: z.int().nonnegative(),
  hand: z.string().max(64),
  outcome: z.enum(['hit', 'crit', 'miss', 'dodge', 'parry', 'block']),
  damage: z.number(),
});
export type Hit = z.output<typeof Hit>;

/** An actor's state under its rules. Beyond `hp` and `dead` it is the rules' own and travels as it is. */
export const Vitals = z.looseObject({ hp: z.number(), dead: z.boolean() });
export type Vitals = z.output<typeof Vitals>;

export const ActionStatus = z.enum(['done', 'skipped', 'failed']);
export type ActionStatus = z.output<typeof ActionStatus>;

export const ActionResult = z.object({
  action_id: Id,
  status: ActionStatus,
  reason: z.string().max(REASON_MAX_CHARS).optional(),
  hits: z.array(Hit),
});
export type ActionResult = z.output<typeof ActionResult>;

export const ResultMessage = z.object({
  session_id: Id,
  through: z.int().nonnegative(),
  executed: z.int().nonnegative(),
  step: z.int().nonnegative(),
  results: z.array(ActionResult).min(1),
  /** New absolute vitals of every actor that changed, as pairs; an object on the wire. */
  actors: pairsOf(Vitals, 'an object of vitals'),
  deaths: z.array(ActorId),
  target_returns: z.array(z.tuple([ActorId, ActorId])),
});
export type ResultMessage = z.output<typeof ResultMessage>;

/**
 * A result message as the wire has it. Its actors are written as text: an object with keys like "101" is a slow array to an
 * engine, and this is on the path of every blow.
 */
export function encodeResult({ actors, ...rest }: ResultMessage): Uint8Array {
  const vitals = actors.map(([id, value]) => `${JSON.stringify(id)}:${JSON.stringify(value)}`);
  return encodeText(`${JSON.stringify(rest).slice(0, -1)},"actors":{${vitals.join(',')}}}`);
}
