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
import { OneAtATime } from './one-at-a-time.ts';

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

/** What of the waiting actions is resolved in one go. */
interface Share {
  readonly size: number;
  readonly givenUp: GivenUp | null;
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
 * @param suspects the process's turns for tasks that may be the end of it
 * @throws EffectFailed where the task must come again
 */
export async function execute(
  tools: Tools,
  battle: Cached<Battle>,
  task: ExecutorBatch,
  deliveries: number,
  suspects = new OneAtATime(),
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
    // The place was told by a server, or is made up: where the log is believed to end before it, it is looked for once more (I7).
    if (battle.through < task.through && deliveries === 1)
      throw new EffectFailed(`${task.session_id}: the log is not seen to reach ${task.through}`);
    if (battle.state.rulesUnknown !== null) {
      await lock.free();
      return 'rules_unknown';
    }
    if (deliveries > 1) await tryAgain(tools, battle, task, lock, suspects);
    else await appendResults(tools, battle, { size: task.batch_size, givenUp: null }, lock);
    await heartbeat(effects, task.session_id, await lock.free());
    return 'done';
  } catch (error) {
    await lock.free();
    throw error;
  }
}

/**
 * A try is counted before it is begun. Deliveries do not tell: a task comes again also when its executor was stopped, or busy,
 * and nothing has been tried. Where a counted one was in vain, some action of the batch is under suspicion: they are tried one
 * by one from then on, and one such task at a time in a process, so that no try is counted for what another action did
 * (docs/adr/0020-suspects-are-tried-alone.md).
 */
async function tryAgain(
  tools: Tools,
  battle: Cached<Battle>,
  task: ExecutorBatch,
  lock: HeldLock,
  suspects: OneAtATime,
): Promise<void> {
  const first = firstWaiting(battle);
  const begun = first === null ? 0 : await begunInVain(tools.effects, battle, first);
  if (begun > 0) return suspects.run(() => tryOneByOne(tools, battle, task));
  if (first !== null) await countTry(tools.effects, battle, first, begun);
  await appendResults(tools, battle, { size: task.batch_size, givenUp: null }, lock);
}

/** Tries the batch's actions each alone; the lock is kept until the last is done. */
async function tryOneByOne(tools: Tools, battle: Cached<Battle>, task: ExecutorBatch): Promise<void> {
  for (let tried = 0; tried < task.batch_size; tried++) {
    const first = firstWaiting(battle);
    if (first === null) return;
    const begun = await begunInVain(tools.effects, battle, first);
    const isGivenUp = begun >= TRIES_MAX;
    if (!isGivenUp) await countTry(tools.effects, battle, first, begun);
    const givenUp = isGivenUp ? { actionId: first, reason: `begun ${begun + 1} times and never finished` } : null;
    const stored = await appendResults(tools, battle, { size: 1, givenUp }, KEPT);
    await tools.log.foldTo(battle, stored);
  }
}

/** A lock that is freed later. */
const KEPT: HeldLock = { free: async () => null };

const firstWaiting = (battle: Cached<Battle>): string | null => battle.state.melee?.pending[0]?.action_id ?? null;

async function begunInVain(effects: Effects, battle: Cached<Battle>, actionId: string): Promise<number> {
  const counted = await effects.readTries(battle.sessionId);
  return counted?.action_id === actionId ? counted.count : 0;
}

async function countTry(effects: Effects, battle: Cached<Battle>, actionId: string, begun: number): Promise<void> {
  storedOr(await effects.writeTries(battle.sessionId, { action_id: actionId, count: begun + 1 }), 'a try');
}

/**
 * Resolves and appends until a share of what waits is in the log, or nothing waits, or others keep being first. Resolves to
 * the place of its own result; 0 where there is none.
 */
async function appendResults(
  tools: Tools,
  battle: Cached<Battle>,
  { size, givenUp }: Share,
  lock: HeldLock,
): Promise<number> {
  const { effects, metrics } = tools;
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; conflicts++) {
    // Another may have been first with the one that is given up on: the next has had no try yet.
    const isFirst = givenUp !== null && firstWaiting(battle) === givenUp.actionId;
    const message = resolve(battle.state, { size, giveUpOnFirst: isFirst ? givenUp.reason : null });
    if (message === null) {
      metrics.tasks.empty += 1;
      return 0;
    }
    const bytes = encodeResult(message);
    battle.own = { bytes, message: { kind: 'result', body: message } };
    const expected = battle.state.lastResult;
    const append = effects.append(logSubject('result', battle.sessionId), bytes, expected);
    const [receipt] = await Promise.all([append, lock.free()]);
    if (receipt.kind === 'stored') {
      metrics.appends.result.committed += 1;
      count(metrics, message);
      return receipt.seq;
    }
    if (receipt.kind === 'refused') throw new EffectFailed(`the result of ${battle.sessionId}: ${receipt.reason}`);
    metrics.appends.result[receipt.kind] += 1;
    // A zombie's work, or another's was first, or nobody knows: fold what stands there now, and look again.
    await foldPast(tools, battle, receipt, expected);
  }
  metrics.tasks.refused += 1;
  return 0;
}

/** What the server said may be old by now: it is held against what was expected then (docs/adr/0014-conflicts-answer-what-was-expected.md). */
async function foldPast(tools: Tools, battle: Cached<Battle>, receipt: Receipt, expected: number): Promise<void> {
  if (receipt.kind === 'conflict' && receipt.last !== null && receipt.last > expected) {
    return tools.log.foldTo(battle, receipt.last);
  }
  await tools.log.catchUp(battle);
  if (receipt.kind !== 'conflict' || battle.state.lastResult !== expected) return;
  const { last: standing } = await tools.effects.readTail(logSubject('result', battle.sessionId), battle.state.seq);
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
