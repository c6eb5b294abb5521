/**
 * Owns what a breach is: one invariant of design, broken at one place of the log, and the one line that says so.
 */

/** An invariant that the streams show broken. */
export interface Breach {
  /** The session; `*` where it is the log as a whole. */
  readonly session: string;
  /** Sequence in COMBAT of the message that shows it; 0 where it is the absence of one. */
  readonly seq: number;
  /** `I1` to `I6`, `I10`. */
  readonly invariant: string;
  /** What is wrong, in one line. */
  readonly what: string;
}

/** A breach as one line, stable in its form: session, log sequence, invariant, what; single blanks between them. */
export function breachLine({ session, seq, invariant, what }: Breach): string {
  return `${session} ${seq} ${invariant} ${what}`;
}

/** What is wrong with a message, before it is said where it stands. */
export interface Fault {
  readonly invariant: string;
  readonly what: string;
  /** No breach where the message has been dead-lettered: bad input, dealt with as such (I10). */
  readonly unlessBuried?: boolean;
  /** Told only where nothing more exact is wrong with the message: that it is not what it should be, byte for byte. */
  readonly general?: boolean;
}

/** A fault. */
export function fault(invariant: string, what: string, kind: Pick<Fault, 'unlessBuried' | 'general'> = {}): Fault {
  return { invariant, what, ...kind };
}
