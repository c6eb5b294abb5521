/**
 * Owns reading a declared move for the books, in the words of docs/contract.md and without the code that registers moves:
 * a judge that shared its reading with the judged would share its mistakes.
 */

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const RANDOM_ENEMIES = /^random_enemy_[1-9][0-9]{0,3}$/;
const ALIASES: ReadonlySet<string> = new Set(['self', 'all_enemies', 'all_allies']);
const MOVE_BYTES_MAX = 2 * 1024;

/** A move that the contract admits. */
export interface Declaration {
  readonly id: string;
  readonly actor: string;
  readonly isExchange: boolean;
  /** The actor aimed at; null for an alias. */
  readonly target: string | null;
}

/** Reads an element of a signal's `moves`; null for what the contract calls `invalid_move`. */
export function readDeclaration(input: unknown): Declaration | null {
  if (!isObject(input) || !isObject(input.payload) || sizeOf(input) > MOVE_BYTES_MAX) return null;
  const { strategy, payload } = input;
  const id = idOf(input.move_id);
  const actor = actorOf(input.char_id);
  if (id === null || actor === null) return null;
  if (strategy !== 'exchange' && strategy !== 'instant' && strategy !== 'item') return null;
  const isExchange = strategy === 'exchange';
  const target = actorOf(payload.target_id);
  if (target === null && (isExchange || !isAlias(payload.target_id))) return null;
  return { id, actor, isExchange, target };
}

/** The actor that an exchange in an action is aimed at. */
export function targetOf(move: { readonly payload: { readonly [key: string]: unknown } }): string | null {
  return actorOf(move.payload.target_id);
}

function idOf(value: unknown): string | null {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && ID.test(text) ? text : null;
}

function actorOf(value: unknown): string | null {
  const id = idOf(value);
  return id === null || ALIASES.has(id) || id.startsWith('random_enemy_') ? null : id;
}

const isAlias = (value: unknown): boolean =>
  typeof value === 'string' && (ALIASES.has(value) || RANDOM_ENEMIES.test(value));

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As compact JSON in UTF-8. */
const sizeOf = (input: object): number => Buffer.byteLength(JSON.stringify(input));
