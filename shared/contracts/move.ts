/**
 * Owns CombatMove: one intent of one actor, as a client publishes it and as actions carry it.
 */
import * as z from 'zod';
import { ActorId, Id, isActorId, isId, readActorId, readId } from './ids.ts';
import { isJsonObject, jsonBytes, listOf, PassedOn } from './json.ts';
import { MOVE_MAX_BYTES } from './limits.ts';

/** How a move goes: an exchange waits for the answer, a skill (`instant`) and an item go at once. */
export const Strategy = z.enum(['exchange', 'instant', 'item']);
export type Strategy = z.output<typeof Strategy>;

/** A move as actions carry it. `targets` is the collector's, written when it resolves an instant or an item. */
export const CombatMove = z.object({
  move_id: Id,
  char_id: ActorId,
  strategy: Strategy,
  payload: PassedOn,
  targets: listOf(ActorId, 'a list of actor ids').optional(),
});
export type CombatMove = z.output<typeof CombatMove>;

/** A move that registration may look at: its shape is sound, its target readable, its size measured. */
export type DeclaredMove = {
  readonly move: CombatMove;
  readonly target: MoveTarget;
  /** Of the move as compact JSON. */
  readonly bytes: number;
};

/** Whom a move is aimed at. An exchange names one actor; an instant or item may use an alias. */
export type MoveTarget =
  | { readonly kind: 'actor'; readonly id: string }
  | { readonly kind: 'self' }
  | { readonly kind: 'all_enemies' }
  | { readonly kind: 'all_allies' }
  | { readonly kind: 'random_enemy'; readonly count: number };

const DeclaredShape = CombatMove.omit({ targets: true });
const RANDOM_ENEMY_PATTERN = /^random_enemy_([1-9][0-9]{0,3})$/;

const STRATEGIES: ReadonlySet<unknown> = new Set(Strategy.options);

/** A move as it nearly always comes, less its targets; null leaves it to the schema (decode.ts, `checkQuickly`). */
export function quickMove(input: unknown): z.output<typeof DeclaredShape> | null {
  if (!isJsonObject(input)) return null;
  const { move_id, char_id, strategy, payload } = input;
  if (!isId(move_id) || !isActorId(char_id) || !STRATEGIES.has(strategy) || !isJsonObject(payload)) return null;
  return { move_id, char_id, strategy: strategy as Strategy, payload };
}

/**
 * Reads one element of a signal's `moves`. Returns `null` for what the contract calls `invalid_move`: a wrong shape, more
 * than 2 KiB, a target that can be nobody's.
 */
export function readDeclaredMove(input: unknown): DeclaredMove | null {
  const move = quickMove(input) ?? DeclaredShape.safeParse(input).data;
  if (move === undefined) return null;
  const target = readTarget(move.strategy, move.payload.target_id);
  if (target === null) return null;
  const bytes = bytesOf(input);
  return bytes > MOVE_MAX_BYTES ? null : { move, target, bytes };
}

/** What overflows a stack when it is written is nested so deep that it is far over 2 KiB, whatever the stack. */
function bytesOf(input: unknown): number {
  try {
    return jsonBytes(input);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The `move_id` of a move that may be invalid otherwise, so that a refusal can name it. */
export function moveIdOf(input: unknown): string | null {
  return isJsonObject(input) ? readId(input.move_id) : null;
}

/** The one actor an exchange is aimed at; `null` only for a move that never passed `readDeclaredMove`. */
export function exchangeTarget(move: CombatMove): string | null {
  return readActorId(move.payload.target_id);
}

/** Whom a move is aimed at; `null` where its `target_id` can be nobody's. */
export function readTarget(strategy: Strategy, targetId: unknown): MoveTarget | null {
  const id = readActorId(targetId);
  if (id !== null) return { kind: 'actor', id };
  if (strategy === 'exchange' || typeof targetId !== 'string') return null;
  if (targetId === 'self' || targetId === 'all_enemies' || targetId === 'all_allies') return { kind: targetId };
  const count = RANDOM_ENEMY_PATTERN.exec(targetId)?.[1];
  return count === undefined ? null : { kind: 'random_enemy', count: Number(count) };
}
