/**
 * Owns one pass of the collector over one session: fold to what woke it, decide, commit, dispatch, ask, arm, answer, and
 * acknowledge last. Keeps I5 (appends expect the last sequence), I6, I7 and I8. The decisions are shared/combat's.
 *
 * A process that dies anywhere in here has not acknowledged, so its wakes come again; the fold then shows what is left to
 * do. What is done twice by that is refused by the log, by a Msg-Id or by the lock.
 */

import { type Decision, decide, type Session } from '#combat/session.ts';
import type { ActionMessage } from '#contracts/action.ts';
import { encode } from '#contracts/decode.ts';
import type { SessionClosed } from '#contracts/session-message.ts';
import { aiTurnSubject, executorBatchSubject, logSubject } from '#contracts/subjects.ts';
import type { ExecutorBatch } from '#contracts/tasks.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import type { Effects } from '#jetstream/effects.ts';
import { EffectFailed, type Receipt, storedOr } from '#jetstream/receipt.ts';
import type { Cached, SessionLog } from '#jetstream/session-log.ts';
import { arm, isArmed } from '#jetstream/timer.ts';
import type { Metrics } from '#process/metrics.ts';
import { bury, noteFromState, tell } from './answer.ts';
import { type Desk, type Note, noteOn } from './desk.ts';
import { PendingLock } from './pending-lock.ts';

/** A session in the collector's cache, with what is on the desk about it. */
export type Case = Cached<Session, Desk>;

/** What passes work with. */
export interface Tools {
  readonly effects: Effects;
  readonly log: SessionLog<Session, Desk>;
  readonly metrics: Metrics;
  readonly lockTtlMs: number;
  /** What this deployment has against a session that the fold has nothing against; null for nothing. */
  readonly objection: (session: Session) => string | null;
}

/** What a pass stands by in the end: a decision, and where its actions stand in the log (0: it had none). */
type Committed = Decision & { readonly appendedAt: number };

/** Appends that lose against other replicas in a row; then the wakes are given back. */
const CONFLICTS_MAX = 64;
/** A task whose publish has no known outcome is published again under the same Msg-Id. */
const ENQUEUE_TRIES = 3;

/**
 * Brings a session to where nothing more can be done about it now. Resolves to the wakes that may be acknowledged: those
 * at or below the position it decided on (I8). Rejects with EffectFailed where the wakes must come again.
 *
 * @param glanced what `glance` has decided, while nothing has been folded since; null where it could not
 */
export async function pass(tools: Tools, session: Case, glanced: Decision | null): Promise<Delivery[]> {
  const { effects, metrics } = tools;
  const desk = session.memo;
  await tools.log.foldTo(session, positionToReach(desk));
  const lock = new PendingLock(effects, metrics, desk, tools.lockTtlMs);
  const committed = await commit(tools, session, lock, glanced);
  metrics.passes += 1;

  const dealtWith = desk.wakes.filter((wake) => wake.seq <= committed.through);
  if (dealtWith.length === 0) throw new EffectFailed(`${desk.sessionId}: a replica has not shown what woke it`);
  const notes = dealtWith.map((wake) => noteFor(tools, session, wake));
  const dispatched = dispatch(tools, session, committed, lock);
  if (committed.requests.length > 0) await Promise.all([dispatched, ask(tools, desk, committed)]);
  const lockedUntil = await dispatched;
  const deadline = earlier(committed.deadline, lockedUntil);
  const anew = notes.some((note) => note.timeout);
  if (deadline !== null) await arm(effects, desk.sessionId, desk.timer, deadline, anew);

  for (const [index, wake] of dealtWith.entries()) {
    const note = notes[index]!;
    tell(effects, metrics, note);
    if (note.refused !== null) await bury(effects, metrics, wake, note.refused);
  }
  for (const wake of dealtWith) desk.notes.delete(wake.seq);
  return dealtWith;
}

