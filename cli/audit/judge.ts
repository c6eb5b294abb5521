/**
 * Owns the judgement of a log: messages in, breaches out, in one pass; it reads nothing and waits for nothing. Sessions that
 * closed and settled are folded away, so that what is held grows with the sessions that are open.
 */
import type { RuleBook } from '#combat/rules.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import { parseLogSubject } from '#contracts/subjects.ts';
import type { Breach } from './breach.ts';
import { DeadLetters } from './dead-letters.ts';
import { FoldedAway } from './folded-away.ts';
import { PublicRecord } from './public-record.ts';
import { type CaseEntry, SessionCase, type Suspicion } from './session-case.ts';

/** A message of a stream, as the judge takes it. */
export interface Read {
  readonly seq: number;
  readonly subject: string;
  /** The server's timestamp in milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
  /** The value of a header; empty where it has none. */
  header(name: string): string;
}

/** What has been counted. */
export interface Sums {
  sessions: number;
  closed: number;
  moves: number;
  actions: number;
  results: number;
  /** Decisions and results that could not be held against their prefix: rules not known here, the log's beginning gone. */
  unjudged: number;
}

/** Sessions that have closed are kept for so many others, in case something of theirs is still to come. */
const CLOSED_KEPT = 1_000;

/** The judge of one log. */
export class Judge {
  readonly letters = new DeadLetters();
  readonly record = new PublicRecord();
  readonly #rules: RuleBook;
  readonly #firstSeq: number;
  readonly #isWhole: boolean;
  readonly #cases = new Map<string, SessionCase>();
  readonly #closed = new Set<string>();
  readonly #away = new Map<string, FoldedAway>();
  /** Sessions whose beginning has expired: true where more than signals has been seen of them. */
  readonly #headless = new Map<string, boolean>();
  /** Sessions by rules that are not known here: what these refuse cannot be told. */
  readonly #strange = new Set<string>();
  readonly #suspicions: Suspicion[] = [];
  readonly #sums: Sums = { sessions: 0, closed: 0, moves: 0, actions: 0, results: 0, unjudged: 0 };
  #messages = 0;
  #lastSeq: number;

  /**
   * @param rules what is not known there is left unjudged
   * @param log `firstSeq`: what is older has expired; `isWhole`: every message from there on will be given
   */
  constructor(rules: RuleBook, log: { readonly firstSeq: number; readonly isWhole: boolean }) {
    this.#rules = rules;
    this.#firstSeq = log.firstSeq;
    this.#isWhole = log.isWhole;
    this.#lastSeq = log.firstSeq - 1;
  }

  /** Messages taken. */
  get messages(): number {
    return this.#messages;
  }

