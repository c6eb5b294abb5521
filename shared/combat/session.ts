/**
 * Owns the session aggregate: who fights, whom each may strike, which moves are open, and what is to be done about them.
 * Read it in this order: state, initial, evolve (the fold), decide.
 *
 * Keeps I2 (a move ends once), I3 (one open blow per target) and I9 (pure: time is the log's, chance is seeded). `evolve`
 * takes any entry at all and never throws: what it cannot use, it ignores the same way everywhere (I10). It changes the
 * session it is given, so that a message costs what it changes and not what the session holds. What a blow does is
 * battle.ts.
 */
import type { ActionMessage, CombatAction } from '#contracts/action.ts';
import { ACTORS_MAX } from '#contracts/limits.ts';
import type { LogEntry, LogMessage } from '#contracts/log-message.ts';
import { exchangeTarget } from '#contracts/move.ts';
import type { ResultMessage, Vitals } from '#contracts/result.ts';
import type {
  ActorSheet,
  RulesRef,
  SessionClosed,
  SessionJoined,
  SessionLeft,
  SessionOpened,
} from '#contracts/session-message.ts';
import type { CollectorSignal } from '#contracts/signal.ts';
import type { AiTurnRequest } from '#contracts/tasks.ts';
import type { Verdict } from '#contracts/verdict.ts';
import { earliestRenewal, queueChanged, renewSituations, requestsOf } from './bots.ts';
import { emit } from './emission.ts';
import { continues, followsUp } from './ordinals.ts';
import * as pool from './pool.ts';
import * as queue from './queue.ts';
import { register } from './registration.ts';
import { type Actor, emptyRoster, enter, living, livingTeams, type Roster } from './roster.ts';
import { admit, type RuleBook } from './rules.ts';
import { everybody } from './teams.ts';

// ---------------------------------------------------------------------------------------------------------------- state

/** A session, folded from its log through `seq`. */
export interface Session {
  readonly id: string;
  /** Log sequence of the last message folded, readable or not. */
  seq: number;
  /** Log time of that message, in milliseconds since the epoch. */
  time: number;
  /** Log sequence of the last message on each subject that is appended to with an expected sequence (I5). */
  readonly last: { session: number; action: number; result: number };
  /** `refused`: the first `opened` does not validate; it will be answered by `closed`. */
  status: 'absent' | 'refused' | 'open' | 'closed';
  /** Why it was refused. */
  refusal: string | null;
  /** The refusal is this process's own: it does not know the rules, and another may. */
  rulesUnknown: boolean;
  winner: string | null;
  closeReason: string | null;
  /** The fight itself; null for a session that never properly opened. */
  fight: Fight | null;
}

/** What goes on in a session that opened. */
export interface Fight {
  /** Log sequence of `opened`. */
  readonly openedAt: number;
  readonly rules: RulesRef;
  readonly seed: string;
  readonly maxSteps: number;
  readonly idleCloseMs: number;
  readonly moveTimeoutsMs: readonly number[];
  readonly roster: Roster;
  readonly pool: pool.Pool;
  /** The last accepted move ids, oldest first, with the log sequence of their signals. */
  readonly recent: Map<string, number>;
  /** Living bots with targets in their queue, by situation, oldest first. */
  readonly uncovered: Set<Actor>;
  /** Actions ever emitted: the ordinal of the last one. */
  emitted: number;
  /** Actions that have a result. */
  executed: number;
  /** Exchanges done. */
  step: number;
  failedInRow: number;
  /** Log time of the last message that was no `check_timeout`. */
  activeAt: number;
}

/** So many failed results in a row cancel the session: its rules are broken. */
const FAILED_IN_ROW_MAX = 10;
/** Living actors share the executor's attention: more people, smaller batch. */
const BATCH_BUDGET = 200;
const BATCH_MIN = 5;
const BATCH_MAX = 100;

// -------------------------------------------------------------------------------------------------------------- initial

/** A session of which nothing has been folded. */
export function initialSession(id: string): Session {
  return {
    id,
    seq: 0,
    time: 0,
    last: { session: 0, action: 0, result: 0 },
    status: 'absent',
    refusal: null,
    rulesUnknown: false,
    winner: null,
    closeReason: null,
    fight: null,
  };
}

