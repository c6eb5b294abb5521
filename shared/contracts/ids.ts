/**
 * Owns what an id is: session ids, actor ids, move ids. An integer is read as its decimal string, wherever an id is read,
 * and only where it is a safe one.
 */
import * as z from 'zod';

const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
const RANDOM_ENEMY_PREFIX = 'random_enemy_';
const RESERVED = new Set(['self', 'all_enemies', 'all_allies']);

/** Reads an id; `null` when the value is none. */
export function readId(value: unknown): string | null {
  if (typeof value === 'string') return ID_PATTERN.test(value) ? value : null;
  return Number.isSafeInteger(value) ? String(value) : null;
}

/** Reads an actor id: an id that is no alias of a target (`self`, `all_enemies`, `all_allies`, `random_enemy_...`). */
export function readActorId(value: unknown): string | null {
  const id = readId(value);
  return id === null || isReserved(id) ? null : id;
}

/** True for the names that stand for targets and can therefore name no actor. */
export function isReserved(id: string): boolean {
  return RESERVED.has(id) || id.startsWith(RANDOM_ENEMY_PREFIX);
}

/** True for a string that is an id as it stands: what nearly every id is. */
export const isId = (value: unknown): value is string => typeof value === 'string' && ID_PATTERN.test(value);

/** True for a string that is an actor id as it stands. */
export const isActorId = (value: unknown): value is string => isId(value) && !isReserved(value);

/** A session id or a move id. */
export const Id = idSchema(readId, 'expected an id: 1 to 64 of A-Z a-z 0-9 _ -');

/** An actor's id. */
export const ActorId = idSchema(
  readActorId,
  'expected an actor id: 1 to 64 of A-Z a-z 0-9 _ -, and no alias of a target',
);

function idSchema(read: (value: unknown) => string | null, message: string) {
  return z.unknown().transform((input, context): string => {
    const id = read(input);
    if (id !== null) return id;
    context.issues.push({ code: 'custom', message, input });
    return z.NEVER;
  });
}
