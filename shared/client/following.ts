/**
 * Owns following the log as an async iteration. Keeps:
 *   1. Every message of the wanted kinds once and in the log's order, from the place that was asked for, across
 *      reconnects and restarts of the server.
 *   2. A reader who is slower than the log holds no more than some QUEUE_MAX messages: the log is followed no more then, and
 *      again behind the last message when the reader has caught up.
 *   3. Nothing stays on the server: it forgets a consumer to which nobody listens within seconds.
 *   4. A game server may not see signals, which hold intents: one filter that lets none of them through serves all kinds.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { COMBAT } from '#contracts/streams.ts';
import { BATTLE_LOG_FILTER, battleLogFilter, logFilter, logSubject } from '#contracts/subjects.ts';
import { Follower, type LogRecord } from '#jetstream/follower.ts';
import { endsOf } from '#jetstream/stored-message.ts';
import { type CombatEvent, type EventKind, readEvent } from './combat-event.ts';
import { RiposteError, requestFailed } from './errors.ts';
import { Mailbox } from './mailbox.ts';

/** Where to begin: with the oldest message there is, with what comes from now on, or at a log sequence (included). */
export type From = 'start' | 'now' | number;

/** Messages held for a slow reader, beyond what is on its way. */
const QUEUE_MAX = 4_096;
/** A server that is there again has its streams again within seconds; after this the reader is told. */
const RECOVERY_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 5_000;
/** What goes wrong comes to the reader as an error, not to a log. */
const SILENT = pino({ level: 'silent' });

/** What is followed. */
export interface FollowingOptions {
  readonly kinds: readonly EventKind[];
  /** One session; null for all. */
  readonly sessionId: string | null;
  readonly from: From;
}

/** Messages of the log, in its order. One loop reads it; leaving the loop stops it. */
export class Following<Event extends CombatEvent> implements AsyncIterable<Event> {
  readonly #nc: NatsConnection;
  readonly #kinds: ReadonlySet<string>;
  readonly #filter: string;
  readonly #onStopped: () => void;
  readonly #mailbox = new Mailbox<Event>();
  #follower: Follower | null = null;
  /** Sequence of the last message taken in. */
  #position: number;
  readonly #ticker: NodeJS.Timeout;
  #silentSinceMs: number | null = null;

  private constructor(nc: NatsConnection, options: FollowingOptions, position: number, onStopped: () => void) {
    this.#nc = nc;
    this.#kinds = new Set(options.kinds);
    this.#filter = filterOf(options);
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
      const following: Following<Event> = new Following(nc, options, await positionBefore(nc, options.from), () =>
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
        if (this.#follower === null && this.#mailbox.size === 0 && !this.#mailbox.ended) await this.#takeUp();
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
    const follower: Follower = await Follower.start(
      this.#nc,
      {
        filter: this.#filter,
        fromSeq: this.#position,
        take: (record) => this.#take(record),
        lost: () => void this.#takeUp(),
      },
      SILENT,
    );
    // Before it was opened, so much may have come that it was to be given up again.
    if (this.#mailbox.ended || this.#mailbox.size >= QUEUE_MAX) follower.stop();
    else this.#follower = follower;
  }

  /** Follows again behind the last message; where the log begins later by now, from its beginning. */
  async #takeUp(): Promise<void> {
    this.#giveUp(false);
    try {
      const { firstSeq, lastSeq } = await endsOf(this.#nc, COMBAT);
      if (this.#position > lastSeq) throw new Error('the log has been made anew');
      this.#position = Math.max(this.#position, firstSeq - 1);
      await this.#open();
    } catch (error) {
      if (!this.#mailbox.ended) this.fail(failed(error));
    }
  }

  #take({ kind, sessionId, seq, time, data }: LogRecord): void {
    if (seq <= this.#position || this.#mailbox.ended) return;
    if (this.#mailbox.size >= QUEUE_MAX) return; // it is given up, and reads this again later
    this.#position = seq;
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

/** The sequence behind which to begin; what has expired cannot be begun with. */
async function positionBefore(nc: NatsConnection, from: From): Promise<number> {
  const { firstSeq, lastSeq } = await endsOf(nc, COMBAT);
  if (from === 'now') return lastSeq;
  return Math.max(from === 'start' ? 0 : from - 1, firstSeq - 1);
}

const failed = (cause: unknown): RiposteError =>
  cause instanceof RiposteError ? cause : requestFailed(`following ${COMBAT}`, cause);
