/**
 * Owns the JSON shapes that zod has no word for: plain objects kept exactly as they came, and objects read as ordered
 * pairs. The size of a value on the wire is measured here too.
 */
import * as z from 'zod';

/** A JSON object. */
export type JsonObject = { readonly [key: string]: unknown };

/** True for what JSON calls an object: not an array, not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object that is passed on exactly as it came: the same reference, no key dropped, not even `__proto__`. */
export const PassedOn = z.custom<JsonObject>(isJsonObject, { error: 'expected an object' });

/**
 * An object read as pairs. A zod record would lose a key named `__proto__`, which is a legal actor id; pairs also keep
 * anybody from mistaking the order of object keys (integers first) for an order that means something.
 */
export function pairsOf<Value extends z.ZodType>(value: Value, what: string) {
  return z.unknown().transform((input, context): [key: string, value: z.output<Value>][] => {
    if (!isJsonObject(input)) {
      context.issues.push({ code: 'custom', message: `expected ${what}`, input });
      return z.NEVER;
    }
    const pairs: [string, z.output<Value>][] = [];
    for (const [key, item] of Object.entries(input)) {
      const read = value.safeParse(item);
      if (read.success) {
        pairs.push([key, read.data]);
        continue;
      }
      for (const issue of read.error.issues) {
        context.issues.push({ code: 'custom', message: issue.message, path: [key, ...issue.path], input: item });
      }
    }
    return pairs;
  });
}

/** Builds an object from pairs; safe for a key named `__proto__`. */
export function objectOf<Value>(pairs: Iterable<readonly [string, Value]>): { [key: string]: Value } {
  return Object.fromEntries(pairs);
}

/** The length in bytes of a string as UTF-8. A lone surrogate counts three, as the replacement character does. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit <= 0xdbff && isLowSurrogate(text, index + 1)) {
      bytes += 2;
      index++;
    } else bytes += 2;
  }
  return bytes;
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** True where a JSON text nests arrays and objects no deeper than `most`. Brackets within strings do not count. */
export function isShallow(text: string, most: number): boolean {
  if (text.length <= most) return true;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth += 1;
        if (depth > most) return false;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      default:
    }
  }
  return true;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The index of the quote that ends a string; the end of the text where none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

/** The size in bytes of a JSON value as compact JSON in UTF-8. */
export function jsonBytes(value: unknown): number {
  return utf8Bytes(JSON.stringify(value) ?? '');
}
