/**
 * Owns every bound of the wire contract ("Limits" in docs/contract.md). Whoever enforces one imports it from here, so a
 * number is never written twice.
 */

/** The largest message on any subject, headers included. The server refuses more on COMBAT. */
export const MESSAGE_MAX_BYTES = 512 * 1024;
/**
 * Arrays and objects within each other, of what is kept whole: more than any move of 2 KiB can have, and far less than a stack
 * can hold. No stack is endless, and every replica must refuse the same messages.
 */
export const NESTING_MAX = 1200;
/** Actors a session may ever know, the dead and the gone included: this bounds its state. */
export const ACTORS_MAX = 1024;
/** Moves one signal may carry. */
export const MOVES_PER_SIGNAL_MAX = 256;
/** One move, as compact JSON in UTF-8. More is refused with `invalid_move`. */
export const MOVE_MAX_BYTES = 2048;
/** Actions in one action message. */
export const ACTIONS_PER_MESSAGE_MAX = 256;
/** One action message; what is over waits for the next decision. */
export const ACTION_MESSAGE_MAX_BYTES = 256 * 1024;
/** One result message; the executor takes fewer actions rather than pass it. */
export const RESULT_MESSAGE_MAX_BYTES = 256 * 1024;
/** Targets named in one AiTurnRequest; the rest is asked when these are covered. */
export const TARGETS_PER_REQUEST_MAX = 64;
/** Deadlines by AFK level a session may list: far more levels than anybody stays silent for. */
export const MOVE_TIMEOUTS_MAX = 32;
/** Times that can be waited for; far below where adding one to a clock stops being exact. */
export const WAIT_MAX_MS = 10 * 366 * 24 * 3_600_000;
/** Team names are shown to people and stand in every snapshot. */
export const TEAM_NAME_MAX_CHARS = 64;
/** An actor's display name. */
export const ACTOR_NAME_MAX_CHARS = 256;
/** The longest `reason` we write: an error text of foreign rules must not fill a result message. */
export const REASON_MAX_CHARS = 240;
/** A session's seed; it stands in every snapshot. */
export const SEED_MAX_CHARS = 1024;
