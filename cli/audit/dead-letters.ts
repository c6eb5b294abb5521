/**
 * Owns I10 in an audit: what a fold refuses on the subjects that wake somebody (signals, messages of a session's life) stands
 * in DEAD, whole, with its reason and its origin; and nothing stands there that every fold took.
 *
 * Refused actions and results wake nobody: they are kept by whoever sees them folded, as far as somebody does, and nothing is
 * demanded of them. What was re-sent from DEAD (cli/dead) names its origin in the log, and its letter is gone with reason.
 */
import { crc32 } from 'node:zlib';
import { COMBAT, ORIGIN_HEADER, REASON_HEADER } from '#contracts/streams.ts';
import { DEAD_FILTER, deadSubject } from '#contracts/subjects.ts';
import type { Breach } from './breach.ts';
import type { Read } from './judge.ts';

/** A message that no fold could use. */
export interface Refused {
  readonly seq: number;
  /** `*` where its subject names none. */
  readonly session: string;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reason: string;
}

interface Demand {
  readonly session: string;
  readonly subject: string;
  readonly reason: string;
  readonly size: number;
  readonly crc: number;
}

const DEAD_PREFIX = DEAD_FILTER.slice(0, -1);
const ORIGIN = new RegExp(`^${COMBAT}:([0-9]{1,16})$`);

/** The dead letters of one log. */
export class DeadLetters {
  /** What must be there, by its sequence in the log. */
  readonly #demanded = new Map<number, Demand>();
  /** What may be there: refused where nobody is woken, or objected to by a deployment. */
  readonly #allowed = new Set<number>();
  /** What is there. */
  readonly #buried = new Map<number, { readonly seq: number; readonly session: string }>();
  readonly #resent = new Set<number>();
  readonly #faults: Breach[] = [];

  /** A message that must be in DEAD. */
  demand({ seq, session, subject, data, reason }: Refused): void {
    this.#demanded.set(seq, { session, subject, reason, size: data.length, crc: crc32(data) });
  }

  /** A message that may be in DEAD and need not. */
  allow(seq: number): void {
    this.#allowed.add(seq);
  }

  /** A message of the log that names the place of another was re-sent from there. */
  resent(message: Read): void {
    const origin = originOf(message);
    if (origin !== null) this.#resent.add(origin);
  }

  /** A message of DEAD. */
  take(letter: Read): void {
    const origin = originOf(letter);
    if (origin === null || !letter.subject.startsWith(DEAD_PREFIX)) return; // of another stream, or nobody's
    const { seq, subject } = letter;
    this.#buried.set(origin, { seq, session: subject.slice(subject.lastIndexOf('.') + 1) });
    const demand = this.#demanded.get(origin);
    if (demand === undefined) return;
    const fault = faultOf(letter, demand);
    if (fault === null) return;
    const what = `its dead letter, DEAD:${seq}, is not whole: ${fault}`;
    this.#faults.push({ session: demand.session, seq: origin, invariant: 'I10', what });
  }

  isBuried(seq: number): boolean {
    return this.#buried.has(seq) || this.#resent.has(seq);
  }

  /**
   * What is wrong with the letters.
   * @param dealtWith log sequence up to which the collectors have dealt with everything
   * @param removed letters that somebody has taken out of DEAD: so many may be missing
   * @param took true for a message of the log that was read and folded by its rules
   */
  judge(dealtWith: number, removed: number, took: (seq: number, session: string) => boolean): Breach[] {
    const missing: Breach[] = [];
    for (const [seq, { session, reason }] of this.#demanded) {
      if (seq > dealtWith || this.isBuried(seq)) continue;
      missing.push({ session, seq, invariant: 'I10', what: `refused (${reason}), and not in DEAD` });
    }
    const strays: Breach[] = [];
    for (const [seq, letter] of this.#buried) {
      if (this.#demanded.has(seq) || this.#allowed.has(seq) || !took(seq, letter.session)) continue;
      strays.push({
        session: letter.session,
        seq,
        invariant: 'I10',
        what: `taken by every fold, and dead-lettered at DEAD:${letter.seq}`,
      });
    }
    return [...this.#faults, ...(missing.length > removed ? missing : []), ...strays];
  }
}

/** Where a letter is not what it should be; null where it is. */
function faultOf({ subject, data, header }: Read, demand: Demand): string | null {
  if (subject !== deadSubject(demand.subject)) return `it is filed under ${subject}`;
  if (data.length !== demand.size) return `${data.length} bytes of ${demand.size}`;
  if (crc32(data) !== demand.crc) return 'other bytes';
  return header(REASON_HEADER) === '' ? 'without a reason' : null;
}

function originOf({ header }: Read): number | null {
  const [, seq] = ORIGIN.exec(header(ORIGIN_HEADER)) ?? [];
  return seq === undefined ? null : Number(seq);
}
