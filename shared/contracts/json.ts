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

/** True for an integer that is 0 or more, and safe. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

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
      if (!read.success) return refuseItem(context, key, item, read.error);
      pairs.push([key, read.data]);
    }
    return pairs;
  });
}

/**
 * An array that is refused at its first fault. A schema's own array tells every fault of every item: 512 KiB of them hold
 * up a process, and everybody in it, for seconds (docs/adr/0010-refused-at-the-first-fault.md).
 */
export function listOf<Value extends z.ZodType>(value: Value, what: string, least = 0) {
  return z.unknown().transform((input, context): z.output<Value>[] => {
    if (!Array.isArray(input) || input.length < least) {
      context.issues.push({ code: 'custom', message: `expected ${what}`, input });
      return z.NEVER;
    }
    const list: z.output<Value>[] = [];
    for (const [index, item] of input.entries()) {
      const read = value.safeParse(item);
      if (!read.success) return refuseItem(context, index, item, read.error);
      list.push(read.data);
    }
    return list;
  });
}

function refuseItem(context: z.RefinementCtx, at: string | number, input: unknown, { issues }: z.ZodError): never {
  for (const { message, path } of issues) {
    context.issues.push({ code: 'custom', message, path: [at, ...path], input });
  }
  return z.NEVER;
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
