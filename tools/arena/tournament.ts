// Owns: fighting a number of battles to the end: so many at once, and counting what the log says of them.

import type { RiposteClient } from '#client/client.ts';
import type { SessionEvent } from '#client/combat-event.ts';
import type { NewSession } from '#client/new-session.ts';

/** Battles at once: enough to keep every role busy on a large machine, and each is still over in seconds. */
const BATTLES_AT_ONCE = 128;

/** How a tournament stands. */
export interface Standing {
  /** Battles to be fought. */
  readonly battles: number;
  /** Fought to the end: a victory, a draw, or all the steps there are. */
  finished: number;
  /** Closed for any other reason, which is none that a battle of bots should have. */
  spoilt: number;
  exchanges: number;
  /** Battles won, by team; draws under `null`. */
  readonly winners: Map<string | null, number>;
  /** Milliseconds since the first opening. */
  ms: number;
}

const FOUGHT: ReadonlySet<string> = new Set(['victory', 'draw', 'exhausted']);

/**
 * Fights battles to the end, and resolves with how they went; before their end where `signal` says so.
 * @param onProgress told after every battle
 * @throws RiposteError, or an Error where a session is there already
 */
export async function fightAll(
  client: RiposteClient,
  battles: readonly NewSession[],
  onProgress: (standing: Standing) => void,
  signal: AbortSignal,
): Promise<Standing> {
  const standing = { battles: battles.length, finished: 0, spoilt: 0, exchanges: 0, winners: new Map(), ms: 0 };
  /** Exchanges so far of the battles that are on. */
  const on = new Map<string, number>();
  const waiting = battles.values();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const openNext = (): void => {
    const next = waiting.next();
    if (next.done) return;
    on.set(next.value.session_id, 0);
    client.open(next.value).then(({ outcome, session_id: id }) => {
      if (outcome === 'exists') failure.reject(new Error(`a session ${id} is there already`));
    }, failure.reject);
  };

  await using events = await client.follow(['session', 'result'], { from: 'now' });
  const stop = () => void events.stop();
  signal.addEventListener('abort', stop, { once: true });
  const startedMs = performance.now();
  const elapsed = (): number => Math.round(performance.now() - startedMs);
  const readAll = async (): Promise<void> => {
    for (let count = 0; count < BATTLES_AT_ONCE; count++) openNext();
    if (battles.length === 0) return;
    for await (const { kind, session_id: id, body } of events) {
      const before = on.get(id);
      if (before === undefined) continue;
      if (kind === 'result') {
        standing.exchanges += body.step - before;
        on.set(id, body.step);
      } else if (body.type === 'closed') {
        on.delete(id);
        countEnd(standing, body);
        standing.ms = elapsed();
        onProgress(standing);
        if (standing.finished + standing.spoilt === battles.length) return;
        openNext();
      }
    }
  };
  try {
    await Promise.race([readAll(), failure.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  standing.ms = elapsed();
  return standing;
}

function countEnd(standing: Standing, { winner, reason }: Extract<SessionEvent['body'], { type: 'closed' }>): void {
  if (!FOUGHT.has(reason)) {
    standing.spoilt += 1;
    return;
  }
  standing.finished += 1;
  standing.winners.set(winner, (standing.winners.get(winner) ?? 0) + 1);
}
