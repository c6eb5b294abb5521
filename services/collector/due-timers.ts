/**
 * Owns the way of a due timer into the log: a message on `timer.due.*` becomes a `check_timeout` of its session, named by
 * the due message's sequence, and is acknowledged when that is stored. A timer that fires twice is two hints. Only what
 * cannot be decoded is dead-lettered; everything else is tried again for ever.
 */
import type { Logger } from 'pino';
import { decode, disagreesWith, encode, refusal } from '#contracts/decode.ts';
import { readId } from '#contracts/ids.ts';
import type { CollectorSignal } from '#contracts/signal.ts';
import { sessionOfSubject } from '#contracts/subjects.ts';
import { TimerBody } from '#contracts/timer.ts';
import { type Delivery, retryDelayMs } from '#jetstream/delivery.ts';
import type { Effects } from '#jetstream/effects.ts';
import { storedOr } from '#jetstream/receipt.ts';
import type { Metrics } from '#process/metrics.ts';

/** Turns one due timer into a wake. Never rejects. */
export async function forwardDueTimer(
  effects: Effects,
  metrics: Metrics,
  logger: Logger,
  due: Delivery,
): Promise<void> {
  try {
    const sessionId = sessionOfSubject(due.subject);
    const read = readTimer(due, sessionId);
    if (!read.ok) {
      const { reason } = read;
      const letter = { subject: due.subject, data: due.data, origin: `${due.stream}:${due.seq}`, reason };
      storedOr(await effects.deadLetter(letter), 'a dead letter');
      metrics.deadLetters += 1;
    } else {
      const signal: CollectorSignal = {
        session_id: sessionId,
        signal_type: 'check_timeout',
        ...(read.value.move_id == null ? {} : { move_id: read.value.move_id }),
      };
      const receipt = await effects.signal(sessionId, encode(signal), `${due.stream}:${due.seq}`);
      // Its name was taken: by our own publish before a crash, or by a message of another, which is no wake (I6). Nobody can
      // tell which, and one hint too many does nothing.
      const taken = receipt.kind === 'stored' && receipt.duplicate;
      storedOr(taken ? await effects.signal(sessionId, encode(signal)) : receipt, 'a check_timeout');
      metrics.timers.fired += 1;
    }
    effects.ack(due);
  } catch (error) {
    logger.warn({ err: error, subject: due.subject }, 'a due timer was not forwarded and will be tried again');
    effects.retry(due, retryDelayMs(due.count));
  }
}

function readTimer(due: Delivery, sessionId: string): ReturnType<typeof decode<typeof TimerBody>> {
  if (readId(sessionId) === null) return refusal('no session id in the subject');
  const body = decode(TimerBody, due.data);
  return (body.ok ? disagreesWith(sessionId, body.value) : null) ?? body;
}