/**
 * Looks at a session whose wakes have been folded: decides, and deals at once with what calls for nothing but a verdict, as
 * most first blows of a pair do: nothing is to be emitted, asked, dispatched or armed. Returns 'settled' then; else the
 * decision for a pass to begin with, or null where it takes a pass even to decide.
 */
export function glance(tools: Tools, session: Case): Decision | 'settled' | null {
  const { effects, metrics } = tools;
  const desk = session.memo;
  // A wake is a message of the session: only a state that has it will do, whatever is said to be complete (I7).
  const has = session.state.seq;
  if (session.phase !== 'live' || session.through < desk.floor || desk.wakes.some(({ seq }) => seq > has)) return null;
  const decision = decide(session.state, desk.askedThrough, tools.objection(session.state));
  const { actions, close, requests, dispatch: waiting, blocked, deadline } = decision;
  if (actions.length > 0 || close !== null || requests.length > 0 || waiting !== null || blocked !== null)
    return decision;
  if (deadline !== null && !isArmed(effects, desk.timer, deadline)) return decision;
  const notes = desk.wakes.map((wake) => noteOn(session, wake));
  if (notes.some((note) => note === undefined || note.timeout || note.refused !== null)) return decision;
  metrics.passes += 1;
  for (const [index, wake] of desk.wakes.entries()) {
    tell(effects, metrics, notes[index]!);
    desk.notes.delete(wake.seq);
    effects.ack(wake);
  }
  desk.wakes.length = 0;
  return 'settled';
}

/** Never below what woke it (I7), nor below this process's own last append, which it would only try again. */
function positionToReach(desk: Desk): number {
  return desk.wakes.reduce((highest, wake) => Math.max(highest, wake.seq), desk.floor);
}

/** Appends what the session calls for until it calls for nothing more; returns the decision that stands in the end. */
async function commit(tools: Tools, session: Case, lock: PendingLock, glanced: Decision | null): Promise<Committed> {
  let decided = glanced?.through === session.state.seq ? glanced : null;
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; ) {
    const decision = decided ?? decide(session.state, session.memo.askedThrough, tools.objection(session.state));
    decided = null;
    if (decision.blocked !== null) throw new EffectFailed(decision.blocked);
    const kind = decision.close !== null ? 'session' : 'action';
    if (decision.close === null && decision.actions.length === 0) return { ...decision, appendedAt: 0 };

    // Append and lock share one flight: the task needs the answers of both.
    if (kind === 'action' && lock.looksFree) void lock.take();
    const expected = session.state.last[kind];
    const receipt = await append(tools, session, decision, kind);
    if (receipt.kind === 'stored') {
      tools.metrics.appends[kind].committed += 1;
      session.memo.floor = receipt.seq;
      // A message's worth may have been all there was: then this is the end, and later wakes bring passes of their own.
      if (kind === 'action' && !decision.more) return { ...decision, appendedAt: receipt.seq };
      await tools.log.foldTo(session, receipt.seq);
      continue;
    }
    if (receipt.kind === 'refused') throw new EffectFailed(`appending to ${session.sessionId}: ${receipt.reason}`);
    tools.metrics.appends[kind][receipt.kind] += 1;
    conflicts += 1;
    await foldPast(tools, session, receipt, kind, expected);
  }
  throw new EffectFailed(`${session.sessionId}: lost ${CONFLICTS_MAX} appends in a row`);
}

function append(tools: Tools, session: Case, decision: Decision, kind: 'session' | 'action'): Promise<Receipt> {
  const { close, actions, through } = decision;
  const { id, last } = session.state;
  const subject = logSubject(kind, id);
  if (close !== null) {
    const body: SessionClosed = { type: 'closed', session_id: id, ...close, through };
    return tools.effects.append(subject, encode(body), last.session);
  }
  const body: ActionMessage = { session_id: id, through, actions: [...actions] };
  const bytes = encode(body);
  session.own = { bytes, message: { kind: 'action', body } };
  return tools.effects.append(subject, bytes, last.action);
}

