/**
 * Owns one batch: have the lock, fold to the task's position, resolve, append the result, free the lock, send the
 * heartbeat, and only then acknowledge. Keeps I4 and I5 (the append is the fence), I7 and I8. What actions do is
 * shared/combat's and the rules'.
 *
 * The heartbeat goes out on every way that acknowledges (specification 2): it is what brings the collector back. A process
 * that dies anywhere in here has not acknowledged: the task comes again and finds what is left to do. The result and the
 * freed lock share one flight, because the lock only saves work: had it been freed and the result lost, the task would
 * come again and take it anew.
 */

import { type Battle, resolve } from '#combat/battle.ts';
import { encode } from '#contracts/decode.ts';
import { encodeResult, type ResultMessage } from '#contracts/result.ts';
import type { CollectorSignal } from '#contracts/signal.ts';
import { logSubject } from '#contracts/subjects.ts';
import type { ExecutorBatch } from '#contracts/tasks.ts';
import type { Effects } from '#jetstream/effects.ts';
import { claim } from '#jetstream/lock.ts';
import { EffectFailed, type Receipt, storedOr } from '#jetstream/receipt.ts';
import type { Cached, SessionLog } from '#jetstream/session-log.ts';
import type { Metrics } from '#process/metrics.ts';
import type { HeldLock, HeldLocks } from './held-locks.ts';

/** What batches work with. */
export interface Tools {
  readonly effects: Effects;
  readonly log: SessionLog<Battle>;
  readonly metrics: Metrics;
  readonly locks: HeldLocks;
}

/** What became of a task: it may be acknowledged, or it must wait and be tried again. */
export type BatchEnd = 'done' | 'locked' | 'rules_unknown';

/** An action that has been tried often enough, and what its result says. */
interface GivenUp {
  readonly actionId: string;
  readonly reason: string;
}

/** Tries of tasks that came again, after which rules that hang or kill the process are given up on: the fifth is in vain. */
const TRIES_MAX = 4;
/** Appends that lose against another executor's before the batch is left to the next heartbeat. */
const CONFLICTS_MAX = 8;

/**
 * Executes one batch.
 *
 * A task that comes for the first time is covered by the lock its collector took for it: nobody else is sent one before
 * that has expired. So it is resolved at once, under the pending lock; only a task that comes again has to claim
 * (docs/adr/0002-claim-on-redelivery.md).
 *
 * @param deliveries how often the task has been handed out, this time included
 * @throws EffectFailed where the task must come again
 */
export async function execute(
  tools: Tools,
  battle: Cached<Battle>,
  task: ExecutorBatch,
  deliveries: number,
): Promise<BatchEnd> {
  const { effects, log } = tools;
  const nonce = effects.nonce();
  let revision = task.lock_rev;
  if (deliveries > 1) {
    const claimed = await claim(effects, task.session_id, nonce, task.lock_rev);
    if (!claimed.held) return 'locked';
    revision = claimed.revision;
  }
  const lock = tools.locks.hold(task.session_id, nonce, revision);
  try {
    await log.foldTo(battle, task.through);
    if (battle.state.rulesUnknown !== null) {
      await lock.free();
      return 'rules_unknown';
    }
    const giveUp = deliveries > 1 ? await countTry(effects, battle) : null;
    await appendResults(tools, battle, task, giveUp, lock);
    await heartbeat(effects, task.session_id, await lock.free());
    return 'done';
  } catch (error) {
    await lock.free();
    throw error;
  }
}

/**
 * Counts a try of the first waiting action before it is begun. Deliveries do not tell: a task comes again also when its
 * executor was stopped, or busy, and nothing has been tried. Returns what is given up on; null while nothing is.
 */
async function countTry(effects: Effects, battle: Cached<Battle>): Promise<GivenUp | null> {
  const first = battle.state.melee?.pending[0]?.action_id;
  if (first === undefined) return null;
  const counted = await effects.readTries(battle.sessionId);
  const count = counted?.action_id === first ? counted.count : 0;
  if (count >= TRIES_MAX) return { actionId: first, reason: `begun ${count + 1} times and never finished` };
  storedOr(await effects.writeTries(battle.sessionId, { action_id: first, count: count + 1 }), 'a try');
  return null;
}

/** Resolves and appends until a batch is in the log, or nothing waits, or others keep being first. */
async function appendResults(
  tools: Tools,
  battle: Cached<Battle>,
  task: ExecutorBatch,
  givenUp: GivenUp | null,
  lock: HeldLock,
): Promise<void> {
  const { effects, metrics } = tools;
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; conflicts++) {
    // Another may have been first with the one that is given up on: the next has had no try yet.
    const isFirst = givenUp !== null && battle.state.melee?.pending[0]?.action_id === givenUp.actionId;
    const message = resolve(battle.state, { size: task.batch_size, giveUpOnFirst: isFirst ? givenUp.reason : null });
    if (message === null) {
      metrics.tasks.empty += 1;
      return;
    }
    const bytes = encodeResult(message);
    battle.own = { bytes, message: { kind: 'result', body: message } };
    const expected = battle.state.lastResult;
    const append = effects.append(logSubject('result', task.session_id), bytes, expected);
    const [receipt] = await Promise.all([append, lock.free()]);
    if (receipt.kind === 'stored') {
      metrics.appends.result.committed += 1;
      count(metrics, message);
      return;
    }
    if (receipt.kind === 'refused') throw new EffectFailed(`the result of ${task.session_id}: ${receipt.reason}`);
    metrics.appends.result[receipt.kind] += 1;
    // A zombie's work, or another's was first, or nobody knows: fold what stands there now, and look again.
    await foldPast(tools, battle, receipt, expected);
  }
  metrics.tasks.refused += 1;
}

/** What the server said may be old by now: it is held against what was expected then (docs/adr/0009-conflicts-are-answers-to-what-was-expected.md). */
async function foldPast(tools: Tools, battle: Cached<Battle>, receipt: Receipt, expected: number): Promise<void> {
  if (receipt.kind === 'conflict' && receipt.last !== null && receipt.last > expected) {
    return tools.log.foldTo(battle, receipt.last);
  }
  await tools.log.catchUp(battle);
  if (receipt.kind !== 'conflict' || battle.state.lastResult !== expected) return;
  const standing = await tools.effects.lastInLog(logSubject('result', battle.sessionId));
  // Another's was on its way, and has been stored since.
  if (standing > expected) return tools.log.foldTo(battle, standing);
  // The last result has expired: what the server compares with has gone back to an earlier one, or to 0.
  if (battle.state.lastResult === expected) battle.state.lastResult = standing;
}

/** Brings the collector back; tells it at which revision the lock was freed, which saves it a read. */
async function heartbeat(effects: Effects, sessionId: string, freeRevision: number | null): Promise<void> {
  const signal: CollectorSignal = {
    session_id: sessionId,
    signal_type: 'heartbeat',
    ...(freeRevision === null ? {} : { lock_rev: freeRevision }),
  };
  storedOr(await effects.signal(sessionId, encode(signal)), 'a heartbeat');
}

function count(metrics: Metrics, message: ResultMessage): void {
  for (const result of message.results) metrics.actionsExecuted[result.status] += 1;
}
