/**
 * Owns moves as a game server writes them: how they are made, and what is checked before they are sent.
 */
import { randomBytes } from 'node:crypto';
import { isJsonObject, type JsonObject, jsonBytes } from '#contracts/json.ts';
import { MOVE_MAX_BYTES, MOVES_PER_SIGNAL_MAX } from '#contracts/limits.ts';
import { type CombatMove, readDeclaredMove } from '#contracts/move.ts';
import { shown } from './checked.ts';
import { invalidInput } from './errors.ts';

/** An intent. `payload` is for the rules to read; `payload.target_id` says whom it is aimed at. */
export type Move = Omit<CombatMove, 'targets'>;

/** What a move may say beyond whom it is aimed at: zones, ids, whatever the rules read. `move_id` is random by default. */
export type MoveDetails = JsonObject & { readonly move_id?: string };

/** 96 bits: no two moves of a session's life share one by chance. */
const MOVE_ID_BYTES = 12;

/** A blow at one enemy. Details of classic: `attack_zones`, `block_zones`. */
export function exchange(charId: string, targetId: string, details: MoveDetails = {}): Move {
  return move('exchange', charId, targetId, details);
}

/** A skill that goes at once. `targetId` is an actor, `self`, `all_enemies`, `all_allies` or `random_enemy_<n>`. */
export function skill(charId: string, skillId: string, targetId: string, details: MoveDetails = {}): Move {
  return move('instant', charId, targetId, { ...details, skill_id: skillId });
}

/** The use of an item, which goes at once. `targetId` as of a skill. */
export function item(charId: string, itemId: string, targetId: string, details: MoveDetails = {}): Move {
  return move('item', charId, targetId, { ...details, item_id: itemId });
}

function move(strategy: Move['strategy'], charId: string, targetId: string, details: MoveDetails): Move {
  const { move_id = randomBytes(MOVE_ID_BYTES).toString('base64url'), ...payload } = details;
  return { move_id, char_id: charId, strategy, payload: { ...payload, target_id: targetId } };
}

/** The ids of moves that may go into one signal, in their order; throws RiposteError where one of them may not. */
export function checkedMoveIds(moves: readonly Move[]): string[] {
  if (moves.length === 0) throw invalidInput('no moves: to wake the collector without any, use nudge');
  if (moves.length > MOVES_PER_SIGNAL_MAX) {
    throw invalidInput(`${moves.length} moves, more than the ${MOVES_PER_SIGNAL_MAX} of a signal`);
  }
  const ids = new Set<string>();
  for (const each of moves) {
    const declared = readDeclaredMove(each);
    if (declared === null) throw invalidInput(`move ${shown(each?.move_id)}: ${faultOf(each)}`);
    const { move_id: id } = declared.move;
    if (ids.has(id)) throw invalidInput(`move ${shown(id)} stands twice in one signal`);
    ids.add(id);
  }
  return [...ids];
}

/** What is wrong with a move that registration would refuse as `invalid_move`. */
function faultOf(input: unknown): string {
  if (!isJsonObject(input)) return 'it is not an object';
  if (jsonBytes(input) > MOVE_MAX_BYTES) return `${jsonBytes(input)} bytes, more than ${MOVE_MAX_BYTES}`;
  if (!isJsonObject(input.payload)) return 'its payload is not an object';
  return `expected an id as move_id, an actor as char_id, exchange, instant or item as strategy, and in payload.target_id
    ${input.strategy === 'exchange' ? 'one actor' : 'an actor or an alias'}, not ${shown(input.payload.target_id)}`.replace(
    /\s+/g,
    ' ',
  );
}
