/**
 * Owns what an outcome of rules must be before it becomes part of a battle: something a message can carry, about actors
 * who are there, that wakes nobody from the dead. Anything else makes the action `failed`, and the state stays untouched.
 */
import * as z from 'zod';
import type { Decoded } from '#contracts/decode.ts';
import { refusal } from '#contracts/decode.ts';
import { isJsonObject } from '#contracts/json.ts';
import { Hit, quickHits, quickVitals, Vitals } from '#contracts/result.ts';
import { asCarried, type Outcome } from './rules.ts';

/** An action's result beyond its hits and vitals: names, ordinal, status, two returns, a death. */
export const RESULT_FRAME_BYTES = 512;
/** Quotes, colon and comma around an id, as a key or in a list. */
const ID_FRAME_BYTES = 4;

const Hits = z.array(Hit);

/** An outcome as it goes into the log. */
export interface CheckedOutcome {
  readonly hits: Hit[];
  /** New vitals of those who changed, in the order the rules gave them. */
  readonly vitals: Map<string, Vitals>;
  /** What it adds to a result message, at the most. */
  readonly bytes: number;
}

/**
 * Checks an outcome.
 *
 * @param vitalsOf the vitals before the action; undefined for who is not there
 */
export function checkOutcome(outcome: Outcome, vitalsOf: (id: string) => Vitals | undefined): Decoded<CheckedOutcome> {
  const hits = asCarried(quickHits, Hits, outcome?.hits);
  if (!hits.ok) return refusal(`hits: ${hits.reason}`);
  const changed = pairsOf(outcome.vitals);
  if (changed === null) return refusal('vitals: expected a Map or an object by actor id');
  const vitals = new Map<string, Vitals>();
  let bytes = RESULT_FRAME_BYTES + hits.value.bytes;
  for (const [id, given] of changed) {
    const before = vitalsOf(id);
    if (before === undefined) return refusal(`vitals of ${JSON.stringify(id)}, who is not in the session`);
    const after = asCarried(quickVitals, Vitals, given);
    if (!after.ok) return refusal(`vitals of ${id}: ${after.reason}`);
    const { value: now, bytes: size } = after.value;
    if (before.dead && !now.dead) return refusal(`${id} is dead, and death is final`);
    vitals.set(id, now);
    bytes += id.length + ID_FRAME_BYTES + size;
    if (now.dead && !before.dead) bytes += id.length + ID_FRAME_BYTES;
  }
  return { ok: true, value: { hits: hits.value.value, vitals, bytes } };
}

function pairsOf(vitals: unknown): Iterable<[string, unknown]> | null {
  if (vitals instanceof Map) return vitals;
  return isJsonObject(vitals) ? Object.entries(vitals) : null;
}
