/**
 * Owns the messages on `combat.result.*`: one executed batch.
 */
import * as z from 'zod';
import { ActorId, Id, isActorId, isId } from './ids.ts';
import { isCount, isJsonObject, listOf, pairsOf } from './json.ts';
import { REASON_MAX_CHARS } from './limits.ts';
import { utf8Of } from './utf8.ts';

/** The name of a weapon's hand, or of whatever strikes. */
const HAND_MAX_CHARS = 64;

/** What a strike came to. Rules may add fields of their own; they travel as they are. */
export const Hit = z.looseObject({
  source_id: ActorId,
  target_id: ActorId,
  wave: z.int().nonnegative(),
  hand: z.string().max(HAND_MAX_CHARS),
  outcome: z.enum(['hit', 'crit', 'miss', 'dodge', 'parry', 'block']),
  damage: z.number(),
});
export type Hit = z.output<typeof Hit>;

/** An actor's state under its rules. Beyond `hp` and `dead` it is the rules' own and travels as it is. */
export const Vitals = z.looseObject({ hp: z.number(), dead: z.boolean() });
export type Vitals = z.output<typeof Vitals>;

/** Whether the rules played an action (`done`), there was nothing to play (`skipped`), or they could not (`failed`). */
export const ActionStatus = z.enum(['done', 'skipped', 'failed']);
export type ActionStatus = z.output<typeof ActionStatus>;

/** The result of one action. `reason` says why it is not `done`. */
export const ActionResult = z.object({
  action_id: Id,
  status: ActionStatus,
  reason: z.string().max(REASON_MAX_CHARS).optional(),
  hits: listOf(Hit, 'a list of hits'),
});
export type ActionResult = z.output<typeof ActionResult>;

/** One executed batch: results in emission order, and what they changed. `executed` and `step` count from the opening. */
export const ResultMessage = z.object({
  session_id: Id,
  through: z.int().nonnegative(),
  executed: z.int().nonnegative(),
  step: z.int().nonnegative(),
  results: listOf(ActionResult, 'one result at least', 1),
  /** New absolute vitals of every actor that changed, as pairs; an object on the wire. */
  actors: pairsOf(Vitals, 'an object of vitals'),
  deaths: listOf(ActorId, 'a list of actor ids'),
  target_returns: listOf(z.tuple([ActorId, ActorId]), 'a list of pairs'),
});
export type ResultMessage = z.output<typeof ResultMessage>;

/**
 * A result message as the wire has it. Its actors are written as text: an object with keys like "101" is a slow array to an
 * engine, and this is on the path of every blow.
 */
export function encodeResult({ actors, ...rest }: ResultMessage): Uint8Array {
  const vitals = actors.map(([id, value]) => `${JSON.stringify(id)}:${JSON.stringify(value)}`);
  return utf8Of(`${JSON.stringify(rest).slice(0, -1)},"actors":{${vitals.join(',')}}}`);
}

const OUTCOMES: ReadonlySet<unknown> = new Set(Hit.shape.outcome.options);
const STATUSES: ReadonlySet<unknown> = new Set(ActionStatus.options);

/** Hits as they nearly always come; null leaves them to the schema (decode.ts, `checkQuickly`). */
export function quickHits(input: unknown): Hit[] | null {
  return Array.isArray(input) && input.every(isPlainHit) ? input : null;
}

/** Vitals as they nearly always come; null leaves them to the schema. */
export function quickVitals(input: unknown): Vitals | null {
  return isJsonObject(input) && Number.isFinite(input.hp) && typeof input.dead === 'boolean' && isPlain(input)
    ? (input as Vitals)
    : null;
}

/** A result message as it nearly always comes; null leaves it to the schema. */
export function quickResult(body: unknown): ResultMessage | null {
  if (!isJsonObject(body)) return null;
  const { session_id, through, executed, step } = body;
  if (!isId(session_id) || !isCount(through) || !isCount(executed) || !isCount(step)) return null;
  const results = quickList(body.results, quickActionResult);
  const deaths = quickList(body.deaths, (id) => (isActorId(id) ? id : null));
  const returns = quickList(body.target_returns, quickReturn);
  if (results === null || results.length === 0 || deaths === null || returns === null) return null;
  if (!isJsonObject(body.actors)) return null;
  const actors: [string, Vitals][] = [];
  for (const [id, given] of Object.entries(body.actors)) {
    const vitals = quickVitals(given);
    if (vitals === null) return null;
    actors.push([id, vitals]);
  }
  return { session_id, through, executed, step, results, actors, deaths, target_returns: returns };
}

function quickActionResult(input: unknown): ActionResult | null {
  if (!isJsonObject(input)) return null;
  const { action_id, status, reason } = input;
  const hits = quickHits(input.hits);
  if (!isId(action_id) || !STATUSES.has(status) || reason !== undefined || hits === null) return null;
  return { action_id, status: status as ActionStatus, hits };
}

function quickReturn(input: unknown): [string, string] | null {
  return Array.isArray(input) && input.length === 2 && isActorId(input[0]) && isActorId(input[1])
    ? [input[0], input[1]]
    : null;
}

function quickList<Item>(input: unknown, read: (item: unknown) => Item | null): Item[] | null {
  if (!Array.isArray(input)) return null;
  const items: Item[] = [];
  for (const each of input) {
    const item = read(each);
    if (item === null) return null;
    items.push(item);
  }
  return items;
}

function isPlainHit(hit: unknown): boolean {
  if (!isJsonObject(hit)) return false;
  const { source_id, target_id, wave, hand, outcome, damage } = hit;
  if (!isActorId(source_id) || !isActorId(target_id) || !isCount(wave)) return false;
  if (typeof hand !== 'string' || hand.length > HAND_MAX_CHARS || !OUTCOMES.has(outcome)) return false;
  return Number.isFinite(damage) && isPlain(hit);
}

/** A key of this name is no ordinary one to whoever copies an object. */
const isPlain = (value: object): boolean => !Object.hasOwn(value, '__proto__');
