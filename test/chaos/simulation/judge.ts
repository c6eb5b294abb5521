/**
 * Owns the verdict on a run: every message is judged as it lands, every acknowledgement as it is taken. It folds the log by
 * itself, from its first message and without the caches, beliefs and shortcuts of the roles, and asks three questions.
 *
 * - Is it safe? No move is in two actions (I2), no actor has two blows at one target (I3), every action has one result, in
 *   order (I4), nobody commits what he decided before the last commit (I5), and what is appended is, byte for byte, what the
 *   exact prefix that it names calls for.
 * - Is anything left undone while nobody is awake? When a session's last delivery is acknowledged, all that its log calls for
 *   has been done, and a timer stands for what comes next (I6, I7, I8).
 * - Is it told truly? Verdicts say what the log says; one lock is one task, one situation one request.
 */
import { evolveBattle, resolve } from '#combat/battle.ts';
import type { RuleBook } from '#combat/rules.ts';
import { decide, evolve, initialSession } from '#combat/session.ts';
import type { ActionMessage } from '#contracts/action.ts';
import type { LockValue, Tries } from '#contracts/lock.ts';
import { type LogEntry, readLogMessage } from '#contracts/log-message.ts';
import { exchangeTarget } from '#contracts/move.ts';
import { encodeResult, type ResultMessage } from '#contracts/result.ts';
import { bucketStream, COMBAT, type ConsumerName, DEAD, LOCKS_BUCKET, TASKS, TIMERS } from '#contracts/streams.ts';
import { parseLogSubject, sessionOfSubject, timerSetSubject } from '#contracts/subjects.ts';
import type { AiTurnRequest, ExecutorBatch } from '#contracts/tasks.ts';
import type { Verdict } from '#contracts/verdict.ts';
import type { ModelServer } from './model-server.ts';
import type { Stored } from './model-stream.ts';
import { foldPrefix, newTrial, type Trial } from './trial.ts';
import { EPOCH_MS, type VirtualTime } from './virtual-time.ts';

/** What must not have happened. */
export class Breach extends Error {
  override readonly name = 'Breach';
}

/** Within the server's duplicate window the same request is stored once. */
const DUPLICATE_WINDOW_MS = 120_000;
/** A look at a lock is late by clocks that differ, and by a schedule that waits for a whole second. */
const LOOK_AGAIN_SLACK_MS = 5_000;

/** After the first delivery. */
const TRIES_BEFORE_GIVING_UP = 4;

/** Judges one run. Every method may throw a Breach. */
export class Judge {
  readonly trials = new Map<string, Trial>();
  readonly #rules: RuleBook;
  readonly #time: VirtualTime;
  readonly #lockTtlMs: number;
  #calmAt: number | null = null;
  /** Set once the server is there. */
  server: ModelServer | null = null;

  constructor(rules: RuleBook, time: VirtualTime, lockTtlMs: number) {
    this.#rules = rules;
    this.#time = time;
    this.#lockTtlMs = lockTtlMs;
  }

  /** A message is in a stream. */
  stored(stream: string, message: Stored): void {
    if (stream === COMBAT) this.#logged(message);
    else if (stream === TASKS) this.#tasked(message);
    else if (stream === TIMERS && message.publish.atMs === undefined) this.#trial(message).awake += 1;
    else if (stream === bucketStream(LOCKS_BUCKET)) this.#locked(message);
    else if (stream === DEAD) this.#buried(message);
  }

  /** A delivery is acknowledged. */
  settled(consumer: ConsumerName, message: Stored): void {
    if (consumer === 'ai') return;
    const trial = this.#trial(message);
    trial.awake -= 1;
    this.#noteCaughtUp(trial);
    this.#atRest(trial, `the acknowledgement of ${message.subject} ${message.seq}`);
  }

  /** A session's schedule is gone. */
  purged(sessionId: string): void {
    const trial = this.trials.get(sessionId);
    if (trial !== undefined) this.#atRest(trial, 'its timer was purged');
  }

  /** A client has been told. */
  verdict(verdict: Verdict): void {
    const trial = this.trials.get(verdict.session_id);
    const known = trial?.verdicts.get(verdict.seq) ?? [];
    const said = known.some(
      (each) => each.move_id === verdict.move_id && each.accepted === verdict.accepted && sameCode(each, verdict),
    );
    if (!said) throw new Breach(`a verdict that the log does not give: ${JSON.stringify(verdict)}`);
  }

  /** The faults have stopped: from here on it counts how long each session takes to catch up. */
  becomeCalm(): void {
    this.#calmAt = this.#time.now;
    for (const trial of this.trials.values()) this.#noteCaughtUp(trial);
  }

  /** How long the slowest session took to catch up with the faults, in milliseconds. */
  get recoveryMs(): number {
    const calmAt = this.#calmAt ?? 0;
    return Math.max(0, ...Array.from(this.trials.values(), ({ caughtUpAt }) => (caughtUpAt ?? calmAt) - calmAt));
  }

