/**
 * Owns a session's log in memory, with its sequence and clock in the test's hand, and the passes of the two reconcilers over
 * it. What is appended goes through bytes and `readLogMessage`, as on the real log, and is folded into a Session and a
 * Battle at once. Appends of actions, results and closings carry the expected last sequence of their subject (I5).
 */
import { type Batch, type Battle, evolveBattle, initialBattle, resolve } from '#combat/battle.ts';
import { queueOf } from '#combat/queue.ts';
import type { Actor } from '#combat/roster.ts';
import type { RuleBook } from '#combat/rules.ts';
import {
  type Decision,
  decide,
  evolve,
  type Fight,
  type Folded,
  initialSession,
  type Session,
} from '#combat/session.ts';
import type { CombatAction } from '#contracts/action.ts';
import { encode } from '#contracts/decode.ts';
import { type LogEntry, readLogMessage } from '#contracts/log-message.ts';
import { type ActionResult, encodeResult, type ResultMessage } from '#contracts/result.ts';
import type { LogKind } from '#contracts/subjects.ts';
import type { AiTurnRequest } from '#contracts/tasks.ts';
import type { Verdict } from '#contracts/verdict.ts';
import { PLAIN_BOOK } from './plain-rules.ts';

/** An actor as a test describes it. */
export interface Sheet {
  readonly kind?: 'player' | 'ai';
  readonly stats?: object;
}

/** How a test opens its session: teams by name, and of `actors` only what is out of the ordinary. */
export interface Opening {
  readonly teams: { readonly [team: string]: readonly (string | number)[] };
  readonly actors?: { readonly [id: string]: Sheet };
  readonly [field: string]: unknown;
}

/** The log time at which every bench starts, in milliseconds since the epoch. */
export const START = 1_700_000_000_000;

export class LogBench {
  readonly id: string;
  readonly rules: RuleBook;
  readonly session: Session;
  readonly battle: Battle;
  /** Every entry so far, as the folds have read it. */
  readonly entries: LogEntry[] = [];
  /** The same as bytes. */
  readonly raw: { readonly seq: number; readonly time: number; readonly kind: LogKind; readonly bytes: Uint8Array }[] =
    [];
  /** Last sequence of each subject, as the server knows it. */
  readonly last: Record<LogKind, number> = { session: 0, signal: 0, action: 0, result: 0 };
  /** AI requests that have gone out, in order. */
  readonly requests: AiTurnRequest[] = [];
  /** Every action that was appended and counts. */
  readonly actions: CombatAction[] = [];
  readonly results: ActionResult[] = [];
  seq = 0;
  time = START;
  #askedThrough = 0;
  #moves = 0;

  constructor(rules: RuleBook = PLAIN_BOOK, id = 's1') {
    this.id = id;
    this.rules = rules;
    this.session = initialSession(id);
    this.battle = initialBattle(id);
  }

  /** A bench whose session is open. */
  static open(opening: Opening, rules?: RuleBook): LogBench {
    const bench = new LogBench(rules);
    bench.open(opening);
    return bench;
  }

  // ------------------------------------------------------------------------------------------------- what is published

  /** Appends a message (or any bytes) and folds it. `skip` leaves sequences to other sessions of the same stream. */
  append(kind: LogKind, body: unknown, skip = 0): Folded {
    const bytes =
      body instanceof Uint8Array ? body : kind === 'result' && isResult(body) ? encodeResult(body) : encode(body);
    this.seq += 1 + skip;
    const entry: LogEntry = { seq: this.seq, time: this.time, message: readLogMessage(kind, this.id, bytes) };
    this.raw.push({ seq: this.seq, time: this.time, kind, bytes });
    this.entries.push(entry);
    this.last[kind] = this.seq;
    const { status } = this.session;
    evolveBattle(this.battle, entry, this.rules);
    const folded = evolve(this.session, entry, this.rules);
    const { message } = entry;
    if (folded.refused === null && this.session.fight !== null) {
      if (message.kind === 'action' && status === 'open') this.actions.push(...message.body.actions);
      if (message.kind === 'result') this.results.push(...message.body.results);
    }
    return folded;
  }

  open({ teams, actors = {}, ...rest }: Opening): Folded {
    const ids = Object.values(teams).flat().map(String);
    return this.append('session', {
      type: 'opened',
      session_id: this.id,
      teams,
      actors: Object.fromEntries(ids.map((id) => [id, sheetOf(actors[id])])),
      rules: { name: 'plain', version: 1 },
      seed: 'seed',
      ...rest,
    });
  }

  join(id: string, team: string, sheet?: Sheet): Folded {
    return this.append('session', {
      type: 'joined',
      session_id: this.id,
      actor_id: id,
      team,
      actor: sheetOf(sheet),
    });
  }

  leave(id: string): Folded {
    return this.append('session', { type: 'left', session_id: this.id, actor_id: id });
  }

  close(winner: string | null = null, reason = 'cancelled'): Folded {
    return this.append('session', { type: 'closed', session_id: this.id, winner, reason });
  }

  /** Publishes `check_immediate` with the given moves; returns their verdicts. */
  declare(...moves: unknown[]): readonly Verdict[] {
    return this.append('signal', { session_id: this.id, signal_type: 'check_immediate', moves }).verdicts;
  }

  /** Publishes one exchange; returns its verdict. */
  strike(source: string, target: string, payload: object = {}): Verdict {
    return this.declare(this.blow(source, target, payload))[0]!;
  }

