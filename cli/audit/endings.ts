/**
 * Owns where in its log a session was over. A close is appended against the session's own subject, so that signals and
 * actions may have come in between: the prefix it was decided on may lie before that of a later action, where the fold has
 * long passed. What was to be decided there is therefore noted when it is folded.
 */

import { type Decision, decide, type Session } from '#combat/session.ts';
import type { LogEntry } from '#contracts/log-message.ts';

/** How a session ends. */
export type Ending = NonNullable<Decision['close']>;

/** A stretch of the log on which a session is to be closed in one way. */
interface Stretch {
  readonly from: number;
  to: number;
  readonly ending: Ending;
}

/** Chances to close that passed by: idle times that were ended by a signal before the close was appended. */
const STRETCHES_MAX = 64;

/** The endings of one session. */
export class Endings {
  #stretches: Stretch[] = [];

  /** Notes how the session ends now that an entry has been folded. */
  fold(session: Session, { seq, message }: LogEntry): void {
    const current = this.#stretches.at(-1);
    const isOn = current?.to === Number.POSITIVE_INFINITY;
    // A signal ends an idle time and begins none; only a timeout can find that it is over.
    const isWake = message.kind === 'signal' && message.body.signal_type !== 'check_timeout';
    if (isWake && !(isOn && current.ending.reason === 'abandoned')) return;
    const ending = session.status === 'open' ? decide(session, Number.POSITIVE_INFINITY).close : null;
    if (isOn && ending?.reason === current.ending.reason && ending.winner === current.ending.winner) return;
    if (isOn) current.to = seq - 1;
    if (ending === null) return;
    this.#stretches.push({ from: seq, to: Number.POSITIVE_INFINITY, ending });
    if (this.#stretches.length > STRETCHES_MAX) this.#stretches.shift();
  }

  /** How the session ended on the log up to a sequence; null where it went on. */
  at(seq: number): Ending | null {
    return this.#stretches.find(({ from, to }) => from <= seq && seq <= to)?.ending ?? null;
  }
}
