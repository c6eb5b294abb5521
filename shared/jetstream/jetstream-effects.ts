/**
 * Owns the one real implementation of Effects: on NATS JetStream. Each method is one operation of the server; nothing is
 * retried and nothing is decided here.
 */
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import { decode, decodeJson, encode } from '#contracts/decode.ts';
import { NESTING_MAX } from '#contracts/limits.ts';
import { LockValue, Tries } from '#contracts/lock.ts';
import {
  type BucketName,
  bucketStream,
  CLOSED_SNAPSHOT_TTL_S,
  COMBAT,
  LOCKS_BUCKET,
  ORIGIN_HEADER,
  REASON_HEADER,
  TIMERS,
} from '#contracts/streams.ts';
import {
  bucketSubject,
  deadSubject,
  lockKey,
  logSubject,
  timerDueSubject,
  timerSetSubject,
  triesKey,
} from '#contracts/subjects.ts';
import { type StoredMessage, timeOf } from './direct-get.ts';
import type { Effects } from './effects.ts';
import { BucketThere } from './provision.ts';
import type { Publisher } from './publisher.ts';
import { NobodyThere } from './receipt.ts';
import { recognize } from './remembered.ts';
import { lastMessage, lastSequence, readRange } from './stored-message.ts';
import { tailOf } from './tail.ts';

const MS_PER_S = 1000;
/** Every lock of ours expires: one that has stood for so many times to live is nobody's, and would stand for ever. */
const LOCK_LIVES_MAX = 2;
/** Longer than any crash loop takes to come round again. */
const TRIES_TTL_S = 3600;
const SCHEDULE_HEADER = 'Nats-Schedule';
const SCHEDULE_TARGET_HEADER = 'Nats-Schedule-Target';
const AT = '@at ';

/**
 * Makes a bucket anew where it has been lost. Rejects where it is there and only does not answer just now, or where this
 * process may not make it.
 */
export type RestoreLost = (bucket: BucketName) => Promise<void>;

