/**
 * Owns holding ACTIONS against COMBAT: every message on `combat.action.*`, byte for byte, once, in the same order, and nothing
 * else. ACTIONS follows by itself and may be behind: what is missing at its end is told apart from what is missing.
 */
import { crc32 } from 'node:zlib';
import { COMBAT } from '#contracts/streams.ts';
import type { Breach } from './breach.ts';
import type { Read } from './judge.ts';

/** `COMBAT 4711 filter transform subject`: the server's own. */
const SOURCE_HEADER = 'Nats-Stream-Source';
const SOURCE = new RegExp(`^${COMBAT}(?::[^ ]*)? ([0-9]{1,16})(?: |$)`);

const sessionOf = (subject: string): string => subject.slice(subject.lastIndexOf('.') + 1);

interface Emitted {
  readonly seq: number;
  readonly session: string;
  readonly crc: number;
}

/** The public record of one log. */
export class PublicRecord {
  /** Messages of the log, in order. */
  readonly #emitted: Emitted[] = [];
  #next = 0;
  #lastSource = 0;
  readonly #faults: Breach[] = [];

  /** A message on `combat.action.*` of the log. */
  emitted(seq: number, subject: string, data: Uint8Array): void {
    this.#emitted.push({ seq, session: sessionOf(subject), crc: crc32(data) });
  }

  /** A message of ACTIONS; those from before the log's beginning are none of ours. */
  take({ seq, subject, data, header }: Read, firstSeq: number, lastSeq: number): void {
    const [, source] = SOURCE.exec(header(SOURCE_HEADER)) ?? [];
    const from = source === undefined ? 0 : Number(source);
    if (source !== undefined && (from < firstSeq || from > lastSeq)) return;
    const what = source === undefined ? 'does not come from COMBAT' : this.#meet(from, sessionOf(subject), data);
    if (what === null) return;
    this.#faults.push({ session: sessionOf(subject), seq: from, invariant: 'I1', what: `ACTIONS:${seq} ${what}` });
  }

  /** Meets the message with that of the log; returns what is wrong with it, or null. */
  #meet(from: number, session: string, data: Uint8Array): string | null {
    if (from <= this.#lastSource) return `comes after that of ${this.#lastSource}`;
    this.#lastSource = from;
    for (; this.#next < this.#emitted.length && this.#emitted[this.#next]!.seq < from; this.#next++) {
      this.#miss(this.#emitted[this.#next]!);
    }
    const due = this.#emitted[this.#next];
    if (due?.seq !== from) return 'stands on no action subject of COMBAT';
    this.#next += 1;
    return due.session === session && due.crc === crc32(data) ? null : 'is not what stands there';
  }

  #miss({ seq, session }: Emitted): void {
    this.#faults.push({ session, seq, invariant: 'I1', what: 'is missing in ACTIONS, which has later ones' });
  }

  /** Messages that ACTIONS does not have yet. */
  get lag(): number {
    return this.#emitted.length - this.#next;
  }

  /** What is wrong with the record. A record that is only behind is not wrong; `stalled`: it has stopped coming. */
  judge(stalled: boolean): readonly Breach[] {
    const first = this.#emitted[this.#next];
    if (!stalled || first === undefined) return this.#faults;
    const what = `ACTIONS has stopped before it, ${this.lag} messages behind`;
    return [...this.#faults, { session: first.session, seq: first.seq, invariant: 'I1', what }];
  }
}
