// Owns: what a process of the crash suite is told and what it tells: at which call of Effects it is to die, and which calls
// it has made. Spoken between mortal-role.ts, in the test's process, and fixtures/mortal-effects.ts, in the role's.

/**
 * Where at a call a process dies. In each case the server has taken everything the process sent until then.
 * - `before`: the call is not made.
 * - `during`: the request is out, its answer is not looked at; of calls that change something.
 * - `after`: its outcome is known, and the caller has not gone on. What has no outcome (an acknowledgement) is out.
 */
export type When = 'before' | 'during' | 'after';

/** A place to die. */
export interface Point {
  /** The method of Effects and the how-manieth call of it for the sessions watched: `append#2`. */
  readonly call: string;
  readonly when: When;
}

/** What one process is to do, for as long as it lives or until it is told otherwise. */
export interface Order {
  /** Their calls are counted together, and with them the calls that belong to no session. */
  readonly sessions: readonly string[];
  readonly die: Point | null;
  /** Calls whose answer is lost on the way: a publish with an unknown outcome. */
  readonly lost: readonly string[];
  /** Calls whose answer comes late, by LATE_MS; one that is lost, too, is given up only then. */
  readonly late: readonly string[];
}

/** Nothing is counted and nothing happens. */
export const NO_ORDER: Order = { sessions: [], die: null, lost: [], late: [] };

/** Longer than a third of the crash clocks of the suite, so that locks are renewed and deliveries kept in hand meanwhile. */
export const LATE_MS = 1_600;

/** The variable that holds a process's first order, as JSON. */
export const ORDER_VARIABLE = 'CRASH_ORDER';

/** The file descriptor on which a process tells, one JSON line each. */
export const TOLD_FD = 3;

/** What a process tells. */
export type Told =
  /** A call is being made. `call` is null where nobody watches its session. */
  | { readonly told: 'call'; readonly name: string; readonly call: string | null; readonly site: string }
  /** It dies now, as it was told to. */
  | { readonly told: 'dies' }
  /** An order that came while it ran is in force. */
  | { readonly told: 'armed' };

/** `append#2 after` */
export const printPoint = ({ call, when }: Point): string => `${call} ${when}`;

/** Reads what printPoint wrote. */
export function readPoint(text: string): Point {
  const [, call, when] = /^(\w+#\d+) (before|during|after)$/.exec(text) ?? [];
  if (call === undefined) throw new Error(`no crash point: ${JSON.stringify(text)}, expected e.g. "append#2 after"`);
  return { call, when: when as When };
}
