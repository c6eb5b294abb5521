/**
 * Owns comparing what messages say, whatever the order of their keys: as a number that is kept, and as the place of the
 * first difference, which is told.
 */

import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { isJsonObject } from '#contracts/json.ts';

/** A value as a person is shown it. */
const SHOWN_MAX_CHARS = 60;

/** What a value says, as a number. */
export function contentOf(value: unknown): number {
  return crc32(JSON.stringify(sorted(value)));
}

/** Where two JSON values differ first, and how: `hits.0.damage is 12, not 9`; null where they are the same. */
export function differenceOf(actual: unknown, expected: unknown): string | null {
  const [text, due] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (text === due) return null; // as nearly always
  const [one, other] = [JSON.parse(text), JSON.parse(due)];
  return isDeepStrictEqual(one, other) ? null : differenceAt([], one, other);
}

function differenceAt(path: readonly string[], actual: unknown, expected: unknown): string {
  const keys = bothKeys(actual, expected);
  for (const key of keys) {
    const [one, other] = [child(actual, key), child(expected, key)];
    if (!isDeepStrictEqual(one, other)) return differenceAt([...path, key], one, other);
  }
  const place = path.length === 0 ? 'it' : path.join('.');
  return `${place} is ${shown(actual)}, not ${shown(expected)}`;
}

/** The keys to descend by; none where the two are not of one kind. */
function bothKeys(one: unknown, other: unknown): string[] {
  if (isJsonObject(one) && isJsonObject(other)) return [...new Set([...Object.keys(one), ...Object.keys(other)])];
  if (Array.isArray(one) && Array.isArray(other) && one.length === other.length) return [...one.keys()].map(String);
  return [];
}

const child = (value: unknown, key: string): unknown =>
  Object.hasOwn(value as object, key) ? (value as { [key: string]: unknown })[key] : undefined;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= SHOWN_MAX_CHARS ? text : `${text.slice(0, SHOWN_MAX_CHARS - 3)}...`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, item]) => [key, sorted(item)]);
}