  /** An exchange move with an id of its own. */
  blow(source: string, target: string, payload: object = {}): Record<string, unknown> {
    this.#moves += 1;
    return exchange(`m${this.#moves}`, source, target, payload);
  }

  nudge(): Folded {
    return this.append('signal', { session_id: this.id, signal_type: 'check_immediate' });
  }

  heartbeat(): Folded {
    return this.append('signal', { session_id: this.id, signal_type: 'heartbeat' });
  }

  timeout(names: { move_id?: string; char_id?: string } = {}): Folded {
    return this.append('signal', { session_id: this.id, signal_type: 'check_timeout', ...names });
  }

  wait(ms: number): this {
    this.time += ms;
    return this;
  }

  // --------------------------------------------------------------------------------------------------------- the passes

  /** What a collector would do now. Changes nothing. */
  decision(askedThrough = this.#askedThrough): Decision {
    return decide(this.session, askedThrough);
  }

  /** One pass of the collector: decides, appends what was decided, sends the requests. */
  collect(): Decision {
    const decision = this.decision();
    this.commit(decision, { action: this.last.action, session: this.last.session });
    this.send(decision);
    return decision;
  }

  /** Sends a decision's requests. */
  send(decision: Decision): void {
    this.requests.push(...decision.requests);
    this.#askedThrough = Math.max(this.#askedThrough, decision.through);
  }

  /** Appends what was decided, if the subjects still end where they did then; false where the server refuses. */
  commit(decision: Decision, expected: { readonly action: number; readonly session: number }): boolean {
    const { actions, close, through } = decision;
    if (close !== null) {
      if (expected.session !== this.last.session) return false;
      this.append('session', { type: 'closed', session_id: this.id, ...close, through });
    } else if (actions.length > 0) {
      if (expected.action !== this.last.action) return false;
      this.append('action', { session_id: this.id, through, actions });
    }
    return true;
  }

  /** One pass of the executor: resolves a batch, appends the result, publishes the heartbeat. */
  execute(batch: Partial<Batch> = {}): ResultMessage | null {
    const result = resolve(this.battle, { size: 100, ...batch });
    if (result !== null) this.append('result', result);
    this.heartbeat();
    return result;
  }

  /** Collector and executor by turns until neither finds anything to do. */
  settle(): this {
    for (let turn = 0; turn < 1000; turn++) {
      const { actions, close, dispatch } = this.collect();
      if (dispatch !== null) this.execute();
      else if (actions.length === 0 && close === null) return this;
    }
    throw new Error('the session does not settle');
  }

  /** The AI worker's answer to a request: one blow for each missing target, in one signal. */
  answer(request: AiTurnRequest, payload: object = {}): readonly Verdict[] {
    const name = request.request_id.replace('@', '_');
    return this.declare(
      ...request.missing_targets.map((target) => exchange(`${name}_${target}`, request.bot_id, target, payload)),
    );
  }

  // ----------------------------------------------------------------------------------------------------- what is to see

  get fight(): Fight {
    if (this.session.fight === null) throw new Error('the session never opened');
    return this.session.fight;
  }

  actor(id: string): Actor {
    const actor = this.fight.roster.byId.get(id);
    if (actor === undefined) throw new Error(`no actor ${id}`);
    return actor;
  }

  /** The queue of an actor; the dead and the gone have none. */
  queue(id: string): string[] {
    const actor = this.actor(id);
    return actor.standing === 'alive' ? queueOf(this.fight.roster, actor) : [];
  }

  /** The ids of the moves in the pool, in order of acceptance. */
  pool(): string[] {
    return [...(this.session.fight?.pool.byOrdinal.values() ?? [])].map((open) => open.move.move_id);
  }

  hp(id: string): number {
    return this.actor(id).vitals.hp;
  }
}

/** An exchange move. */
export function exchange(moveId: unknown, source: unknown, target: unknown, payload: object = {}) {
  return { move_id: moveId, char_id: source, strategy: 'exchange', payload: { target_id: target, ...payload } };
}

/** An instant move. */
export function instant(moveId: unknown, source: unknown, target: unknown, payload: object = {}) {
  return { move_id: moveId, char_id: source, strategy: 'instant', payload: { target_id: target, ...payload } };
}

/** Actions as `move`, or `move+partner`, or `move!` where forced: what most tests compare. */
export function brief(actions: readonly CombatAction[]): string[] {
  return actions.map(({ move, partner_move, is_forced }) => {
    const both = partner_move === null ? move.move_id : `${move.move_id}+${partner_move.move_id}`;
    return is_forced ? `${both}!` : both;
  });
}

/** Results as `ordinal status reason`. */
export function told(results: readonly ActionResult[]): string[] {
  return results.map(({ action_id, status, reason }) => [action_id, status, reason].filter(Boolean).join(' '));
}

/** The codes of verdicts; `accepted` for the accepted. */
export function codes(verdicts: readonly Verdict[]): string[] {
  return verdicts.map((verdict) => (verdict.accepted ? 'accepted' : verdict.code));
}

function sheetOf(sheet: Sheet = {}): object {
  return { kind: 'player', stats: {}, ...sheet };
}

function isResult(body: unknown): body is ResultMessage {
  return typeof body === 'object' && body !== null && 'actors' in body && Array.isArray(body.actors);
}