// --------------------------------------------------------------------------------------------------------------- evolve

/** What folding a message said about it. */
export interface Folded {
  /** One for each move the message carried, in their order. */
  readonly verdicts: readonly Verdict[];
  /** Why the message was ignored, where it deserves a dead letter; null where it was folded. */
  readonly refused: string | null;
}

const FOLDED: Folded = { verdicts: [], refused: null };
const refused = (reason: string): Folded => ({ verdicts: [], refused: reason });

/** Folds the next message of the log. Messages at or below `session.seq` have been folded already and change nothing. */
export function evolve(session: Session, entry: LogEntry, rules: RuleBook): Folded {
  if (entry.seq <= session.seq) return FOLDED;
  session.seq = entry.seq;
  session.time = entry.time;
  const { message } = entry;
  moveExpectedSequence(session, message, entry.seq);
  if (session.fight !== null && message.kind !== 'unreadable' && !isTimeout(message))
    session.fight.activeAt = entry.time;
  switch (message.kind) {
    case 'session':
      switch (message.body.type) {
        case 'opened':
          return evolveOpened(session, message.body, rules);
        case 'joined':
          return evolveJoined(session, message.body, rules);
        case 'left':
          return evolveLeft(session, message.body);
        case 'closed':
          return evolveClosed(session, message.body);
        default:
          return message.body satisfies never;
      }
    case 'signal':
      return evolveSignal(session, message.body);
    case 'action':
      return evolveAction(session, message.body);
    case 'result':
      return evolveResult(session, message.body);
    case 'unreadable':
      if (message.opening && session.status === 'absent') refuseOpening(session, message.reason);
      return refused(message.reason);
    default:
      return message satisfies never;
  }
}

/** What is not ours on a subject moves the sequence all the same: the server compares with the last message there. */
function moveExpectedSequence(session: Session, message: LogMessage, seq: number): void {
  const kind = message.kind === 'unreadable' ? message.of : message.kind;
  if (kind !== 'signal') session.last[kind] = seq;
}

const isTimeout = (message: LogMessage): boolean =>
  message.kind === 'signal' && message.body.signal_type === 'check_timeout';

function evolveOpened(session: Session, opened: SessionOpened, rules: RuleBook): Folded {
  if (session.status !== 'absent') return FOLDED; // a second `opened` changes nothing
  const ruleSet = rules.find(opened.rules);
  if (ruleSet === undefined) {
    session.rulesUnknown = true;
    return refuseOpening(session, `unknown rules ${opened.rules.name}, version ${opened.rules.version}`);
  }
  const sheets = new Map(opened.actors);
  const given = new Map(opened.targets);
  const roster = emptyRoster();
  for (const [team, members] of opened.teams) {
    for (const id of members) {
      const sheet = sheets.get(id)!;
      const admitted = admit(ruleSet, sheet.stats);
      if (!admitted.ok) return refuseOpening(session, `stats of ${id}: ${admitted.reason}`);
      const { vitals } = admitted.value;
      enter(roster, newActor(session, { id, team, sheet, vitals, enteredAt: 0, given: given.get(id) ?? null }));
    }
  }
  const fight: Fight = {
    openedAt: session.seq,
    rules: opened.rules,
    seed: opened.seed ?? session.id,
    maxSteps: opened.max_steps,
    idleCloseMs: opened.idle_close_ms,
    moveTimeoutsMs: opened.move_timeouts_ms,
    roster,
    pool: pool.emptyPool(),
    recent: new Map(),
    uncovered: new Set(),
    emitted: 0,
    executed: 0,
    step: 0,
    failedInRow: 0,
    activeAt: session.time,
  };
  session.status = 'open';
  session.fight = fight;
  for (const actor of everybody(roster.teams)) {
    actor.queued = queue.countQueued(roster, actor);
    queueChanged(fight, actor, session);
  }
  return FOLDED;
}

function refuseOpening(session: Session, reason: string): Folded {
  session.status = 'refused';
  session.refusal = reason;
  return refused(reason);
}

