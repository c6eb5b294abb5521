/**
 * Owns the step from bytes to a value. Keeps I10: a message decodes to a value or to a typed refusal, and never to an
 * exception in somebody's callback.
 */
import type * as z from 'zod';
import { readId } from './ids.ts';
import { isJsonObject, isShallow } from './json.ts';
import { MESSAGE_MAX_BYTES, NESTING_MAX, REASON_MAX_CHARS } from './limits.ts';
import { utf8Of } from './utf8.ts';

/** What became of a message: its value, or why it was refused in one readable line. */
export type Decoded<Value> = { readonly ok: true; readonly value: Value } | Refusal;
/** Why a message was refused, in one readable line. */
export type Refusal = { readonly ok: false; readonly reason: string };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Encodes a value as the wire has it: compact JSON in UTF-8. */
export function encode(value: unknown): Uint8Array {
  return utf8Of(JSON.stringify(value));
}

/**
 * Reads bytes as JSON. Refuses what is too large, not UTF-8, nested too deep, or not JSON.
 *
 * @param nestingMax how deep it may be nested; unlimited only where nothing walks what was read without a limit of its own
 * @param bytesMax how large it may be; unlimited only for what is our own, and no message
 */
export function decodeJson(
  bytes: Uint8Array,
  nestingMax = NESTING_MAX,
  bytesMax = MESSAGE_MAX_BYTES,
): Decoded<unknown> {
  if (bytes.length > bytesMax) return refusal(`${bytes.length} bytes, more than ${bytesMax}`);
  try {
    const text = utf8.decode(bytes);
    if (!isShallow(text, nestingMax)) return refusal(`nested deeper than ${nestingMax}`);
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return refusal(error instanceof SyntaxError ? `not JSON: ${error.message}` : 'not UTF-8');
  }
}

/** Reads bytes as a message of the given shape. */
export function decode<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
  quick: (value: unknown) => z.output<Schema> | null = () => null,
): Decoded<z.output<Schema>> {
  const json = decodeJson(bytes);
  return json.ok ? checkQuickly(quick, schema, json.value) : json;
}

/** Checks a JSON value against a shape. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): Decoded<z.output<Schema>> {
  const read = schema.safeParse(value);
  return read.success ? { ok: true, value: read.data } : refusal(describeIssues(read.error));
}

/**
 * Checks a JSON value against a shape, on the path of a blow: a reader by hand knows the shape as it nearly always comes, at
 * a tenth of the schema's cost; what it does not know (null) is the schema's to read or to refuse. What it does read, it
 * reads exactly as the schema would (docs/adr/0013-plain-messages-are-read-by-hand.md).
 */
export function checkQuickly<Schema extends z.ZodType>(
  quick: (value: unknown) => z.output<Schema> | null,
  schema: Schema,
  value: unknown,
): Decoded<z.output<Schema>> {
  const read = quick(value);
  return read === null ? check(schema, value) : { ok: true, value: read };
}

/** Refuses with a reason, cut to the length a reason may have and to one line. */
export function refusal(reason: string): Refusal {
  return { ok: false, reason: oneLine(reason) };
}

/** A text as one line of bounded length: error texts of others end up in headers and logs. */
export function oneLine(text: string): string {
  const line = Array.from(text, (char) => (char.codePointAt(0)! < 0x20 || char === '\u007f' ? ' ' : char)).join('');
  return line.length <= REASON_MAX_CHARS ? line : `${line.slice(0, REASON_MAX_CHARS - 3)}...`;
}

/** What a thrown value says, in one line: code that is not ours may throw anything. */
export function messageOf(error: unknown): string {
  try {
    return oneLine(error instanceof Error ? error.message : String(error));
  } catch {
    return 'an error that cannot be shown';
  }
}

/** The `session_id` a body names must be the one of its subject. */
export function disagreesWith(sessionId: string, body: unknown): Refusal | null {
  const named = isJsonObject(body) ? readId(body.session_id) : null;
  return named === null || named === sessionId
    ? null
    : refusal(`session_id ${named} disagrees with the subject's ${sessionId}`);
}

/** More faults than a reason has room for. */
const FAULTS_TOLD_MAX = 8;

/** What zod found wrong first, in one line: `path: message; path: message`. */
export function describeIssues(error: z.ZodError): string {
  const first = error.issues.slice(0, FAULTS_TOLD_MAX);
  return oneLine(first.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': ')).join('; '));
}
