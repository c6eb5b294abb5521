/**
 * Owns the one interface through which reconcilers reach the world, so that a test can count, fail and reorder every call.
 * jetstream-effects.ts is its one real implementation. What an outcome means for the session is the reconciler's.
 */

import type { LockValue, Tries } from '#contracts/lock.ts';
import type { BucketName } from '#contracts/streams.ts';
import type { Verdict } from '#contracts/verdict.ts';
import type { Delivery } from './delivery.ts';
import type { StoredMessage } from './direct-get.ts';
import type { Receipt } from './receipt.ts';
import type { Recognized, Remembered } from './remembered.ts';
import type { Tail } from './tail.ts';

/** Everything a reconciler can do. Reads reject with EffectFailed; publishes never reject. */
export interface Effects {
  /** This machine's clock, in milliseconds since the epoch: for arming timers, never for deciding. */
  now(): number;
  /** A name nobody else has given to anything. */
  nonce(): string;

  /** Appends to the log where the last message on that very subject is `expected` (I5). */
  append(subject: string, body: Uint8Array, expected: number): Promise<Receipt>;
  /** Appends a signal to a session's log, whatever stands there. */
  signal(sessionId: string, body: Uint8Array, msgId?: string): Promise<Receipt>;
  /** The sequence of the log's last message under a filter, as a leader has it, which may lack the newest; 0 where there is none. */
  lastInLog(filter: string): Promise<number>;
  /** The sequence of the last message the log has taken at all, as a leader has it, which may lack the newest. */
  endOfLog(): Promise<number>;
  /** Where the log ends under a filter, by an answer that lacks nothing up to `atLeast`, a place that it is known to have reached. */
  readTail(filter: string, atLeast: number): Promise<Tail>;
  /** Whether the log has a message that somebody remembers, or had it and begins behind it now. */
  readRemembered(message: Remembered): Promise<Recognized>;
  /** Reads the log under a filter, from a sequence on, in order. Resolves to the number of messages read. */
  readLog(filter: string, fromSeq: number, take: (message: StoredMessage) => void): Promise<number>;

  /** Writes the lock where its revision is `expected` (0: it does not exist); it expires after LOCK_TTL. */
  writeLock(sessionId: string, value: LockValue, expected: number): Promise<Receipt>;
  /** The lock as the leader has it; null where it does not exist, or cannot be read. */
  readLock(sessionId: string): Promise<{ readonly revision: number; readonly value: LockValue | null } | null>;

  /** How often the session's first waiting action has been begun in vain; null where nobody has counted. */
  readTries(sessionId: string): Promise<Tries | null>;
  /** Counts a try, before it is begun. */
  writeTries(sessionId: string, tries: Tries): Promise<Receipt>;

  /** Puts a task into the work queue, once for each Msg-Id. */
  enqueue(subject: string, body: Uint8Array, msgId: string): Promise<Receipt>;

  /** Schedules the session's timer for a time, where the last message on its `timer.set` is `expected`. */
  setTimer(sessionId: string, atMs: number, expected: number): Promise<Receipt>;
  /** The schedule that stands, as the leader has it. */
  readTimer(sessionId: string): Promise<{ readonly seq: number; readonly atMs: number } | null>;

  /** A snapshot as any replica has it; null where there is none. */
  readSnapshot(bucket: BucketName, sessionId: string): Promise<unknown>;
  /** Writes a snapshot; that of a closed session goes after a day. */
  writeSnapshot(bucket: BucketName, sessionId: string, value: Uint8Array, closed: boolean): Promise<Receipt>;

  /** Tells whoever declared a move what became of it. Best effort, without an acknowledgement. */
  verdict(replyTo: string, verdict: Verdict): void;
  /** Keeps a message whole that could not be processed. */
  deadLetter(delivery: DeadLetter): Promise<Receipt>;

  /** Says that a delivery has been dealt with. */
  ack(delivery: Delivery): void;
  /** Gives a delivery back, to come again after a delay. */
  retry(delivery: Delivery, delayMs: number): void;
  /** Says that a delivery is being worked on, so that it does not come again yet. */
  working(delivery: Delivery): void;
}

/** A message that could not be processed, and why. */
export interface DeadLetter {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Where it stands: `COMBAT:4711`. */
  readonly origin: string;
  readonly reason: string;
}