/** Effects on a connection. `lockTtlMs` is whole seconds. */
export function jetstreamEffects(
  nc: NatsConnection,
  publisher: Publisher,
  lockTtlMs: number,
  restoreLost: RestoreLost,
): Effects {
  const lockSubject = (sessionId: string) => bucketSubject(LOCKS_BUCKET, lockKey(sessionId));
  return {
    now: () => Date.now(),
    nonce: () => nuid.next(),

    append: (subject, body, expected) => publisher.publish(subject, body, { expected }),
    signal: (sessionId, body, msgId) =>
      publisher.publish(logSubject('signal', sessionId), body, msgId === undefined ? {} : { msgId }),
    lastInLog: async (filter) => (await lastMessage(nc, COMBAT, filter))?.seq ?? 0,
    endOfLog: () => lastSequence(nc, COMBAT),
    readTail: (filter, atLeast) => tailOf(nc, COMBAT, filter, atLeast),
    readRemembered: (message) => recognize(nc, COMBAT, message),
    readLog: (filter, fromSeq, take) => readRange(nc, COMBAT, filter, fromSeq, take),

    writeLock: (sessionId, value, expected) =>
      publisher.publish(lockSubject(sessionId), encode(value), { expected, ttlS: lockTtlMs / MS_PER_S }),
    async readLock(sessionId) {
      const message = await unlessLost(LOCKS_BUCKET, restoreLost, () =>
        lastMessage(nc, bucketStream(LOCKS_BUCKET), lockSubject(sessionId)),
      );
      if (message === null) return null;
      const value = decode(LockValue, message.data);
      const outlived = Date.now() - message.time > LOCK_LIVES_MAX * lockTtlMs;
      return { revision: message.seq, value: value.ok && !outlived ? value.value : null };
    },

    async readTries(sessionId) {
      const subject = bucketSubject(LOCKS_BUCKET, triesKey(sessionId));
      const message = await unlessLost(LOCKS_BUCKET, restoreLost, () =>
        lastMessage(nc, bucketStream(LOCKS_BUCKET), subject),
      );
      const tries = message === null ? null : decode(Tries, message.data);
      return tries?.ok ? tries.value : null;
    },
    writeTries: (sessionId, tries) =>
      publisher.publish(bucketSubject(LOCKS_BUCKET, triesKey(sessionId)), encode(tries), { ttlS: TRIES_TTL_S }),

    enqueue: (subject, body, msgId) => publisher.publish(subject, body, { msgId }),

    setTimer: (sessionId, atMs, expected) =>
      publisher.publish(timerSetSubject(sessionId), encode({ session_id: sessionId }), {
        expected,
        headers: [
          [SCHEDULE_HEADER, AT + new Date(atMs).toISOString()],
          [SCHEDULE_TARGET_HEADER, timerDueSubject(sessionId)],
        ],
      }),
    async readTimer(sessionId) {
      const message = await lastMessage(nc, TIMERS, timerSetSubject(sessionId));
      if (message === null) return null;
      return { seq: message.seq, atMs: firesAtMs(message, sessionId) };
    },

    async readSnapshot(bucket, sessionId) {
      const value = await unlessLost(bucket, restoreLost, () => readEntry(nc, bucket, sessionId));
      if (value === null) return null;
      const json = decodeJson(value, NESTING_MAX, Number.POSITIVE_INFINITY); // as large as the server has taken
      return json.ok ? json.value : null;
    },
    async writeSnapshot(bucket, sessionId, value, closed) {
      const options = closed ? { ttlS: CLOSED_SNAPSHOT_TTL_S } : {};
      const receipt = await publisher.publish(bucketSubject(bucket, sessionId), value, options);
      // Nobody may have taken it because the bucket has been lost; the snapshot is written again in any case.
      if (receipt.kind === 'unknown') await restoreLost(bucket).catch(() => {});
      return receipt;
    },

    verdict: (replyTo, verdict) => nc.publish(replyTo, encode(verdict)),
    deadLetter: ({ subject, data, origin, reason }) =>
      publisher.publish(deadSubject(subject), data, {
        msgId: origin,
        headers: [
          [REASON_HEADER, headerSafe(reason)],
          [ORIGIN_HEADER, origin],
        ],
      }),

    ack: (delivery) => delivery.ack(),
    retry: (delivery, delayMs) => delivery.retry(delayMs),
    working: (delivery) => delivery.working(),
  };
}

/** When a schedule fires; infinite where it would wake somebody else, and is none of this session's. */
export function firesAtMs(message: StoredMessage, sessionId: string): number {
  const own = message.header(SCHEDULE_TARGET_HEADER) === timerDueSubject(sessionId);
  const atMs = own ? timeOf(message.header(SCHEDULE_HEADER).slice(AT.length)) : Number.NaN;
  return Number.isNaN(atMs) ? Number.POSITIVE_INFINITY : atMs;
}

/** Header values are one line of printable ASCII; reasons quote what clients sent. */
function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/** Reads from a bucket; one that has been lost holds nothing, and is there again (I1). */
async function unlessLost<Value>(
  bucket: BucketName,
  restoreLost: RestoreLost,
  read: () => Promise<Value | null>,
): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof NobodyThere)) throw error;
    try {
      await restoreLost(bucket);
      return null;
    } catch (restoring) {
      if (!(restoring instanceof BucketThere)) throw restoring;
      return await read(); // another has made it anew in the meantime
    }
  }
}

/** A key's value as any replica of its bucket has it; what marks a deleted key is empty, and no JSON. */
async function readEntry(nc: NatsConnection, bucket: BucketName, key: string): Promise<Uint8Array | null> {
  let value: Uint8Array | null = null;
  await readRange(nc, bucketStream(bucket), bucketSubject(bucket, key), 1, ({ data }) => {
    value = data;
  });
  return value;
}
