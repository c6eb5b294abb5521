/**
 * Owns what is not ours on the subjects that wake nobody: bytes on `combat.action.*` and `combat.result.*` that no fold
 * could use. They are kept as dead letters by whoever sees them folded, once, by their place in the log.
 */
import type { Logger } from 'pino';
import { COMBAT } from '#contracts/streams.ts';
import { logSubject } from '#contracts/subjects.ts';
import type { Effects } from '#jetstream/effects.ts';
import type { LogRecord } from '#jetstream/follower.ts';
import type { Metrics } from '#process/metrics.ts';

/** Within the server's duplicate window a dead letter of the same place is stored once, however often it is seen. */
const TOLD_AGAIN_MS = 60_000;

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
  void effects.deadLetter({ subject, data: record.data, origin: `${COMBAT}:${record.seq}`, reason });
}
