/**
 * Owns an audit of the streams: the one history checker, for the command `riposte audit` and for every test. It reads
 * COMBAT, ACTIONS and DEAD, and for a system at rest what waits in TASKS and TIMERS; never a bucket. What it thinks of
 * them is judge.ts, which is pure.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { type RuleBook, ruleBook } from '#combat/rules.ts';
import { ACTIONS, COMBAT, DEAD } from '#contracts/streams.ts';
import { DEAD_FILTER, deadSubject, logSubject, sessionLogFilter } from '#contracts/subjects.ts';
import { classic } from '#rules/classic/classic.ts';
import { consumerOf, readTo, stateOf } from '../streams.ts';
import { Trouble } from '../trouble.ts';
import type { Breach } from './breach.ts';
import { Judge, type Sums } from './judge.ts';
import { judgeRest } from './rest.ts';

export { type Breach, breachLine } from './breach.ts';

/** What an audit looks at. */
export interface AuditOptions {
  /** One session; all of them by default. */
  readonly sessionId?: string;
  /** The system is said to have come to rest: what must not be left waiting then is a breach, too. */
  readonly atRest?: boolean;
  /** The rules to resolve by; outcomes of others are left unjudged. Default: `classic`. */
  readonly rules?: RuleBook;
  /** Told now and then how much of the log has been read. */
  readonly progress?: (seq: number, lastSeq: number) => void;
}

/** What an audit has seen. */
export interface Audited extends Readonly<Sums> {
  /** Messages of the log that were read. */
  readonly messages: number;
  /** Messages that ACTIONS does not have yet. */
  readonly lag: number;
  /** In log order. */
  readonly breaches: readonly Breach[];
}

/** The source of ACTIONS, and the collectors' last acknowledgements, come within milliseconds, or a busy second. */
const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 100;
const PROGRESS_EVERY = 10_000;

/**
 * Reads the streams and judges them.
 * @throws Trouble where a stream is missing, the server stops answering, or no message of the session is in the log
 */
export async function audit(nc: NatsConnection, options: AuditOptions): Promise<Audited> {
  const { sessionId, atRest = false, rules = ruleBook([classic]), progress = () => {} } = options;
  const { firstSeq, lastSeq } = await stateOf(nc, COMBAT);
  const judge = new Judge(rules, { firstSeq: Math.max(1, firstSeq), isWhole: sessionId === undefined });
  const filter = sessionId === undefined ? '>' : sessionLogFilter(sessionId);
  await readTo(nc, COMBAT, filter, { fromSeq: Math.max(1, firstSeq), toSeq: lastSeq }, (message) => {
    judge.take(message);
    if (judge.messages % PROGRESS_EVERY === 0) progress(message.seq, lastSeq);
  });
  if (sessionId !== undefined && judge.messages === 0) throw new Trouble(`the log has no session ${sessionId}`);

  const dealtWith = await collectorsDone(nc, lastSeq, atRest);
  const removed = await readLetters(nc, judge, sessionId);
  await readRecord(nc, judge, sessionId, firstSeq, lastSeq);
  if (atRest) await judgeRest(nc, judge, lastSeq);
  const { breaches, sums } = judge.finish(dealtWith, removed, atRest);
  return { ...sums, messages: judge.messages, lag: judge.record.lag, breaches };
}

/** Up to where the collectors have dealt with everything. At rest they must have: they are waited for, and then they should. */
async function collectorsDone(nc: NatsConnection, lastSeq: number, atRest: boolean): Promise<number> {
  for (const since = performance.now(); ; ) {
    const collectors = await consumerOf(nc, 'collector');
    const isDone = collectors !== null && (collectors.left === 0 || collectors.ackFloor >= lastSeq);
    if (!atRest) return isDone ? lastSeq : (collectors?.ackFloor ?? 0);
    if (isDone || performance.now() - since > PATIENCE_MS) return lastSeq;
    await pause();
  }
}

/** Reads DEAD; returns how many letters have been taken out of it. */
async function readLetters(nc: NatsConnection, judge: Judge, sessionId: string | undefined): Promise<number> {
  const { firstSeq, lastSeq, messages } = await stateOf(nc, DEAD);
  const filters =
    sessionId === undefined
      ? [DEAD_FILTER]
      : (['session', 'signal', 'action', 'result'] as const).map((kind) => deadSubject(logSubject(kind, sessionId)));
  const range = { fromSeq: Math.max(1, firstSeq), toSeq: lastSeq };
  for (const filter of filters) await readTo(nc, DEAD, filter, range, (letter) => judge.letters.take(letter));
  return lastSeq - messages;
}

/** Reads ACTIONS, and waits while it is behind and still coming. */
async function readRecord(
  nc: NatsConnection,
  judge: Judge,
  sessionId: string | undefined,
  firstSeq: number,
  lastSeq: number,
): Promise<void> {
  const filter = sessionId === undefined ? '>' : logSubject('action', sessionId);
  let next = 1;
  for (let since = performance.now(); ; ) {
    const state = await stateOf(nc, ACTIONS);
    const before = judge.record.lag;
    const range = { fromSeq: Math.max(next, state.firstSeq, 1), toSeq: state.lastSeq };
    await readTo(nc, ACTIONS, filter, range, (message) => judge.record.take(message, firstSeq, lastSeq));
    next = state.lastSeq + 1;
    if (judge.record.lag < before) since = performance.now();
    if (judge.record.lag === 0 || performance.now() - since > PATIENCE_MS) return;
    await pause();
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
