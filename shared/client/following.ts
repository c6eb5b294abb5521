/**
 * Owns following the log: an ordered consumer without acknowledgements, as an async iteration. Keeps:
 *   1. Every message of the wanted kinds once and in the log's order, from the place that was asked for, across
 *      reconnects and restarts of the server.
 *   2. A reader who is slower than the log holds no more than QUEUE_MAX messages: the consumer is given up then, and taken
 *      up again behind the last message when the reader has caught up.
 *   3. Leaving the loop, `stop`, or the client's end removes the consumer from the server.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Consumer, type ConsumerMessages, type JetStreamClient, type JsMsg, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { COMBAT } from '#contracts/streams.ts';
import { logFilter, logSubject } from '#contracts/subjects.ts';
import { PULL } from '#jetstream/consumer.ts';
import { lastSequence } from '#jetstream/stored-message.ts';
import { type CombatEvent, type EventKind, readEvent } from './combat-event.ts';
import { type RiposteError, requestFailed } from './errors.ts';
import { Mailbox } from './mailbox.ts';

/** Where to begin: with the oldest message there is, with what comes from now on, or at a log sequence (included). */
export type From = 'start' | 'now' | number;

/** Messages held for a slow reader, beyond one pull of them. */
const QUEUE_MAX = 4_096;
/** A server that is there again has its streams again within seconds; after this the reader is told. */
const RECOVERY_LIMIT_MS = 60_000;
const RECOVERY_PAUSE_MS = 100;
/** A server forgets a consumer whose client is gone after this long. */
const INACTIVE_MS = 30_000;

/** What is followed. */
export interface FollowingOptions {
  readonly kinds: readonly EventKind[];
  /** One session; null for all. */
  readonly sessionId: string | null;
  readonly from: From;
}

/** Messages of the log, in its order. One loop reads it; leaving the loop stops it. */
export class Following<Event extends CombatEvent> implements AsyncIterable<Event> {
  readonly #js: JetStreamClient;
  readonly #subjects: string[];
  readonly #onStopped: () => void;
  readonly #mailbox = new Mailbox<Event>();
  #consumer: Consumer | null = null;
  #messages: ConsumerMessages | null = null;
  /** Sequence of the last message taken in. */
  #position: number;

  private constructor(js: JetStreamClient, subjects: string[], position: number, onStopped: () => void) {
    this.#js = js;
    this.#subjects = subjects;
    this.#position = position;
    this.#onStopped = onStopped;
  }

  /** Resolves when the consumer is there: whatever is stored from then on will come. Rejects with RiposteError. */
  static async start<Event extends CombatEvent>(
    nc: NatsConnection,
    options: FollowingOptions,
    onStopped: (following: Following<Event>) => void,
  ): Promise<Following<Event>> {
    const { kinds, sessionId, from } = options;
    const subjects = kinds.map((kind) => (sessionId === null ? logFilter(kind) : logSubject(kind, sessionId)));
    const position = await positionBefore(nc, from);
    const following: Following<Event> = new Following(jetstream(nc), subjects, position, () => onStopped(following));
    try {
      await following.#open();
    } catch (error) {
      throw failed(error);
    }
    return following;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    try {
      for (;;) {
        const event = await this.#mailbox.take();
        if (event === null) return;
        yield event;
        if (this.#messages === null && this.#mailbox.size === 0 && !this.#mailbox.ended)
          await this.#recover('given up');
      }
    } finally {
      await this.stop();
    }
  }

  /** Stops following; a loop that reads it ends. */
  async stop(): Promise<void> {
    this.#mailbox.end();
    this.#onStopped();
    await this.#giveUp();
  }

  /** The client or its connection is gone. */
  fail(error: Error): void {
    this.#mailbox.end(error);
    this.#onStopped();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #open(): Promise<void> {
    this.#consumer = await this.#js.consumers.get(COMBAT, {
      filter_subjects: this.#subjects,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.#position + 1,
      inactive_threshold: INACTIVE_MS,
    });
    const messages = await this.#consumer.consume({
      ...PULL,
      abort_on_missing_resource: true,
      callback: (msg) => this.#take(msg, messages),
    });
    this.#messages = messages;
    void messages.closed().then((cause) => {
      if (this.#messages === messages && !this.#mailbox.ended) void this.#recover(cause ?? 'the consumer ended');
    });
    if (this.#mailbox.ended) await this.#giveUp();
  }

  /** Takes the consumer up again behind the last message: a server that restarts has forgotten it. */
  async #recover(cause: unknown): Promise<void> {
    const untilMs = performance.now() + RECOVERY_LIMIT_MS;
    for (let last = cause; !this.#mailbox.ended; await pause(RECOVERY_PAUSE_MS)) {
      if (performance.now() >= untilMs) return this.fail(failed(last));
      try {
        return await this.#open();
      } catch (error) {
        last = error;
      }
    }
  }

  #take(msg: JsMsg, from: ConsumerMessages): void {
    if (this.#messages !== null && this.#messages !== from) return;
    if (msg.seq <= this.#position) return;
    this.#position = msg.seq;
    const event = readEvent(msg);
    if (event !== null) this.#mailbox.put(event as Event);
    if (this.#mailbox.size >= QUEUE_MAX) void this.#giveUp();
  }

  async #giveUp(): Promise<void> {
    const [consumer, messages] = [this.#consumer, this.#messages];
    this.#consumer = null;
    this.#messages = null;
    void messages?.close();
    // Gone with its server, or with the connection: then the server forgets it by itself.
    await consumer?.delete().catch(() => {});
  }
}

async function positionBefore(nc: NatsConnection, from: From): Promise<number> {
  if (from === 'start') return 0;
  if (from !== 'now') return Math.max(0, from - 1);
  try {
    return await lastSequence(nc, COMBAT);
  } catch (error) {
    throw failed(error);
  }
}

const failed = (cause: unknown): RiposteError => requestFailed(`following ${COMBAT}`, cause);
