/**
 * Owns the books of one session: which moves were accepted, where each of them ended, and what was due when. They are kept
 * from docs/contract.md and docs/semantics.md alone, and share nothing with the core that decides: I2 and I3 are judged by
 * them. What only the rules can tell (who may enter, who is dead) is told to them.
 *
 * A move is open; or in an action; or dropped, by a death, a leaving or the close.
 */
import type { ActionMessage, CombatAction } from '#contracts/action.ts';
import type { LogEntry } from '#contracts/log-message.ts';
import type { ResultMessage } from '#contracts/result.ts';
import type { SessionMessage, SessionOpened } from '#contracts/session-message.ts';
import type { CollectorSignal } from '#contracts/signal.ts';
import { listed, movesOf, nameOf } from './action-name.ts';
import { type Declaration, readDeclaration, targetOf } from './declaration.ts';
import { Ends } from './ends.ts';
import { type Fighter, Muster } from './muster.ts';
import { Outcomes } from './outcomes.ts';

/** Takes what is wrong at a place of the log. */
export type Tell = (seq: number, invariant: string, what: string) => void;

/** What the rules say about a message of the session's life. */
export interface Admission {
  readonly admitted: boolean;
  /** Of those who enter with it, the dead. */
  readonly dead: readonly string[];
}

interface OpenMove {
  readonly id: string;
  readonly actor: string;
  /** The actor aimed at; null for an alias. */
  readonly target: string | null;
  readonly isExchange: boolean;
  readonly deadlineMs: number;
  /** The blow that meets it. */
  answer: OpenMove | null;
}

/** How many ids a move is compared with: the contract's numbers. */
const REMEMBERED_MIN = 1_024;
const REMEMBERED_PER_ACTOR = 4;

/** The books of one session. */
export class Ledger {
  readonly #tell: Tell;
  readonly #muster = new Muster();
  readonly #outcomes: Outcomes;
  readonly #open = new Map<string, OpenMove>();
  readonly #blows = new Map<string, OpenMove>();
  /** In order of acceptance. */
  readonly #instants = new Set<OpenMove>();
  /** The completing move of each pair, in order of acceptance. */
  readonly #pairs = new Set<OpenMove>();
  /** Blows that a `check_timeout` has named or found due. */
  readonly #marked = new Set<OpenMove>();
  readonly #order = new Map<OpenMove, number>();
  readonly #remembered = new Set<string>();
  readonly #ends = new Ends();
  #status: 'absent' | 'open' | 'closed' = 'absent';
  #closedAt: number | null = null;
  #timeoutsMs: readonly number[] = [];
  #accepted = 0;
  #emitted = 0;

  constructor(tell: Tell) {
    this.#tell = tell;
    this.#outcomes = new Outcomes(this.#muster, tell);
  }