/**
 * After a conflict or an unknown outcome: folds what stands in the log now, our own message or another's. What the server said
 * may be old by now, and is held against what was expected then (docs/adr/0014-conflicts-answer-what-was-expected.md).
 */
async function foldPast(
  tools: Tools,
  session: Case,
  receipt: Receipt,
  kind: 'session' | 'action',
  expected: number,
): Promise<void> {
  const { last } = session.state;
  if (receipt.kind === 'conflict' && receipt.last !== null && receipt.last > expected) {
    return tools.log.foldTo(session, receipt.last);
  }
  await tools.log.catchUp(session);
  if (receipt.kind !== 'conflict' || last[kind] !== expected) return;
  const { last: standing } = await tools.effects.readTail(logSubject(kind, session.sessionId), session.state.seq);
  // Another's was on its way, and has been stored since.
  if (standing > expected) return tools.log.foldTo(session, standing);
  // The last message on the subject has expired: what the server compares with has gone back to an earlier one, or to 0.
  if (last[kind] === expected) last[kind] = standing;
}

/**
 * Takes the lock and sends the task where actions wait (specification 1.E). Returns the local time at which the lock must
 * be looked at again, where another holds it; null otherwise.
 */
async function dispatch(tools: Tools, session: Case, committed: Committed, lock: PendingLock): Promise<number | null> {
  const { effects, metrics } = tools;
  if (committed.dispatch === null) {
    await lock.release();
    return null;
  }
  if (!lock.looksFree) return lock.lookAgainAt;
  const attempt = await lock.take();
  lock.busy(attempt.held); // before the task is out: its heartbeat may be folded before its publish is answered
  if (!attempt.held) {
    metrics.locks.held += 1;
    return lock.lookAgainAt;
  }
  metrics.locks.taken += 1;
  const { last } = session.state;
  const task: ExecutorBatch = {
    session_id: session.sessionId,
    batch_size: committed.dispatch.batchSize,
    through: Math.max(committed.appendedAt, last.action, last.session),
    lock_rev: attempt.revision,
  };
  try {
    await enqueue(effects, executorBatchSubject(session.sessionId), encode(task), lock.nonce);
  } catch (error) {
    lock.busy(false); // no heartbeat is sure to come: the next pass arms a timer for the lock's end
    throw error;
  }
  return null;
}

/** Asks bots, each situation once: by the Msg-Id, whoever asks and however often. */
async function ask(tools: Tools, desk: Desk, committed: Committed): Promise<void> {
  await Promise.all(
    committed.requests.map((request) => {
      const subject = aiTurnSubject(request.session_id, request.bot_id);
      return enqueue(tools.effects, subject, encode(request), `${request.session_id}:${request.request_id}`);
    }),
  );
  tools.metrics.aiRequests += committed.requests.length;
  desk.askedThrough = Math.max(desk.askedThrough, committed.through);
}

async function enqueue(effects: Effects, subject: string, body: Uint8Array, msgId: string): Promise<void> {
  let receipt = await effects.enqueue(subject, body, msgId);
  for (let tries = 1; receipt.kind === 'unknown' && tries < ENQUEUE_TRIES; tries++) {
    receipt = await effects.enqueue(subject, body, msgId);
  }
  storedOr(receipt, `the task ${subject}`);
}

/** What is to be said about a wake; an `opened` that this deployment objects to is refused like one that is wrong. */
function noteFor(tools: Tools, session: Case, wake: Delivery): Note {
  const note = noteOn(session, wake) ?? noteFromState(session.state, wake);
  const { fight, closeReason } = session.state;
  if (note.refused !== null || closeReason !== 'invalid' || fight === null || wake.seq !== fight.openedAt) return note;
  return { ...note, refused: tools.objection(session.state) };
}

function earlier(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.min(left, right);
}
