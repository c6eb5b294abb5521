/**
 * Owns the collector's wakes: which session they are for, one pass of a session at a time, and what becomes of the wakes
 * when a pass succeeds or fails. Ten signals waiting are one pass. Keeps I8 and I10: a wake is acknowledged when all it
 * called for has been, given back with a growing delay when something failed, and dead-lettered only where nobody could
 * ever use it.
 */

import type { Logger } from 'pino';
import type { Decision } from '#combat/session.ts';
import { parseLogSubject } from '#contracts/subjects.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import { retryDelayMs } from '#jetstream/delivery.ts';
import type { Keepalive } from '#jetstream/keepalive.ts';
import { PassingSet } from '#jetstream/passing.ts';
import { EffectFailed } from '#jetstream/receipt.ts';
import { bury } from './answer.ts';
import { waitForPass } from './pace.ts';
import { type Case, glance, pass, type Tools } from './pass.ts';

/** The collector at work. */
export class Collector {
  readonly #tools: Tools;
  readonly #keepalive: Keepalive;
  readonly #logger: Logger;
  readonly #running = new PassingSet<Promise<void>>();
  /** Sessions whose wakes have come with the read that is being taken. */
  #woken = new Set<Case>();

  constructor(tools: Tools, keepalive: Keepalive, logger: Logger) {
    this.#tools = tools;
    this.#keepalive = keepalive;
    this.#logger = logger;
  }

  /** Takes a wake: a message on `collector.signal.*` or `combat.session.*`. */
  wake(delivery: Delivery): void {
    const { metrics, log } = this.#tools;
    metrics.wakes += 1;
    if (delivery.count > 1) metrics.redeliveries += 1;
    const parsed = parseLogSubject(delivery.subject);
    if (parsed === null) {
      this.#track(this.#bury(delivery));
      return;
    }
    const session = log.session(parsed.sessionId);
    this.#put(session.memo.wakes, delivery);
    if (session.memo.running) {
      this.#keepalive.hold(delivery);
      return;
    }
    if (this.#woken.size === 0) queueMicrotask(() => this.#passAll());
    this.#woken.add(session);
  }

  /** A wake that comes again while it is in hand takes its own place: a backlog must not grow by being waited for. */
  #put(wakes: Delivery[], delivery: Delivery): void {
    const at = delivery.count > 1 ? wakes.findIndex(({ seq }) => seq === delivery.seq) : -1;
    if (at === -1) {
      wakes.push(delivery);
      return;
    }
    this.#keepalive.release(wakes[at]!);
    wakes[at] = delivery;
  }

  /** Resolves when no pass is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0 || this.#woken.size > 0) await Promise.all(this.#running);
  }

  /** One pass for each session woken by what came in one read: most of them have been folded by then, too. */
  #passAll(): void {
    const woken = this.#woken;
    this.#woken = new Set();
    for (const session of woken) {
      const { memo } = session;
      const waitMs = waitForPass(memo.pace, performance.now());
      const glanced = waitMs === 0 ? glance(this.#tools, session) : null;
      if (glanced === 'settled') continue;
      for (const wake of memo.wakes) this.#keepalive.hold(wake);
      this.#track(this.#run(session, glanced, waitMs));
    }
  }

  /** Passes, at the session's pace, until no wake is left. */
  async #run(session: Case, glanced: Decision | null, firstWaitMs: number): Promise<void> {
    const desk = session.memo;
    let decided = glanced;
    desk.running = true;
    for (let waitMs = firstWaitMs; desk.wakes.length > 0; waitMs = waitForPass(desk.pace, performance.now())) {
      try {
        const first = decided;
        decided = null;
        const dealtWith = await this.#tools.log.use(session, async () => {
          if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
          return await pass(this.#tools, session, first);
        });
        for (const wake of dealtWith) this.#acknowledge(wake);
        drop(desk.wakes, dealtWith);
      } catch (error) {
        this.#giveBack(session, error);
      }
    }
    desk.running = false;
  }

  #acknowledge(wake: Delivery): void {
    this.#tools.effects.ack(wake);
    this.#keepalive.release(wake);
  }

  #giveBack(session: Case, error: unknown): void {
    const wakes = session.memo.wakes.splice(0);
    const expected = error instanceof EffectFailed;
    const about = { session: session.sessionId, wakes: wakes.length, ...(expected ? {} : { err: error }) };
    if (expected) this.#logger.warn(about, `a pass failed and will be tried again: ${error.message}`);
    else this.#logger.error(about, 'a pass failed');
    for (const wake of wakes) {
      this.#tools.effects.retry(wake, retryDelayMs(wake.count));
      this.#keepalive.release(wake);
    }
  }

  /** A message for a session that no id can name: kept whole, and done with. */
  async #bury(wake: Delivery): Promise<void> {
    const { effects, metrics } = this.#tools;
    try {
      await bury(effects, metrics, wake, 'the last token of the subject is no session id');
      this.#acknowledge(wake);
    } catch (error) {
      this.#logger.warn({ subject: wake.subject, err: error }, 'a dead letter was not stored');
      effects.retry(wake, retryDelayMs(wake.count));
      this.#keepalive.release(wake);
    }
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }
}

/** So many are found one by one sooner than a set of them is made; a flood is not. */
const FEW = 8;

/** Takes out of `wakes` those that have been dealt with. */
function drop(wakes: Delivery[], dealtWith: readonly Delivery[]): void {
  const done = dealtWith.length > FEW ? new Set(dealtWith) : null;
  const left = wakes.filter((wake) => (done === null ? !dealtWith.includes(wake) : !done.has(wake)));
  wakes.length = 0;
  for (const wake of left) wakes.push(wake);
}
