/**
 * Owns the executor's tasks: which session they are for, one batch of a session at a time, and what becomes of a task when
 * its batch is done, must wait, or fails. Keeps I8 and I10.
 *
 * A task that must wait for another executor's lock is held in hand and not given back: how often a task was delivered
 * then says how often it was tried, which is what tells rules that hang or kill the process.
 */
import type { Logger } from 'pino';
import { decode, disagreesWith, type Refusal, refusal } from '#contracts/decode.ts';
import { readId } from '#contracts/ids.ts';
import { sessionOfSubject } from '#contracts/subjects.ts';
import { ExecutorBatch, quickBatch } from '#contracts/tasks.ts';
import { type Delivery, retryDelayMs } from '#jetstream/delivery.ts';
import type { Keepalive } from '#jetstream/keepalive.ts';
import { PassingMap } from '#jetstream/passing.ts';
import { EffectFailed, storedOr } from '#jetstream/receipt.ts';
import { execute, type Tools } from './batch.ts';
import { OneAtATime } from './one-at-a-time.ts';

/** A session's rules may come with the next deployment; until then its task comes back this often. */
const RULES_UNKNOWN_DELAY_MS = 5_000;
/** A lock held by another is tried again so often within its time to live. */
const LOCK_TRIES_PER_TTL = 15;

/** The executor at work. */
export class Executor {
  readonly #tools: Tools;
  readonly #keepalive: Keepalive;
  readonly #logger: Logger;
  readonly #lockTtlMs: number;
  /** The last task of each session, which the next one waits for. */
  readonly #turns = new PassingMap<string, Promise<void>>();
  readonly #suspects = new OneAtATime();
  #stopping = false;

  constructor(tools: Tools, keepalive: Keepalive, logger: Logger, lockTtlMs: number) {
    this.#tools = tools;
    this.#keepalive = keepalive;
    this.#logger = logger;
    this.#lockTtlMs = lockTtlMs;
  }

  /** Takes a task: a message on `executor.batch.*`. */
  task(delivery: Delivery): void {
    this.#keepalive.hold(delivery);
    const sessionId = sessionOfSubject(delivery.subject);
    const before = this.#turns.get(sessionId);
    const turn =
      before === undefined ? this.#run(delivery, sessionId) : before.then(() => this.#run(delivery, sessionId));
    this.#turns.set(sessionId, turn);
    void turn.finally(() => {
      if (this.#turns.get(sessionId) === turn) this.#turns.delete(sessionId);
    });
  }

  /** Resolves when no batch is under way; tasks that wait for a lock are given back. */
  async idle(): Promise<void> {
    this.#stopping = true;
    while (this.#turns.size > 0) await Promise.all(this.#turns.values());
  }

  async #run(delivery: Delivery, sessionId: string): Promise<void> {
    const { effects, metrics } = this.#tools;
    try {
      const read = readTask(delivery, sessionId);
      if (!read.ok) await this.#bury(delivery, read);
      else if (!(await this.#execute(delivery, read.value))) return effects.retry(delivery, RULES_UNKNOWN_DELAY_MS);
      effects.ack(delivery);
    } catch (error) {
      metrics.tasks.delayed += 1;
      const expected = error instanceof EffectFailed;
      const about = { session: sessionId, ...(expected ? {} : { err: error }) };
      if (expected) this.#logger.warn(about, `a batch failed and will be tried again: ${error.message}`);
      else this.#logger.error(about, 'a batch failed');
      effects.retry(delivery, retryDelayMs(delivery.count));
    } finally {
      this.#keepalive.release(delivery);
    }
  }

  /** Executes a task when the lock can be had. False where its rules are not known here. */
  async #execute(delivery: Delivery, task: ExecutorBatch): Promise<boolean> {
    const { log, metrics } = this.#tools;
    const battle = log.session(task.session_id);
    for (;;) {
      const end = await log.use(battle, () => execute(this.#tools, battle, task, delivery.count, this.#suspects));
      switch (end) {
        case 'done':
          metrics.tasks.done += 1;
          return true;
        case 'rules_unknown':
          metrics.tasks.delayed += 1;
          this.#logger.warn(
            { session: task.session_id, rules: battle.state.rulesUnknown },
            'rules unknown: task delayed',
          );
          return false;
        case 'locked':
          metrics.locks.held += 1;
          if (this.#stopping) throw new EffectFailed(`${task.session_id} is locked, and this process stops`);
          await new Promise((resolve) => setTimeout(resolve, this.#lockTtlMs / LOCK_TRIES_PER_TTL));
          break;
        default:
          end satisfies never;
      }
    }
  }

  async #bury(delivery: Delivery, { reason }: Refusal): Promise<void> {
    const { effects, metrics } = this.#tools;
    const { subject, data } = delivery;
    const letter = { subject, data, origin: `${delivery.stream}:${delivery.seq}`, reason };
    storedOr(await effects.deadLetter(letter), 'a dead letter');
    metrics.tasks.invalid += 1;
    metrics.deadLetters += 1;
  }
}

function readTask(delivery: Delivery, sessionId: string): ReturnType<typeof decode<typeof ExecutorBatch>> {
  if (readId(sessionId) === null) return refusal('no session id in the subject');
  const task = decode(ExecutorBatch, delivery.data, quickBatch);
  return (task.ok ? disagreesWith(sessionId, task.value) : null) ?? task;
}