  /** Moves accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Moves that are open, in order of acceptance. */
  get open(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** Folds the next message, whatever it is; `admission` is for those of the session's life. */
  fold({ seq, time, message }: LogEntry, admission: Admission): void {
    switch (message.kind) {
      case 'session':
        this.#live(message.body, seq, admission);
        break;
      case 'signal':
        if (this.#status === 'open') this.#wake(message.body, seq, time);
        break;
      case 'action':
        this.#emit(message.body);
        break;
      case 'result':
        this.#resolve(message.body, seq);
        break;
      case 'unreadable':
        break;
      default:
        message satisfies never;
    }
  }

  /** True where the move was accepted in this session, or refused in it: whoever names it knows the session. */
  knows(moveId: string): boolean {
    return this.#open.has(moveId) || this.#ends.find(moveId) !== undefined;
  }

  /** What is to be emitted now, in the order of docs/semantics.md, "What the collector emits". */
  due(): string[] {
    const instants = [...this.#instants].map(({ id }) => id);
    const pairs = [...this.#pairs].map((move) => `${move.answer!.id}+${move.id}`);
    const alone = [...this.#marked].filter(({ answer }) => answer === null);
    alone.sort((one, other) => this.#order.get(one)! - this.#order.get(other)!);
    return [...instants, ...pairs, ...alone.map(({ id }) => `${id}!`)];
  }

  /**
   * Judges an action message that was decided on the log so far (I2, I3). Returns false where something was told.
   * @param mayLeave a message that is as full as one may be leaves the rest to the next
   */
  judgeEmission(seq: number, { through, actions }: ActionMessage, mayLeave: boolean): boolean {
    let sound = true;
    const tell = (invariant: string, what: string): void => {
      sound = false;
      this.#tell(seq, invariant, what);
    };
    const here = new Map<string, string>();
    for (const action of actions) {
      for (const { move_id: id } of movesOf(action)) {
        const twice = here.get(id);
        if (twice !== undefined) tell('I2', `move ${id} is in actions ${twice} and ${action.action_id}`);
        else if (!this.#open.has(id)) this.#tellEnd(id, action, tell);
        here.set(id, action.action_id);
      }
    }
    if (!sound) return false;
    const due = this.due();
    const emitted = actions.map(nameOf);
    const expected = mayLeave ? due.slice(0, emitted.length) : due;
    if (expected.join() !== emitted.join()) {
      tell('I2', `the log to ${through} calls for [${listed(expected)}], emitted [${listed(emitted)}]`);
    }
    return sound;
  }

  #tellEnd(id: string, { action_id }: CombatAction, tell: (invariant: string, what: string) => void): void {
    const end = this.#ends.find(id);
    if (end === undefined) tell('I2', `action ${action_id} holds move ${id}, which was never accepted`);
    else tell(end.invariant, `action ${action_id} holds move ${id}, which ${end.what}`);
  }

  // ----------------------------------------------------------------------------------------------- the session's life

  #live(body: SessionMessage, seq: number, { admitted, dead }: Admission): void {
    if (!admitted) return;
    switch (body.type) {
      case 'opened':
        if (this.#status === 'absent') this.#start(body, dead);
        break;
      case 'joined':
        if (this.#status === 'open') this.#muster.enter(body.actor_id, body.team, seq, null, dead);
        break;
      case 'left':
        if (this.#status === 'open')
          this.#remove(body.actor_id, 'gone', `was dropped at ${seq}: ${body.actor_id} left`);
        break;
      case 'closed':
        this.#status = 'closed';
        this.#closedAt ??= seq;
        for (const move of [...this.#open.values()]) this.#end(move, 'I2', `was dropped at ${seq}: the session closed`);
        break;
      default:
        body satisfies never;
    }
  }

  #start(opened: SessionOpened, dead: readonly string[]): void {
    this.#status = 'open';
    this.#timeoutsMs = opened.move_timeouts_ms;
    const given = new Map(opened.targets);
    for (const [team, members] of opened.teams) {
      for (const id of members) this.#muster.enter(id, team, 0, given.get(id) ?? null, dead);
    }
  }

  #remove(id: string, standing: 'dead' | 'gone', why: string): void {
    const fighter = this.#muster.find(id);
    if (fighter === undefined) return;
    fighter.standing = standing;
    for (const move of [...this.#open.values()]) {
      if (move.actor === id || move.target === id) this.#end(move, 'I2', why);
    }
  }

  // ---------------------------------------------------------------------------------------------------------- signals

  #wake(signal: CollectorSignal, seq: number, timeMs: number): void {
    if (signal.signal_type === 'check_immediate') {
      for (const input of signal.moves ?? []) this.#declare(readDeclaration(input), seq, timeMs);
    }
    if (signal.signal_type === 'check_timeout') this.#markDue(signal, timeMs);
  }

  #declare(move: Declaration | null, seq: number, timeMs: number): void {
    if (move === null || this.#remembered.has(move.id) || this.#open.has(move.id)) return;
    const source = this.#muster.find(move.actor);
    const target = move.target === null ? null : this.#muster.find(move.target);
    if (source?.standing !== 'alive' || (target !== null && target?.standing !== 'alive')) return;
    if (move.isExchange && !this.#muster.isQueued(source, target!)) {
      const standing = this.#blows.get(blowOf(move.actor, move.target!));
      const why = standing === undefined ? 'the target is not in the queue' : `its blow ${standing.id} is open`;
      this.#ends.note(move.id, standing === undefined ? 'I2' : 'I3', `was refused at ${seq}: ${why}`);
      return;
    }
    this.#accept(move, source, target, timeMs);
  }

  #accept(declared: Declaration, source: Fighter, target: Fighter | null, timeMs: number): void {
    const { id, actor, isExchange } = declared;
    const patience = this.#timeoutsMs[Math.min(target?.afk ?? 0, this.#timeoutsMs.length - 1)]!;
    const move: OpenMove = { ...declared, deadlineMs: timeMs + patience, answer: null };
    this.#accepted += 1;
    this.#order.set(move, this.#accepted);
    this.#open.set(id, move);
    this.#ends.forget(id);
    this.#remembered.add(id);
    const most = Math.max(REMEMBERED_MIN, REMEMBERED_PER_ACTOR * this.#muster.size);
    for (const oldest of this.#remembered) {
      if (this.#remembered.size <= most) break;
      this.#remembered.delete(oldest);
    }
    source.afk = 0;
    if (!isExchange || target === null) {
      this.#instants.add(move);
      return;
    }
    source.out.add(target.id);
    this.#blows.set(blowOf(actor, target.id), move);
    const answer = this.#blows.get(blowOf(target.id, actor));
    if (answer === undefined) return;
    move.answer = answer;
    answer.answer = move;
    this.#pairs.add(move);
  }

  #markDue(signal: CollectorSignal, timeMs: number): void {
    const named = signal.move_id == null ? undefined : this.#open.get(signal.move_id);
    if (named?.isExchange && named.answer === null) this.#marked.add(named);
    const owner = signal.move_id == null ? (signal.char_id ?? null) : null;
    for (const move of this.#blows.values()) {
      if (move.deadlineMs <= timeMs && (owner === null || owner === move.actor)) this.#marked.add(move);
    }
  }

  // ----------------------------------------------------------------------------------------------- actions and results

  #emit({ actions }: ActionMessage): void {
    const counts = actions.every(({ action_id }, at) => action_id === `${this.#emitted + 1 + at}`);
    if (this.#status !== 'open' || !counts) return;
    for (const action of actions) {
      this.#emitted += 1;
      this.#outcomes.emitted(action);
      for (const { move_id: id } of movesOf(action)) {
        const move = this.#open.get(id);
        if (move !== undefined) this.#end(move, 'I2', `is in action ${action.action_id}`);
        else this.#ends.note(id, 'I2', `is in action ${action.action_id}`);
      }
      const forced = action.is_forced ? this.#muster.find(targetOf(action.move) ?? '') : undefined;
      if (forced !== undefined) forced.afk += 1;
    }
  }

  /** Results come here when they have been found to continue those before them. */
  #resolve(message: ResultMessage, seq: number): void {
    const { target_returns, deaths } = message;
    this.#outcomes.judge(seq, message, this.#closedAt);
    if (this.#status !== 'open') return;
    for (const [id, targetId] of target_returns) {
      const owner = this.#muster.find(id);
      const standing = this.#blows.get(blowOf(id, targetId));
      if (standing !== undefined)
        this.#tell(seq, 'I3', `${targetId} returns to ${id}, whose blow ${standing.id} is open`);
      else if (owner?.standing === 'alive' && this.#muster.find(targetId)?.standing === 'alive')
        owner.out.delete(targetId);
    }
    for (const id of deaths) this.#remove(id, 'dead', `was dropped at ${seq}: ${id} died`);
  }

  /** The move is open no more. */
  #end(move: OpenMove, invariant: string, what: string): void {
    this.#open.delete(move.id);
    this.#instants.delete(move);
    this.#marked.delete(move);
    this.#order.delete(move);
    this.#pairs.delete(move);
    if (move.isExchange) this.#blows.delete(blowOf(move.actor, move.target!));
    if (move.answer !== null) {
      this.#pairs.delete(move.answer);
      move.answer.answer = null;
    }
    this.#ends.note(move.id, invariant, what);
  }
}

const blowOf = (actor: string, target: string): string => `${actor} ${target}`;
