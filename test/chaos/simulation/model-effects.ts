/**
 * Owns Effects over the model: what a process asks goes over the network to the server, and what the server says is read by
 * the product's own function (readReceipt), as the publisher does.
 */
import { decode, decodeJson, encode } from '#contracts/decode.ts';
import { NESTING_MAX } from '#contracts/limits.ts';
import { LockValue, Tries } from '#contracts/lock.ts';
import { bucketSubject, deadSubject, lockKey, logSubject, timerSetSubject, triesKey } from '#contracts/subjects.ts';
import type { Verdict } from '#contracts/verdict.ts';
import type { Effects } from '#jetstream/effects.ts';
import { EffectFailed, type Receipt, readReceipt } from '#jetstream/receipt.ts';
import type { Recognized } from '#jetstream/remembered.ts';
import type { ModelServer } from './model-server.ts';
import { type ModelStream, type PubAnswer, type Publish, STALE_BY_MOST, type StreamWorld } from './model-stream.ts';
import type { Network } from './network.ts';
import type { Process } from './process.ts';
import { EPOCH_MS } from './virtual-time.ts';

const TRIES_TTL_MS = 3_600_000;
const UNANSWERED = 'unanswered';

/** What effects are made of. */
export interface EffectsWorld extends StreamWorld {
  readonly server: ModelServer;
  readonly network: Network;
  readonly lockTtlMs: number;
  /** Is told of every verdict. */
  readonly verdict: (verdict: Verdict) => void;
}