function evolveJoined(session: Session, joined: SessionJoined, rules: RuleBook): Folded {
  const { fight } = session;
  if (session.status !== 'open' || fight === null) return refused(`the session is ${session.status}`);
  const { roster } = fight;
  if (roster.byId.has(joined.actor_id)) return refused(`the session has known an actor ${joined.actor_id}`);
  if (roster.byId.size >= ACTORS_MAX) return refused(`the session has known ${ACTORS_MAX} actors`);
  const ruleSet = rules.find(fight.rules);
  if (ruleSet === undefined) {
    session.rulesUnknown = true;
    return refused(`unknown rules ${fight.rules.name}, version ${fight.rules.version}`);
  }
  const admitted = admit(ruleSet, joined.actor.stats);
  if (!admitted.ok) return refused(`stats of ${joined.actor_id}: ${admitted.reason}`);
  const newcomer = newActor(session, {
    id: joined.actor_id,
    team: joined.team,
    sheet: joined.actor,
    vitals: admitted.value.vitals,
    enteredAt: session.seq,
    given: null,
  });
  enter(roster, newcomer);
  newcomer.queued = queue.countQueued(roster, newcomer);
  queueChanged(fight, newcomer, session);
  for (const actor of living(roster)) {
    if (!queue.isQueued(actor, newcomer)) continue;
    actor.queued += 1;
    queueChanged(fight, actor, session);
  }
  return FOLDED;
}

function evolveLeft(session: Session, left: SessionLeft): Folded {
  const { fight } = session;
  if (session.status !== 'open' || fight === null) return refused(`the session is ${session.status}`);
  const actor = fight.roster.byId.get(left.actor_id);
  if (actor === undefined) return refused(`the session knows no actor ${left.actor_id}`);
  if (actor.standing === 'gone') return refused(`actor ${left.actor_id} has left already`);
  actor.leftAt = session.seq;
  takeOut(session, fight, actor, 'gone');
  return FOLDED;
}

function evolveClosed(session: Session, closed: SessionClosed): Folded {
  if (session.status === 'closed') return FOLDED; // the first one stands
  if (session.status === 'absent') return refused('the session never opened');
  session.status = 'closed';
  session.winner = closed.winner;
  session.closeReason = closed.reason;
  if (session.fight !== null) {
    pool.clear(session.fight.pool);
    session.fight.uncovered.clear();
  }
  return FOLDED;
}

function evolveSignal(session: Session, signal: CollectorSignal): Folded {
  switch (signal.signal_type) {
    case 'check_immediate': {
      const inputs = signal.moves ?? [];
      return inputs.length === 0
        ? FOLDED
        : { verdicts: inputs.map((input) => register(session, input)), refused: null };
    }
    case 'check_timeout':
      if (session.status === 'open') evolveTimeout(session, session.fight!, signal);
      return FOLDED;
    case 'heartbeat':
      return FOLDED;
    default:
      return signal.signal_type satisfies never;
  }
}

/** Forcing depends on the log alone: what is due, is due at this message's log time, not when somebody looks. */
function evolveTimeout(session: Session, fight: Fight, signal: CollectorSignal): void {
  const named = signal.move_id == null ? undefined : fight.pool.byMoveId.get(signal.move_id);
  if (named !== undefined) pool.markNamed(fight.pool, named);
  if (signal.move_id == null && signal.char_id != null) {
    const actor = fight.roster.byId.get(signal.char_id);
    if (actor !== undefined) pool.markDue(fight.pool, session.time, actor);
  } else {
    pool.markDue(fight.pool, session.time, null);
  }
  renewSituations(fight, session);
}

function evolveAction(session: Session, message: ActionMessage): Folded {
  const { fight } = session;
  if (session.status !== 'open' || fight === null) return FOLDED; // actions after `closed` are ignored by every fold
  if (!continues(message.actions, fight.emitted)) return refused(`action ids do not continue after ${fight.emitted}`);
  for (const action of message.actions) {
    fight.emitted += 1;
    transfer(fight, action.move.move_id);
    if (action.partner_move !== null) transfer(fight, action.partner_move.move_id);
    if (action.is_forced) {
      const target = fight.roster.byId.get(exchangeTarget(action.move) ?? '');
      if (target !== undefined) target.afkLevel += 1;
    }
  }
  return FOLDED;
}

