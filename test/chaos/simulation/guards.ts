/**
 * Owns the guards that can be taken away from a run, one at a time, so that a test can show that the simulation finds out.
 */
import type { Delivery } from '#jetstream/delivery.ts';
import type { Effects } from '#jetstream/effects.ts';
import type { LogRecord } from '#jetstream/follower.ts';
import { type Cached, SessionLog } from '#jetstream/session-log.ts';
import type { ModelServer } from './model-server.ts';
import type { Process } from './process.ts';

/** What each guard is, and the invariant that rests on it. */
export const GUARDS = {
  'expected sequence': 'I5: appends are stored whatever stands on their subject',
  'acknowledge last': 'I8: a delivery is acknowledged as it comes',
  'lock time to live': 'I6: a lock that was taken is never free again unless it is freed',
  'fold to the wake': 'I7: a wake carries no position: a pass decides on whatever is folded',
  'exact prefix': 'I1: what the follower brings while a session is hydrated is thrown away',
  'arm after a due timer': 'I6: what a process has armed is believed to stand, whatever has fired',
  nonce: 'I4: a task has another Msg-Id each time it is sent',
  heartbeat: 'I6: an executor acknowledges without a heartbeat',
  'no older than known': 'I1: the end of a session’s log is what a lagging replica calls it',
} as const;

/** A guard that can be taken away. */
export type Guard = keyof typeof GUARDS;

/** A lagging replica lacks up to so many messages. */
const STALE_BY = 3;

/** A process's effects without a guard. */
export function effectsWithout(guard: Guard | null, effects: Effects, server: ModelServer, process: Process): Effects {
  switch (guard) {
    case 'arm after a due timer': {
      const armed = new Map<string, { readonly seq: number; readonly atMs: number }>();
      return {
        ...effects,
        setTimer: async (sessionId, atMs, expected) => {
          const believed = armed.get(sessionId);
          if (believed !== undefined && believed.atMs <= atMs && believed.atMs > effects.now())
            return { kind: 'stored', seq: believed.seq, duplicate: false };
          const receipt = await effects.setTimer(sessionId, atMs, expected);
          if (receipt.kind === 'stored') armed.set(sessionId, { seq: receipt.seq, atMs });
          return receipt;
        },
      };
    }
    case 'nonce':
      return {
        ...effects,
        enqueue: (subject, body, msgId) => effects.enqueue(subject, body, `${msgId}:${process.newName()}`),
      };
    case 'heartbeat':
      return {
        ...effects,
        signal: async (sessionId, body, msgId) =>
          msgId === undefined
            ? { kind: 'stored', seq: server.log.seq, duplicate: false }
            : effects.signal(sessionId, body, msgId),
      };
    case 'no older than known':
      return {
        ...effects,
        readTail: async (filter, atLeast) => {
          await effects.readTail(filter, atLeast);
          const { messages, takes } = server.range(filter);
          const through = Math.max(0, server.log.seq - STALE_BY);
          return { last: messages.findLast(({ subject, seq }) => seq <= through && takes(subject))?.seq ?? 0, through };
        },
      };
    default:
      return effects;
  }
}

/** A server without a guard. */
export function weaken(guard: Guard | null, server: ModelServer): void {
  if (guard === 'expected sequence') server.log.fenced = false;
  if (guard === 'lock time to live') server.locksExpire = false;
}

/** How a process takes deliveries without a guard. */
export function takingWithout(
  guard: Guard | null,
  effects: Effects,
  take: (delivery: Delivery) => void,
): (delivery: Delivery) => void {
  if (guard === 'fold to the wake') return (delivery) => take({ ...delivery, seq: 0 });
  if (guard !== 'acknowledge last') return take;
  return (delivery) => {
    effects.ack(delivery);
    take(delivery);
  };
}

/** The cache of folds without a guard. */
export function sessionLogWithout(guard: Guard | null): typeof SessionLog {
  return guard === 'exact prefix' ? HoledLog : SessionLog;
}

class HoledLog<State, Memo = null> extends SessionLog<State, Memo> {
  readonly #known = new Map<string, Cached<State, Memo>>();

  override session(sessionId: string): Cached<State, Memo> {
    const session = super.session(sessionId);
    this.#known.set(sessionId, session);
    return session;
  }

  override take(record: LogRecord): void {
    if (this.#known.get(record.sessionId)?.phase !== 'hydrating') super.take(record);
  }
}
