/**
 * Owns schedules that should have fired and have not. A server without room cannot store what a schedule fires, and does not try
 * that again until it is started anew: the schedule stands there for ever, and whoever armed it sleeps for as long (I6). Here it is
 * looked for now and then, and armed again as it was, which fires it at once (docs/adr/0019-overdue-timers-are-armed-again.md).
 *
 * Every replica may look: a schedule that was fired or armed anew in the meantime refuses the write by its sequence.
 */

import type { NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { TIMERS } from '#contracts/streams.ts';
import { sessionOfSubject, TIMER_SET_FILTER } from '#contracts/subjects.ts';
import type { Effects } from './effects.ts';
import { firesAtMs } from './jetstream-effects.ts';
import type { Logger } from './logger.ts';
import { readRange } from './stored-message.ts';

/** Reading the schedules of ten thousand sessions takes a tenth of a second; it is for what hardly ever happens. */
const LOOK_EVERY_MS = 15_000;
/** Schedules fire within a second of their time, and clocks of machines differ by less than the rest. */
const OVERDUE_MS = 5_000;
/** Writes in flight at once. */
const AT_ONCE_MAX = 256;

/** Sets a timer where the last message on its subject is the one that is expected. */
type Arm = Effects['setTimer'];

/** Looks for overdue timers. */
export class OverdueTimers {
  readonly #nc: NatsConnection;
  readonly #arm: Arm;
  readonly #logger: Logger;
  readonly #ticker: NodeJS.Timeout;
  #looking = false;

  constructor(nc: NatsConnection, arm: Arm, logger: Logger) {
    this.#nc = nc;
    this.#arm = arm;
    this.#logger = logger;
    this.#ticker = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#ticker.unref();
  }

  /** Stops looking. */
  stop(): void {
    clearInterval(this.#ticker);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const armed = await armOverdue(this.#nc, this.#arm);
      if (armed > 0)
        this.#logger.warn({ timers: armed }, 'timers were overdue: the server had not fired them; armed again');
    } catch (error) {
      this.#logger.debug({ cause: messageOf(error) }, 'overdue timers could not be looked for');
    } finally {
      this.#looking = false;
    }
  }
}

/** Arms what is overdue again. Resolves to the number of schedules that were. Rejects where they cannot be read. */
async function armOverdue(nc: NatsConnection, arm: Arm): Promise<number> {
  const before = Date.now() - OVERDUE_MS;
  const overdue: { readonly sessionId: string; readonly seq: number; readonly atMs: number }[] = [];
  await readRange(nc, TIMERS, TIMER_SET_FILTER, 1, (message) => {
    const sessionId = sessionOfSubject(message.subject);
    const atMs = firesAtMs(message, sessionId);
    if (atMs < before) overdue.push({ sessionId, seq: message.seq, atMs });
  });
  let armed = 0;
  for (let start = 0; start < overdue.length; start += AT_ONCE_MAX) {
    const some = overdue.slice(start, start + AT_ONCE_MAX);
    const receipts = await Promise.all(some.map(({ sessionId, atMs, seq }) => arm(sessionId, atMs, seq)));
    armed += receipts.filter(({ kind }) => kind === 'stored').length;
  }
  return armed;
}