/** Takes a move that is in an action now out of the pool; one that was dropped in the meantime is there no more. */
function transfer(fight: Fight, moveId: string): void {
  const open = fight.pool.byMoveId.get(moveId);
  if (open !== undefined) pool.remove(fight.pool, open);
}

function evolveResult(session: Session, message: ResultMessage): Folded {
  const { fight } = session;
  if (fight === null) return FOLDED;
  if (!followsUp(message, fight)) return refused(`results do not continue after ${fight.executed} of ${fight.emitted}`);
  fight.executed = message.executed;
  fight.step = message.step;
  for (const result of message.results) fight.failedInRow = result.status === 'failed' ? fight.failedInRow + 1 : 0;
  for (const [id, vitals] of message.actors) {
    const actor = fight.roster.byId.get(id);
    if (actor !== undefined) actor.vitals = vitals;
  }
  for (const [id, targetId] of message.target_returns) returnTarget(session, fight, id, targetId);
  for (const id of message.deaths) {
    const actor = fight.roster.byId.get(id);
    if (actor?.standing === 'alive') takeOut(session, fight, actor, 'dead');
  }
  return FOLDED;
}

function returnTarget(session: Session, fight: Fight, id: string, targetId: string): void {
  const actor = fight.roster.byId.get(id);
  const target = fight.roster.byId.get(targetId);
  if (session.status !== 'open' || actor?.standing !== 'alive' || target?.standing !== 'alive') return;
  if (!queue.isReturnable(actor, target)) return;
  queue.giveBack(fight.roster, actor, target, session.seq);
  queueChanged(fight, actor, session);
}

/** Death or leaving: drops its moves and those aimed at it, and takes it out of every queue. */
function takeOut(session: Session, fight: Fight, actor: Actor, standing: 'dead' | 'gone'): void {
  const { roster, pool: moves, uncovered } = fight;
  const lived = actor.standing === 'alive';
  if (lived) {
    for (const other of living(roster)) {
      if (!queue.isQueued(other, actor)) continue;
      other.queued -= 1;
      queueChanged(fight, other, session);
    }
    roster.living -= 1;
  }
  actor.standing = standing;
  uncovered.delete(actor);
  for (const open of [...actor.open.values()]) pool.remove(moves, open);
  for (const open of [...moves.instants]) {
    if (open.source === actor || (open.target.kind === 'actor' && open.target.id === actor.id))
      pool.remove(moves, open);
  }
  for (const other of everybody(roster.teams)) {
    const aimed = other.open.get(actor.id);
    if (aimed !== undefined) pool.remove(moves, aimed);
    other.moved.delete(actor.id);
  }
  actor.moved.clear();
}

type Entrance = {
  readonly id: string;
  readonly team: string;
  readonly sheet: ActorSheet;
  readonly vitals: Vitals;
  readonly enteredAt: number;
  readonly given: readonly string[] | null;
};

function newActor(session: Session, { id, team, sheet, vitals, enteredAt, given }: Entrance): Actor {
  return {
    id,
    team,
    kind: sheet.kind,
    name: sheet.name,
    enteredAt,
    given: given === null ? null : new Set(given),
    standing: vitals.dead ? 'dead' : 'alive',
    leftAt: 0,
    vitals,
    afkLevel: 0,
    moved: new Map(),
    queued: 0,
    open: new Map(),
    situation: { seq: session.seq, time: session.time },
  };
}

// --------------------------------------------------------------------------------------------------------------- decide

/** What is to be done about a session, decided on an exact prefix of its log. */
export interface Decision {
  /** The prefix: the log sequence it was decided on. */
  readonly through: number;
  /** At most one message's worth. */
  readonly actions: readonly CombatAction[];
  /** There is more to emit, which waits until these actions are folded. */
  readonly more: boolean;
  /** Bots to ask. */
  readonly requests: readonly AiTurnRequest[];
  /** Set where actions wait to be executed, `actions` included. */
  readonly dispatch: { readonly batchSize: number } | null;
  /** Log time at which the session must be looked at again; null once it is closed. */
  readonly deadline: number | null;
  readonly close: { readonly winner: string | null; readonly reason: string } | null;
  /** Why this process must leave the session to another; nothing else is set then. */
  readonly blocked: string | null;
}

