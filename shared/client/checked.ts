/**
 * Owns what is looked at before anything is sent: ids and shapes, by the contract's own schemas, so that a mistake is an
 * error where it was made and not a dead letter elsewhere.
 */
import type * as z from 'zod';
import { check, encode } from '#contracts/decode.ts';
import { readActorId, readId } from '#contracts/ids.ts';
import { MESSAGE_MAX_BYTES } from '#contracts/limits.ts';
import { invalidInput } from './errors.ts';

/** Headers of ours are a message id and an expected sequence; they count towards a message's size. */
const HEADERS_MAX_BYTES = 256;

/** A session's id; throws RiposteError where it is none. */
export function checkedSessionId(id: string): string {
  const read = readId(id);
  if (read === null) throw invalidInput(`${shown(id)} is no session id: 1 to 64 of A-Z a-z 0-9 _ -`);
  return read;
}

/** An actor's id; throws RiposteError where it is none. */
export function checkedActorId(id: string): string {
  const read = readActorId(id);
  if (read === null) throw invalidInput(`${shown(id)} is no actor id: 1 to 64 of A-Z a-z 0-9 _ -, and no alias`);
  return read;
}

/** A message's bytes, once it has the shape and the size that the contract asks of it; throws RiposteError else. */
export function checkedBytes(schema: z.ZodType, message: object): Uint8Array {
  const read = check(schema, message);
  if (!read.ok) throw invalidInput(read.reason);
  const bytes = encode(message);
  if (bytes.length > MESSAGE_MAX_BYTES - HEADERS_MAX_BYTES) {
    throw invalidInput(`${bytes.length} bytes, more than the ${MESSAGE_MAX_BYTES - HEADERS_MAX_BYTES} of a message`);
  }
  return bytes;
}

/** A value as an error quotes it: a piece of it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_MAX_CHARS ? text : `${text.slice(0, SHOWN_MAX_CHARS)}...`;
}

const SHOWN_MAX_CHARS = 80;
