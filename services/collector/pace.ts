/**
 * Owns how often one session is passed over, so that a client that floods it takes a share of this process and not all of it,
 * nor all of what stands behind it: executor and server. Wakes that come meanwhile wait for the next pass and coalesce in it
 * (docs/adr/0017-a-flooded-session-is-passed-at-a-pace.md).
 */

/** A pass for so long, in the long run: a hundred a second is thirty exchanges, more than any fight has. */
const MS_PER_PASS = 10;
/** So many passes may come at once before that counts: a crowd that strikes at the same moment is no flood. */
const PASSES_AT_ONCE = 50;

/** What one session has used up. */
export interface Pace {
  /** Local time at which all its passes so far would be paid for. */
  paidAt: number;
}

/** Counts one pass, and says for how many milliseconds it must wait. */
export function waitForPass(pace: Pace, now: number): number {
  pace.paidAt = Math.max(pace.paidAt, now) + MS_PER_PASS;
  return Math.max(0, pace.paidAt - now - PASSES_AT_ONCE * MS_PER_PASS);
}
