/**
 * Owns what is not ours on the subjects that wake nobody: bytes on `combat.action.*` and `combat.result.*` that no fold
 * could use. They are kept as dead letters by whoever sees them folded, once, by their place in the log.
 */
import type { Logger } from 'pino';
import { COMBAT } from '#contracts/streams.ts';
import { logSubject } from '#contracts/subjects.ts';
import { retryDelayMs } from '#jetstream/delivery.ts';
import type { DeadLetter, Effects } from '#jetstream/effects.ts';
import type { LogRecord } from '#jetstream/follower.ts';
import type { Metrics } from '#process/metrics.ts';

/** Within the server's duplicate window a dead letter of the same place is stored once, however often it is seen. */
const TOLD_AGAIN_MS = 60_000;
/** Some forty seconds of a server that does not take it. */
const TRIES_MAX = 8;

/** Dead-letters a foreign message; signals and session messages are answered by their own wakes. */
export function buryForeign(
  effects: Effects,
  metrics: Metrics,
  logger: Logger,
  record: LogRecord,
  reason: string,
): void {
  if (record.kind === 'signal' || record.kind === 'session') return;
  if (effects.now() - record.time > TOLD_AGAIN_MS) return; // it was kept when it came; hydration only sees it again
  const subject = logSubject(record.kind, record.sessionId);
  logger.warn({ subject, seq: record.seq, reason }, 'a message on the log is not ours');
  metrics.deadLetters += 1;
  void keep(effects, logger, { subject, data: record.data, origin: `${COMBAT}:${record.seq}`, reason });
}

/** Nothing brings such a message again: it is tried until it is stored, for as long as its name keeps it from being doubled. */
async function keep(effects: Effects, logger: Logger, letter: DeadLetter): Promise<void> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const receipt = await effects.deadLetter(letter);
    if (receipt.kind === 'stored') return;
    await new Promise((resolve) => setTimeout(resolve, retryDelayMs(tries)));
  }
  logger.error({ origin: letter.origin, subject: letter.subject }, 'a dead letter was not stored');
}
