/**
 * Owns judging one session: each message in log order, each decision on the very prefix it names. An action message must be
 * what the core emits there (I5), and what the books call for (I2, I3: ledger.ts, which knows nothing of the core); a close must
 * be what the core decides there. What a fold refuses must be dead-lettered (I10).
 *
 * The session is folded as far as the last decision was made on, and the rest waits (lagging.ts): memory is a session's
 * state and the messages since its last decision.
 */

import { continues } from '#combat/ordinals.ts';
import type { RuleBook } from '#combat/rules.ts';
import { decide, evolve, initialSession, type Session } from '#combat/session.ts';
import type { ActionMessage } from '#contracts/action.ts';
import { ACTION_MESSAGE_MAX_BYTES, ACTIONS_PER_MESSAGE_MAX, MOVE_MAX_BYTES } from '#contracts/limits.ts';
import type { LogEntry } from '#contracts/log-message.ts';
import type { SessionClosed } from '#contracts/session-message.ts';
import { BattleCase } from './battle-case.ts';
import { type Admission, Ledger } from './books/ledger.ts';
import { type Breach, type Fault, fault } from './breach.ts';
import { differenceOf } from './content.ts';
import { Endings } from './endings.ts';
import { Lagging } from './lagging.ts';
import { withStandIns } from './stand-in.ts';

/** Breaches kept of one session: one of them is one too many, and the last of so many tells nothing new. */
const BREACHES_MAX = 100;

/** A message of the session's log, as a case takes it. */
export type CaseEntry = LogEntry & { readonly subject: string; readonly data: Uint8Array };

/** A breach, if it is one: that may depend on what else is found. */
export type Suspicion = Breach & Pick<Fault, 'unlessBuried'>;

/** One session on trial. */
export class SessionCase {
  readonly id: string;
  readonly #found: (Breach & Fault)[] = [];
  readonly #rules: RuleBook;
  readonly #session: Session;
  readonly #ledger: Ledger;
  readonly #battle: BattleCase;
  readonly #endings = new Endings();
  readonly #ahead: Lagging<CaseEntry>;
  readonly #refused: (entry: CaseEntry, reason: string) => void;
  #lastAction = 0;
  #lastLife = 0;
  #closeCame = false;
  /** Action messages that were taken for bad input, by sequence, with the prefix they name; until they are folded. */
  readonly #strangers = new Map<number, number>();
  #unjudged = 0;

  /** @param refused takes every message that the fold refuses */
  constructor(id: string, rules: RuleBook, refused: (entry: CaseEntry, reason: string) => void) {
    this.id = id;
    this.#rules = withStandIns(rules);
    this.#session = initialSession(id);
    this.#ledger = new Ledger((seq, invariant, what) => this.#tell(seq, fault(invariant, what)));
    this.#battle = new BattleCase(id, rules, (seq, found) => this.#tell(seq, found));
    this.#ahead = new Lagging((entry) => this.#fold(entry));
    this.#refused = refused;
  }