/** The effects of one process. */
export function modelEffects(world: EffectsWorld, process: Process): Effects {
  const { server, network, time, dice, weather } = world;

  const publish = async (what: string, stream: ModelStream, message: Publish): Promise<Receipt> =>
    receiptOf(
      await network.ask<PubAnswer | typeof UNANSWERED>(
        process,
        what,
        (reply) => stream.publish(message, reply),
        UNANSWERED,
      ),
    );

  const read = async <Value>(what: string, stream: ModelStream | null, look: () => Value): Promise<Value> => {
    const answer = await network.ask<{ value: Value } | typeof UNANSWERED>(
      process,
      what,
      (reply) => {
        if (weather.strikes('read failed')) reply(UNANSWERED);
        else if (stream === null || stream.hasLeader) reply({ value: look() });
        else if (dice.happens(0.5)) reply(UNANSWERED);
      },
      UNANSWERED,
    );
    if (answer === UNANSWERED) throw new EffectFailed(`${what}: no answer`);
    return answer.value;
  };

  /** Where the log ends for whichever replica answers. */
  const endOfAny = (): number => {
    const { behind, seq } = server.log;
    if (behind !== null && dice.happens(1 / 3)) return behind;
    const isStale = world.replicas === 3 && weather.strikes('stale read');
    return isStale ? Math.max(0, seq - dice.integer(1, STALE_BY_MOST)) : seq;
  };

  const lockSubject = (sessionId: string) => bucketSubject('locks', lockKey(sessionId));
  const triesSubject = (sessionId: string) => bucketSubject('locks', triesKey(sessionId));

  return {
    now: () => EPOCH_MS + time.now + process.skewMs,
    nonce: () => process.newName(),

    append: (subject, data, expected) => publish(`append ${subject}`, server.log, { subject, data, expected }),
    signal: (sessionId, data, msgId) =>
      publish(`signal ${sessionId}`, server.log, {
        subject: logSubject('signal', sessionId),
        data,
        ...(msgId === undefined ? {} : { msgId }),
      }),
    lastInLog: (filter) =>
      read(`lastInLog ${filter}`, server.log, () => {
        const { messages, takes } = server.range(filter);
        const end = server.log.toldSeq();
        return messages.findLast(({ subject, seq }) => seq <= end && takes(subject))?.seq ?? 0;
      }),
    endOfLog: () => read('endOfLog', server.log, () => server.log.toldSeq()),
    readTail: (filter, atLeast) =>
      read(`readTail ${filter} ${atLeast}`, null, () => {
        const { messages, takes } = server.range(filter);
        const through = Math.max(atLeast, endOfAny());
        return { last: messages.findLast(({ subject, seq }) => seq <= through && takes(subject))?.seq ?? 0, through };
      }),
    readRemembered: ({ seq, filter, time: remembered }) =>
      read<Recognized>(`readRemembered ${seq} ${filter}`, null, () => {
        if (seq > endOfAny()) return 'unknown';
        const found = server.whole[seq - 1]!;
        return found.time === remembered && server.range(filter).takes(found.subject) ? 'same' : 'another';
      }),
    async readLog(filter, fromSeq, take) {
      const found = await read(`readLog ${filter} ${fromSeq}`, null, () => {
        const { messages, takes } = server.range(filter);
        const end = endOfAny();
        return messages.filter(({ subject, seq }) => seq >= fromSeq && seq <= end && takes(subject));
      });
      for (const { subject, seq, time: storedAt, data } of found)
        take({ subject, seq, time: storedAt, data, header: () => '' });
      return found.length;
    },

    writeLock: (sessionId, value, expected) =>
      publish(`writeLock ${sessionId} ${value.state}`, server.locks, {
        subject: lockSubject(sessionId),
        data: encode(value),
        expected,
        ttlMs: world.lockTtlMs,
      }),
    async readLock(sessionId) {
      const message = await read(`readLock ${sessionId}`, server.locks, () =>
        server.locks.toldLast(lockSubject(sessionId)),
      );
      if (message === undefined) return null;
      const value = decode(LockValue, message.data);
      return { revision: message.seq, value: value.ok ? value.value : null };
    },
    async readTries(sessionId) {
      const message = await read(`readTries ${sessionId}`, server.locks, () =>
        server.locks.toldLast(triesSubject(sessionId)),
      );
      const tries = message === undefined ? null : decode(Tries, message.data);
      return tries?.ok ? tries.value : null;
    },
    writeTries: (sessionId, tries) =>
      publish(`writeTries ${sessionId}`, server.locks, {
        subject: triesSubject(sessionId),
        data: encode(tries),
        ttlMs: TRIES_TTL_MS,
      }),

    enqueue: (subject, data, msgId) => publish(`enqueue ${subject}`, server.tasks, { subject, data, msgId }),

    setTimer: (sessionId, atMs, expected) =>
      publish(`setTimer ${sessionId}`, server.timers, {
        subject: timerSetSubject(sessionId),
        data: encode({ session_id: sessionId }),
        expected,
        atMs,
      }),
    async readTimer(sessionId) {
      const subject = timerSetSubject(sessionId);
      const message = await read(`readTimer ${sessionId}`, server.timers, () => server.timers.toldLast(subject));
      return message === undefined ? null : { seq: message.seq, atMs: message.publish.atMs! };
    },

    async readSnapshot(bucket, sessionId) {
      const bytes = await read(`readSnapshot ${bucket} ${sessionId}`, null, () => server.snapshot(bucket, sessionId));
      const json = bytes === null ? null : decodeJson(bytes, NESTING_MAX, Number.POSITIVE_INFINITY);
      return json?.ok ? json.value : null;
    },
    async writeSnapshot(bucket, sessionId, value) {
      const answer = await network.ask<PubAnswer | typeof UNANSWERED>(
        process,
        `writeSnapshot ${bucket} ${sessionId}`,
        (reply) => {
          server.writeSnapshot(bucket, sessionId, value);
          reply(JSON.stringify({ stream: bucket, seq: 1 }));
        },
        UNANSWERED,
      );
      return receiptOf(answer);
    },

    verdict: (_replyTo, verdict) => {
      if (!process.isDead) world.verdict(verdict);
    },
    deadLetter: ({ subject, data, origin }) =>
      publish(`deadLetter ${origin}`, server.dead, { subject: deadSubject(subject), data, msgId: origin }),

    ack: (delivery) => delivery.ack(),
    retry: (delivery, delayMs) => delivery.retry(delayMs),
    working: (delivery) => delivery.working(),
  };
}

function receiptOf(answer: PubAnswer | typeof UNANSWERED): Receipt {
  if (answer === UNANSWERED) return { kind: 'unknown', reason: 'no answer' };
  return answer === null ? { kind: 'unknown', reason: 'status 503' } : readReceipt(answer);
}