  /** True where a session has come to its end, and every one of its actions has its result. */
  isOver({ session, emitted, executed }: Trial): boolean {
    return session.status === 'closed' && emitted === executed;
  }

  /** Nobody is awake for it, and every action has its result. */
  #noteCaughtUp(trial: Trial): void {
    if (this.#calmAt === null || trial.caughtUpAt !== null) return;
    if (trial.awake === 0 && trial.emitted === trial.executed) trial.caughtUpAt = this.#time.now;
  }

  #trial({ subject }: Stored): Trial {
    const id =
      subject.includes('combat.') || subject.startsWith('collector.')
        ? parseLogSubject(subject)!.sessionId
        : sessionOfSubject(subject);
    let trial = this.trials.get(id);
    if (trial === undefined) {
      trial = newTrial(id);
      this.trials.set(id, trial);
    }
    return trial;
  }

  #logged({ subject, seq, time, data }: Stored): void {
    const { kind, sessionId } = parseLogSubject(subject)!;
    const trial = this.#trial({ subject } as Stored);
    const message = readLogMessage(kind, sessionId, data);
    const before = trial.session.status;
    const entry: LogEntry = { seq, time, message };
    trial.entries.push(entry);
    if (kind === 'signal' || kind === 'session') trial.awake += 1;
    const { verdicts, refused } = evolve(trial.session, entry, this.#rules);
    evolveBattle(trial.battle, entry, this.#rules);
    switch (message.kind) {
      case 'signal':
        if (verdicts.length > 0) trial.verdicts.set(seq, verdicts);
        this.#blowsAreSingle(trial);
        return;
      case 'action':
        if (before === 'open') this.#acted(trial, message.body, seq, refused);
        return;
      case 'result':
        this.#resulted(trial, message.body, seq, data, refused);
        return;
      case 'session':
        if (message.body.type === 'closed' && before === 'open') this.#closed(trial, message.body);
        return;
      case 'unreadable':
        throw new Breach(`${subject} ${seq} cannot be read: ${message.reason}`);
      default:
        message satisfies never;
    }
  }

  /** I2, I5, and the exact prefix. */
  #acted(trial: Trial, { through, actions }: ActionMessage, seq: number, refused: string | null): void {
    const { id, lastOf, decided, decidedAt, movesInActions } = trial;
    if (refused !== null) throw new Breach(`I2 ${id} ${seq}: an action that no fold takes: ${refused}`);
    if (through < lastOf.action)
      throw new Breach(`I5 ${id} ${seq}: decided at ${through}, before action ${lastOf.action}`);
    lastOf.action = seq;
    for (const { action_id, move, partner_move } of actions) {
      trial.emitted += 1;
      if (action_id !== String(trial.emitted))
        throw new Breach(`I4 ${id} ${seq}: action ${action_id} is number ${trial.emitted}`);
      for (const each of partner_move === null ? [move] : [move, partner_move]) {
        if (movesInActions.has(each.move_id)) throw new Breach(`I2 ${id} ${seq}: ${each.move_id} is in two actions`);
        movesInActions.add(each.move_id);
      }
    }
    foldPrefix(trial, decidedAt, through, (entry) => evolve(decided, entry, this.#rules));
    const due = JSON.stringify(decide(decided, 0).actions);
    if (due !== JSON.stringify(actions))
      throw new Breach(`${id} ${seq}: the log to ${through} calls for ${due}, not for ${JSON.stringify(actions)}`);
  }

  /** I4, I5, and the exact prefix. */
  #resulted(trial: Trial, message: ResultMessage, seq: number, data: Uint8Array, refused: string | null): void {
    const { id, lastOf, resolved, resolvedAt } = trial;
    const { through, results } = message;
    if (refused !== null) throw new Breach(`I4 ${id} ${seq}: a result that no fold takes: ${refused}`);
    if (through < lastOf.result)
      throw new Breach(`I5 ${id} ${seq}: resolved at ${through}, before result ${lastOf.result}`);
    lastOf.result = seq;
    for (const { action_id } of results) {
      trial.executed += 1;
      if (action_id !== String(trial.executed) || trial.executed > trial.emitted)
        throw new Breach(`I4 ${id} ${seq}: a result of ${action_id} is number ${trial.executed} of ${trial.emitted}`);
    }
    foldPrefix(trial, resolvedAt, through, (entry) => evolveBattle(resolved, entry, this.#rules));
    const [{ reason = '' } = {}] = results;
    const giveUpOnFirst = reason.startsWith('begun ') ? reason : null;
    if (giveUpOnFirst !== null && (trial.tries.get(results[0]!.action_id) ?? 0) < TRIES_BEFORE_GIVING_UP)
      throw new Breach(`${id} ${seq}: action ${results[0]!.action_id} is given up on, and was not tried`);
    const due = resolve(resolved, { size: results.length, giveUpOnFirst });
    if (due === null || Buffer.compare(encodeResult({ ...due, through }), data) !== 0) {
      throw new Breach(
        `${id} ${seq}: the log to ${through} calls for ${JSON.stringify(due)}, not for ${JSON.stringify(message)}`,
      );
    }
  }

  /** A collector closes what is over, and nothing else; the game server closes what it likes. */
  #closed({ id, entries }: Trial, body: { winner: string | null; reason: string; through?: number | undefined }): void {
    const { through, winner, reason } = body;
    if (through === undefined) return;
    const session = initialSession(id);
    for (const entry of entries) if (entry.seq <= through) evolve(session, entry, this.#rules);
    const due = decide(session, 0).close;
    if (due === null || due.winner !== winner || due.reason !== reason)
      throw new Breach(
        `${id}: closed as ${reason} of ${winner}, where the log to ${through} calls for ${JSON.stringify(due)}`,
      );
  }

  /** I3. */
  #blowsAreSingle({ id, session }: Trial): void {
    const seen = new Set<string>();
    for (const { move, deadline } of session.fight?.pool.byOrdinal.values() ?? []) {
      if (deadline === null) continue;
      const pair = `${move.char_id} ${exchangeTarget(move)}`;
      if (seen.has(pair)) throw new Breach(`I3 ${id}: two blows of ${pair}`);
      seen.add(pair);
    }
  }

  #locked({ subject, seq, data }: Stored): void {
    const trial = this.trials.get(subject.slice(subject.lastIndexOf('.') + 1));
    const body = JSON.parse(Buffer.from(data).toString()) as LockValue | Tries;
    if (trial === undefined) return;
    if ('count' in body) trial.tries.set(body.action_id, Math.max(body.count, trial.tries.get(body.action_id) ?? 0));
    else trial.locks.set(seq, (trial.locks.get(seq) ?? 0) + 1);
  }

  #tasked(message: Stored): void {
    const trial = this.#trial(message);
    const body = JSON.parse(Buffer.from(message.data).toString()) as AiTurnRequest | ExecutorBatch;
    if ('request_id' in body) {
      const before = trial.requests.get(body.request_id);
      if (before !== undefined && this.#time.now - before < DUPLICATE_WINDOW_MS)
        throw new Breach(`${trial.id}: ${body.request_id} was asked twice`);
      trial.requests.set(body.request_id, this.#time.now);
      return;
    }
    trial.awake += 1;
    // A revision that two buckets have given, one after the other, does not tell two locks apart.
    if (trial.locks.get(body.lock_rev) === 1 && trial.tasks.has(body.lock_rev))
      throw new Breach(`${trial.id}: two tasks for the lock ${body.lock_rev}`);
    trial.tasks.add(body.lock_rev);
  }

  /** Nothing of the roles' own is ever buried, and nothing that a fold could use. */
  #buried({ subject }: Stored): void {
    if (!subject.startsWith('dead.combat.session.')) throw new Breach(`a dead letter: ${subject}`);
  }

  /** When nobody is awake, nothing is left to be done now, and something stands for what is to be done later. */
  #atRest(trial: Trial, after: string): void {
    if (trial.awake > 0) return;
    const { id, session, requests } = trial;
    const left = decide(session, 0);
    const wrong = (what: string) => new Breach(`I6 ${id} is at rest after ${after}, and ${what}`);
    if (left.close !== null) throw wrong(`is to be closed: ${left.close.reason}`);
    if (left.actions.length > 0) throw wrong(`${left.actions.length} actions are to be emitted`);
    for (const { request_id } of left.requests)
      if (!requests.has(request_id)) throw wrong(`${request_id} was never asked`);
    const timer = this.server?.timers.last(timerSetSubject(id))?.publish.atMs;
    if (timer === undefined) {
      if (left.dispatch !== null || left.deadline !== null) throw wrong('no timer is armed');
      return;
    }
    if (left.deadline !== null && timer > left.deadline)
      throw wrong(`its timer is ${timer - left.deadline} ms after its deadline`);
    const lockLook = EPOCH_MS + this.#time.now + this.#lockTtlMs + LOOK_AGAIN_SLACK_MS;
    if (left.dispatch !== null && timer > lockLook) throw wrong(`nobody looks at its lock for ${timer - lockLook} ms`);
  }
}

/** A wake that comes again is answered from the state, which does not say when a session without a fight was not there yet. */
const NO_FIGHT = new Set<string | null>(['session_not_found', 'session_closed']);

function sameCode(left: Verdict, right: Verdict): boolean {
  const [folded, said] = [left, right].map((verdict) => (verdict.accepted ? null : verdict.code)) as [string, string];
  return folded === said || (NO_FIGHT.has(folded) && NO_FIGHT.has(said));
}
