/**
 * Owns how often one session is passed over, so that whoever floods it takes a share of this process and not all of it, nor all
 * of what stands behind it: executor and server. Wakes that come meanwhile wait for the next pass and coalesce in it, so
 * that nothing is refused and nothing is lost (docs/adr/0016-a-flooded-session-is-passed-at-a-pace.md).
 */

/** A pass for so long, in the long run: four hundred a second are some 130 exchanges, which no fight of people or bots has. */
const MS_PER_PASS = 2.5;
/** So many passes may come at once before that counts: a crowd that strikes at the same moment is no flood. */
const PASSES_AT_ONCE = 100;

/** What one session has used up. */
export interface Pace {
  /** Local time in milliseconds at which all its passes so far will have been paid for. */
  paidAt: number;
}

/** Of a session that has used up nothing. */
export function newPace(): Pace {
  return { paidAt: 0 };
}

/**
 * Counts one pass, and says how long it must wait.
 * @param now local time in milliseconds, of a clock that only goes on
 * @returns milliseconds; 0 for at once
 */
export function waitForPass(pace: Pace, now: number): number {
  pace.paidAt = Math.max(pace.paidAt, now) + MS_PER_PASS;
  return Math.max(0, pace.paidAt - now - PASSES_AT_ONCE * MS_PER_PASS);
}