/** True where others have shown that they know the session's rules, and this process does not: what it has folded is not the session. */
export function isLeftToOthers({ rulesUnknown, fight, last }: Session): boolean {
  return rulesUnknown && (fight !== null || last.action > 0);
}

/**
 * Decides what the session needs now (specification 1.C). Changes nothing.
 *
 * @param askedThrough bots whose situation is at or below this log sequence have been asked already
 * @param objection what this deployment has against the session, which closes it before its first action; null for nothing
 */
export function decide(session: Session, askedThrough: number, objection: string | null = null): Decision {
  const nothing: Decision = {
    through: session.seq,
    actions: [],
    more: false,
    requests: [],
    dispatch: null,
    deadline: null,
    close: null,
    blocked: null,
  };
  const { fight } = session;
  if (isLeftToOthers(session)) return { ...nothing, blocked: session.refusal };
  if (session.status === 'refused') return { ...nothing, close: { winner: null, reason: 'invalid' } };
  if (fight === null || session.status === 'absent') return nothing;
  const waiting = fight.emitted - fight.executed;
  if (session.status === 'closed') return { ...nothing, dispatch: dispatchOf(fight, waiting) };
  if (objection !== null && fight.emitted === 0) return { ...nothing, close: { winner: null, reason: 'invalid' } };
  const end = endOf(session, fight);
  if (end !== null) {
    if (waiting === 0) return { ...nothing, close: end };
    return { ...nothing, dispatch: dispatchOf(fight, waiting), deadline: deadlineOf(session, fight) };
  }
  const { actions, more } = emit(fight);
  return {
    ...nothing,
    actions,
    more,
    requests: requestsOf(session, fight, askedThrough),
    dispatch: dispatchOf(fight, waiting + actions.length),
    deadline: deadlineOf(session, fight),
  };
}

/** How the fight has ended; null while it goes on. */
function endOf(session: Session, fight: Fight): Decision['close'] {
  const teams = livingTeams(fight.roster);
  if (teams.length === 1) return { winner: teams[0]!, reason: 'victory' };
  if (teams.length === 0) return { winner: null, reason: 'draw' };
  if (fight.failedInRow >= FAILED_IN_ROW_MAX) return { winner: null, reason: 'cancelled' };
  if (fight.step >= fight.maxSteps) return { winner: null, reason: 'exhausted' };
  const idle = session.time - fight.activeAt >= fight.idleCloseMs;
  return idle && mayIdle(fight) ? { winner: null, reason: 'abandoned' } : null;
}

/** Idleness counts only while nothing is under way: no move awaits its action, no action awaits its result. */
function mayIdle(fight: Fight): boolean {
  return fight.pool.byOrdinal.size === 0 && fight.emitted === fight.executed;
}

/** More people, smaller batch: clamp(floor(200 / living), 5, 100). */
function dispatchOf(fight: Fight, waiting: number): Decision['dispatch'] {
  if (waiting === 0) return null;
  const share = Math.floor(BATCH_BUDGET / Math.max(1, fight.roster.living));
  return { batchSize: Math.min(BATCH_MAX, Math.max(BATCH_MIN, share)) };
}

/**
 * The earliest of: a blow to be forced, a bot to be asked again, the idle close. While something is under way the session
 * cannot be closed as idle, but it is looked at all the same, so that it is folded before its log can expire (I1).
 */
function deadlineOf(session: Session, fight: Fight): number {
  let deadline = (mayIdle(fight) ? fight.activeAt : session.time) + fight.idleCloseMs;
  const blow = pool.earliestDeadline(fight.pool);
  if (blow !== null) deadline = Math.min(deadline, blow);
  const renewal = earliestRenewal(fight);
  if (renewal !== null) deadline = Math.min(deadline, renewal);
  return deadline;
}
