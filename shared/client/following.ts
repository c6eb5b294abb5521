/**
 * Owns following the log as an async iteration. Keeps:
 *   1. Every message of the wanted kinds once and in the log's order, from the place that was asked for, across
 *      reconnects and restarts of the server. A log that was made anew is another, whatever its length: its reader is told.
 *   2. A reader who is slower than the log holds no more than some QUEUE_MAX messages: the log is followed no more then, and
 *      again behind the last message when the reader has caught up.
 *   3. Nothing stays on the server: it forgets a consumer to which nobody listens within seconds.
 *   4. A game server may not see signals, which hold intents: one filter that lets none of them through serves all kinds.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { COMBAT } from '#contracts/streams.ts';
import { BATTLE_LOG_FILTER, battleLogFilter, logFilter, logSubject } from '#contracts/subjects.ts';
import { Follower, type LogRecord } from '#jetstream/follower.ts';
import { SILENT } from '#jetstream/logger.ts';
import { endsOf } from '#jetstream/stored-message.ts';
import { type CombatEvent, type EventKind, readEvent } from './combat-event.ts';
import { ErrorCode, RiposteError, requestFailed } from './errors.ts';
import { Mailbox } from './mailbox.ts';

/** Where to begin: with the oldest message there is, with what comes from now on, or at a log sequence (included). */
export type From = 'start' | 'now' | number;

/** Messages held for a slow reader, beyond what is on its way. */
const QUEUE_MAX = 4_096;
/** A server that is there again has its streams again within seconds; after this the reader is told. */
const RECOVERY_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 5_000;
/** Between two tries to take up again. */
const RETRY_PAUSE_MS = 250;

/** What is followed. */
export interface FollowingOptions {
  readonly kinds: readonly EventKind[];
  /** One session; null for all. */
  readonly sessionId: string | null;
  readonly from: From;
}

/** A follower from when it is begun to when nothing more is taken from it. */
type Attempt = { isOver: boolean; lost: Error | null };

/**
 * Messages of the log, in its order. One loop reads it; leaving the loop stops it.
 *
 *     following --the reader is slow--> given up --it has read all there is--> taking up --> following
 *         \--the log lacks what comes next--> taking up             taking up --another log, or for too long--> failed
 */
export class Following<Event extends CombatEvent> implements AsyncIterable<Event> {
  readonly #nc: NatsConnection;
  readonly #kinds: ReadonlySet<string>;
  readonly #filter: string;
  readonly #onStopped: () => void;
  readonly #mailbox = new Mailbox<Event>();
  #follower: Follower | null = null;
  /** The one follower that is listened to, also before it has begun. */
  #attempt: Attempt | null = null;
  #isTakingUp = false;
  /** Of the log that is followed. */
  readonly #created: string;
  /** Sequence of the last message taken in. */
  #position: number;
  /** Its log time; undefined where nothing has been taken in, or that has expired. */
  #time: number | undefined;
  readonly #ticker: NodeJS.Timeout;
  #silentSinceMs: number | null = null;

  private constructor(
    nc: NatsConnection,
    options: FollowingOptions,
    { created, position }: Start,
    onStopped: () => void,
  ) {
    this.#nc = nc;
    this.#kinds = new Set(options.kinds);
    this.#filter = filterOf(options);
    this.#created = created;
    this.#position = position;
    this.#onStopped = onStopped;
    this.#ticker = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#ticker.unref();
  }