  /** Sessions that are still held, folded to their end. */
  held(): readonly SessionCase[] {
    const held = [...this.#cases.values()];
    for (const trial of held) trial.foldAll();
    return held;
  }

  /** Says that something is wrong which does not stand in the log itself. */
  tell(breach: Breach): void {
    this.#suspicions.push(breach);
  }

  /** Takes the next message of the log. Never throws. */
  take(message: Read): void {
    const { seq, subject, time, data } = message;
    this.#messages += 1;
    if (this.#isWhole && seq !== this.#lastSeq + 1) {
      const what = `the log has nothing from ${this.#lastSeq + 1} to ${seq - 1}`;
      this.tell({ session: '*', seq, invariant: 'I1', what });
    }
    this.#lastSeq = seq;
    this.letters.resent(message);
    if (subject.startsWith(ACTION_PREFIX)) this.record.emitted(seq, subject, data);
    const parsed = parseLogSubject(subject);
    if (parsed === null) {
      if (wakes(subject))
        this.letters.demand({ seq, session: '*', subject, data, reason: 'its subject names no session' });
      return;
    }
    const { kind, sessionId } = parsed;
    const entry = { seq, time, subject, data, message: readLogMessage(kind, sessionId, data) };
    const away = this.#away.get(sessionId);
    if (away === undefined) this.#hear(sessionId, entry);
    else away.take(entry);
  }

  /** Folds everything, and says what is wrong. */
  finish(
    dealtWith: number,
    removedLetters: number,
    isStalled: boolean,
  ): { readonly breaches: Breach[]; readonly sums: Sums } {
    for (const trial of this.held()) this.#sum(trial);
    const took = (seq: number, session: string) =>
      seq >= this.#firstSeq && seq <= this.#lastSeq && !this.#headless.has(session) && !this.#strange.has(session);
    const breaches = this.#suspicions
      .filter(({ unlessBuried, seq }) => unlessBuried !== true || !this.letters.isBuried(seq))
      .map(({ unlessBuried: _, ...breach }) => breach);
    breaches.push(...this.letters.judge(dealtWith, removedLetters, took), ...this.record.judge(isStalled));
    return { breaches: breaches.sort((one, other) => one.seq - other.seq), sums: this.#sums };
  }

  #hear(sessionId: string, entry: CaseEntry): void {
    let trial = this.#cases.get(sessionId);
    if (trial === undefined) {
      if (this.#isHeadless(sessionId, entry)) return;
      trial = new SessionCase(sessionId, this.#rules, (refused, reason) => this.#refused(sessionId, refused, reason));
      this.#cases.set(sessionId, trial);
      this.#sums.sessions += 1;
    }
    trial.take(entry);
    const { message } = entry;
    if (message.kind === 'session' && message.body.type === 'closed') this.#foldAway(sessionId);
  }

  /** What began before the log does cannot be folded: the snapshot it rests on is in a bucket, and no judge's. */
  #isHeadless(sessionId: string, { message }: CaseEntry): boolean {
    if (this.#firstSeq === 1) return false;
    const known = this.#headless.get(sessionId);
    const opens = message.kind === 'session' && message.body.type === 'opened';
    if (opens && known !== true) {
      if (this.#headless.delete(sessionId)) this.#sums.sessions -= 1;
      return false;
    }
    if (known === undefined) this.#sums.sessions += 1;
    const counts = message.kind === 'action' || message.kind === 'result';
    if (counts && known !== true) this.#sums.unjudged += 1;
    this.#headless.set(sessionId, known === true || counts);
    return true;
  }

  #refused(session: string, entry: CaseEntry, reason: string): void {
    const { seq, subject, data } = entry;
    if (wakes(subject)) this.letters.demand({ seq, session, subject, data, reason });
    else this.letters.allow(seq);
  }

  #foldAway(sessionId: string): void {
    this.#closed.add(sessionId);
    const [oldest] = this.#closed;
    if (this.#closed.size <= CLOSED_KEPT || oldest === undefined) return;
    this.#closed.delete(oldest);
    const trial = this.#cases.get(oldest)!;
    trial.foldAll();
    if (!trial.isSettled) {
      this.#closed.add(oldest); // its results are still to come
      return;
    }
    this.#cases.delete(oldest);
    this.#sum(trial);
    const refused = (entry: CaseEntry, reason: string) => this.#refused(oldest, entry, reason);
    this.#away.set(oldest, new FoldedAway(oldest, trial.session, (breach) => this.#suspicions.push(breach), refused));
  }

  #sum(trial: SessionCase): void {
    const { session, accepted, emitted, executed, unjudged, breaches, objected } = trial;
    this.#sums.closed += session.status === 'closed' ? 1 : 0;
    this.#sums.moves += accepted;
    this.#sums.actions += emitted;
    this.#sums.results += executed;
    this.#sums.unjudged += unjudged;
    this.#suspicions.push(...breaches);
    if (session.fight !== null && this.#rules.find(session.fight.rules) === undefined) this.#strange.add(session.id);
    if (objected !== null) this.letters.allow(objected);
  }
}

const ACTION_PREFIX = 'combat.action.';
const RESULT_PREFIX = 'combat.result.';

/** True for the subjects whose messages somebody is woken by, and must deal with. */
const wakes = (subject: string): boolean => !subject.startsWith(ACTION_PREFIX) && !subject.startsWith(RESULT_PREFIX);