  /** What was found. Call it when everything has been folded. */
  get breaches(): Suspicion[] {
    const told = new Set(this.#found.filter(({ general }) => general !== true).map(({ seq }) => seq));
    const kept = this.#found.filter(({ general, seq }) => general !== true || !told.has(seq));
    return kept.map(({ general: _, ...suspicion }) => suspicion);
  }

  /** The session as far as it is folded. */
  get session(): Session {
    return this.#session;
  }

  get accepted(): number {
    return this.#ledger.accepted;
  }

  /** Moves that are open: neither in an action nor dropped. */
  get open(): readonly string[] {
    return this.#ledger.open;
  }

  get emitted(): number {
    return this.#session.fight?.emitted ?? 0;
  }

  get executed(): number {
    return this.#battle.executed;
  }

  /** Decisions and results that could not be held against their prefix. */
  get unjudged(): number {
    return this.#unjudged + this.#battle.unjudged;
  }

  /** Log sequence of an `opened` that a deployment objected to, whatever the fold made of it; null where none did. */
  get objected(): number | null {
    const { closeReason, fight } = this.#session;
    return closeReason === 'invalid' && fight !== null ? fight.openedAt : null;
  }

  /** Closed, and every action has its result. Call it when everything has been folded. */
  get isSettled(): boolean {
    const { status, fight } = this.#session;
    return status === 'closed' && (fight === null || fight.emitted === this.executed);
  }

  /** Takes the next message of the session. */
  take(entry: CaseEntry): void {
    const { seq, message } = entry;
    const found =
      message.kind === 'action'
        ? this.#faultOfEmission(seq, message.body, entry.data.length)
        : message.kind === 'session' && message.body.type === 'closed'
          ? this.#faultOfClose(seq, message.body)
          : null;
    if (found !== null) this.#tell(seq, found);
    this.#closeCame ||= message.kind === 'session' && message.body.type === 'closed';
    const kind = message.kind === 'unreadable' ? message.of : message.kind;
    if (kind === 'action') this.#lastAction = seq;
    if (kind === 'session') this.#lastLife = seq;
    if (kind !== 'signal') this.#battle.take(entry);
    this.#ahead.push(entry);
  }

  /** Folds all there is. */
  foldAll(): void {
    this.#ahead.foldTo(Number.POSITIVE_INFINITY);
    this.#battle.foldAll();
  }

  /** What a session at rest must not show. */
  judgeRest(): void {
    this.foldAll();
    const { fight } = this.#session;
    if (fight === null) return;
    const waiting = this.#battle.waiting;
    for (const id of waiting) this.#tell(0, fault('I4', `action ${id} has no result`));
    if (this.#session.status !== 'open') return;
    const { actions, close } = decide(this.#session, Number.POSITIVE_INFINITY);
    const due = this.#ledger.due();
    if (actions.length > 0 || due.length > 0) {
      this.#tell(
        0,
        fault('I2', `${Math.max(actions.length, due.length)} actions are due and not emitted, ${due[0]} first`),
      );
    }
    if (close !== null && waiting.length === 0)
      this.#tell(0, fault('I6', `it is over (${close.reason}) and not closed`));
  }

  // -------------------------------------------------------------------------------------------------------- decisions

  #faultOfEmission(seq: number, message: ActionMessage, bytes: number): Fault | null {
    const { through, actions } = message;
    this.#ahead.foldTo(Math.min(through, seq - 1));
    if (through < this.#lastAction) this.#ahead.foldTo(this.#lastAction);
    const { fight, status } = this.#session;
    const isOurs = actions.some(({ move }) => this.#ledger.knows(move.move_id));
    if (through < this.#lastAction) {
      const what = `a stale writer: decided on ${through}, and ${this.#lastAction} stands before it`;
      return isOurs ? fault('I5', what) : this.#foreign(seq, through);
    }
    if (this.#ahead.position > through) {
      // Folded past it for the sake of a close, which stands before it: no fold counts it.
      this.#unjudged += this.#closeCame ? 0 : 1;
      return null;
    }
    const counts = status === 'open' && fight !== null && continues(actions, fight.emitted);
    if (!counts && !isOurs) return this.#foreign(seq, through);
    if (through >= seq) return fault('I5', `decided on ${through}, which is not before it`);
    if (status !== 'open') return fault('I5', `decided on ${through}, where the session was ${status}`);
    const full = actions.length === ACTIONS_PER_MESSAGE_MAX || bytes > ACTION_MESSAGE_MAX_BYTES - 4 * MOVE_MAX_BYTES;
    if (!this.#ledger.judgeEmission(seq, message, full)) return null; // told by the books
    if (!counts) return fault('I4', `action ${actions[0]!.action_id} stands where ${fight!.emitted + 1} is due`);
    const where = differenceOf(actions, decide(this.#session, Number.POSITIVE_INFINITY).actions);
    return where === null ? null : fault('I5', `it is not what the log to ${through} calls for: actions.${where}`);
  }

  /** What names nothing of this session is no writer of ours: it is bad input (I10), unless a fold should count it. */
  #foreign(seq: number, through: number): null {
    this.#strangers.set(seq, through);
    return null;
  }

  /** A close without `through` is a game server's own, and is its right; so is one that cancels. */
  #faultOfClose(seq: number, { through, reason, winner }: SessionClosed): Fault | null {
    if (through === undefined || reason === 'cancelled') return null;
    if (through >= seq) return fault('I5', `closed on ${through}, which is not before it`);
    if (through < this.#lastLife) {
      return fault('I5', `a stale writer: closed on ${through}, and ${this.#lastLife} stands before it`);
    }
    this.#ahead.foldTo(through);
    const { fight, status } = this.#session;
    // A deployment may object to a session that the rules of the game have nothing against (idle_close_ms).
    if (reason === 'invalid' && (status === 'refused' || fight?.emitted === 0)) return null;
    const due = this.#endings.at(through);
    if (due !== null && due.reason === reason && due.winner === winner) return null;
    const expected = due === null ? 'calls for no close' : `ends in ${due.reason} of ${due.winner}`;
    return fault('I5', `closed for ${reason} of ${winner}, where the log to ${through} ${expected}`);
  }

  #tell(seq: number, found: Fault): void {
    if (this.#found.length < BREACHES_MAX) this.#found.push({ session: this.id, seq, ...found });
  }

  // ---------------------------------------------------------------------------------------------------------- folding

  #fold(entry: CaseEntry): void {
    const { message } = entry;
    const { executed, emitted } = this.#session.fight ?? { executed: 0, emitted: 0 };
    const { refused } = evolve(this.#session, entry, this.#rules);
    if (refused !== null) this.#refused(entry, refused);
    const through = this.#strangers.get(entry.seq);
    if (through !== undefined && this.emitted > emitted) {
      this.#tell(
        entry.seq,
        fault('I5', `decided on ${through}, which calls for nothing of it, and every fold counts it`),
      );
    }
    this.#strangers.delete(entry.seq);
    const counts = message.kind !== 'result' || (this.#session.fight?.executed ?? 0) > executed;
    if (counts) this.#ledger.fold(entry, this.#admission(entry, refused === null));
    this.#endings.fold(this.#session, entry);
  }

  /** What the rules said: whether they let somebody in, and whether alive. */
  #admission({ message }: LogEntry, admitted: boolean): Admission {
    const { fight } = this.#session;
    if (message.kind !== 'session' || fight === null) return { admitted, dead: [] };
    const { body } = message;
    if (body.type !== 'opened' && body.type !== 'joined') return { admitted, dead: [] };
    const entering = body.type === 'joined' ? [body.actor_id] : [...fight.roster.byId.keys()];
    return { admitted, dead: entering.filter((id) => fight.roster.byId.get(id)?.standing === 'dead') };
  }
}