  /** Resolves when the following has begun: whatever is stored from then on will come. Rejects with RiposteError. */
  static async start<Event extends CombatEvent>(
    nc: NatsConnection,
    options: FollowingOptions,
    onStopped: (following: Following<Event>) => void,
  ): Promise<Following<Event>> {
    try {
      const following: Following<Event> = new Following(nc, options, await startOf(nc, options.from), () =>
        onStopped(following),
      );
      await following.#open().catch((error) => {
        following.fail(failed(error));
        throw error;
      });
      return following;
    } catch (error) {
      throw failed(error);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    try {
      for (;;) {
        const event = await this.#mailbox.take();
        if (event === null) return;
        yield event;
        if (this.#isDry()) void this.#takeUp(); // what goes wrong comes as the end of the mailbox
      }
    } finally {
      await this.stop();
    }
  }

  /** Stops following; a loop that reads it ends. */
  async stop(): Promise<void> {
    this.#mailbox.end();
    this.#giveUp();
    this.#onStopped();
  }

  /** The client or its connection is gone. */
  fail(error: Error): void {
    this.#mailbox.end(error);
    this.#giveUp();
    this.#onStopped();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #open(): Promise<void> {
    const attempt: Attempt = { isOver: false, lost: null };
    this.#attempt = attempt;
    const follower = await Follower.start(
      this.#nc,
      {
        filter: this.#filter,
        fromSeq: this.#position,
        ...(this.#time !== undefined && { fromTime: this.#time }),
        created: this.#created,
        take: (record) => {
          if (!attempt.isOver) this.#take(record);
        },
        lost: (_reason, isAnother) => {
          attempt.isOver = true;
          attempt.lost = isAnother ? madeAnew() : new Error('the log no longer has what comes next');
          if (isAnother) this.fail(attempt.lost);
          else void this.#takeUp();
        },
      },
      SILENT, // what goes wrong comes to the reader as an error
    );
    if (attempt.lost !== null) throw attempt.lost;
    // Before it had begun, so much may have come that it was given up again.
    if (attempt.isOver || this.#mailbox.ended) follower.stop();
    else this.#follower = follower;
  }

  /** Nothing is left for the reader, and nothing comes. */
  #isDry(): boolean {
    return this.#follower === null && this.#mailbox.size === 0 && !this.#mailbox.ended;
  }

  /**
   * Follows again behind the last message; where the log begins later by now, from its beginning. One at a time, whoever asks,
   * and again while a server that restarts gives no answer.
   */
  async #takeUp(): Promise<void> {
    if (this.#isTakingUp) return;
    this.#isTakingUp = true;
    this.#giveUp(false);
    const until = performance.now() + RECOVERY_LIMIT_MS;
    do {
      try {
        const { created, firstSeq, lastSeq, copies } = await endsOf(this.#nc, COMBAT);
        const isShort = this.#position > lastSeq;
        if (created !== this.#created || (isShort && copies === 1)) throw madeAnew();
        // Of several copies the one that answers may be behind.
        if (isShort) throw new Error('the log has not been seen to go so far as it was followed');
        if (firstSeq > this.#position) this.#time = undefined;
        this.#position = Math.max(this.#position, firstSeq - 1);
        await this.#open();
      } catch (error) {
        this.#giveUp(false);
        const trouble = failed(error);
        if (!trouble.retryable || performance.now() > until) this.fail(trouble);
        else await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      }
      // The reader may have emptied the mailbox while what had filled it was given up: nobody else would ask again.
    } while (this.#isDry());
    this.#isTakingUp = false;
  }

  #take({ kind, sessionId, seq, time, data }: LogRecord): void {
    if (seq <= this.#position || this.#mailbox.ended) return;
    if (this.#mailbox.size >= QUEUE_MAX) return; // it is given up, and reads this again later
    this.#position = seq;
    this.#time = time;
    if (!this.#kinds.has(kind)) return;
    const event = readEvent({ kind, sessionId, seq, time, data });
    if (event !== null) this.#mailbox.put(event as Event);
    if (this.#mailbox.size >= QUEUE_MAX) this.#giveUp(false);
  }

  /** Nothing has been heard for a long time: the follower tries on, and its reader should know. */
  #look(): void {
    const fault = this.#follower?.fault ?? null;
    if (fault === null) this.#silentSinceMs = null;
    else this.#silentSinceMs ??= performance.now();
    if (this.#silentSinceMs === null || performance.now() - this.#silentSinceMs < RECOVERY_LIMIT_MS) return;
    this.fail(failed(new Error(fault!)));
  }

  #giveUp(forGood = true): void {
    if (this.#attempt !== null) this.#attempt.isOver = true;
    this.#attempt = null;
    this.#follower?.stop();
    this.#follower = null;
    if (forGood) clearInterval(this.#ticker);
  }
}

function filterOf({ kinds, sessionId }: FollowingOptions): string {
  const [kind, ...more] = kinds;
  if (more.length > 0) return sessionId === null ? BATTLE_LOG_FILTER : battleLogFilter(sessionId);
  return sessionId === null ? logFilter(kind!) : logSubject(kind!, sessionId);
}

/** The log, and the sequence behind which to begin. */
type Start = { readonly created: string; readonly position: number };

/** Where to begin; what has expired cannot be begun with. */
async function startOf(nc: NatsConnection, from: From): Promise<Start> {
  const { created, firstSeq, lastSeq } = await endsOf(nc, COMBAT);
  if (from === 'now') return { created, position: lastSeq };
  return { created, position: Math.max(from === 'start' ? 0 : from - 1, firstSeq - 1) };
}

const madeAnew = (): RiposteError =>
  new RiposteError(ErrorCode.REFUSED, `following ${COMBAT}: the log has been made anew, and what was followed is gone`);

const failed = (cause: unknown): RiposteError =>
  cause instanceof RiposteError ? cause : requestFailed(`following ${COMBAT}`, cause);
