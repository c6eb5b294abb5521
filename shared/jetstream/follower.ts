/**
 * Owns following the log: a consumer without acknowledgements, from the end of the log on, for ever. Whoever folds sessions
 * gets every message once and in order; what came before is read by hydration (session-log.ts).
 *
 *     opening --> following --a message missing, silence, a new connection--> opening, behind the last message taken
 *         \--the log lacks what comes next, or is another--> lost
 *
 * The consumer lives in one server's memory and goes with it, so it is nothing to hold on to: at every doubt it is given up and
 * another begins behind the last message. A fold must never have a hole; where the log itself no longer has what comes next
 * (it has expired, or the stream was made anew), nobody can go on, and the owner is told, once.
 */
import {
  type ConsumerMessages,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { COMBAT } from '#contracts/streams.ts';
import { type LogKind, parseLogSubject } from '#contracts/subjects.ts';
import { PULL } from './consumer.ts';
import { type Place, placeOf } from './delivery.ts';

/** A message of the log as the follower hands it on. */
export interface LogRecord {
  readonly kind: LogKind;
  readonly sessionId: string;
  readonly seq: number;
  /** Log time in milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
}

/** What is followed, and who is told. */
export interface FollowerOptions {
  /** One filter for the server to match, or none: several are a search for every message. */
  readonly filter: string | null;
  /** The last sequence not to be handed on. */
  readonly fromSeq: number;
  /** Takes one message of the log. It should not throw. */
  take(record: LogRecord): void;
  /** The log no longer has what comes next: whatever has been folded has a hole from here on. Called once. */
  lost(reason: string): void;
}

/** An answer that has not come by then will not come: its server has died, or the cluster elects another. */
const API_TIMEOUT_MS = 2_000;
const RESTART_FIRST_MS = 50;
const RESTART_MOST_MS = 1_000;
/** The server forgets a consumer for which nobody asks any more. */
const INACTIVE_NS = 30_000_000_000;

/** Follows the log. */
export class Follower {
  readonly #nc: NatsConnection;
  readonly #options: FollowerOptions;
  readonly #logger: Logger;
  #jsm: JetStreamManager | null = null;
  #position: number;
  /** When the log that is followed was created. */
  #created: string | null = null;
  #messages: ConsumerMessages | null = null;
  #name = '';
  /** Of the consumer that is listened to; whatever an earlier one still says is ignored. */
  #serial = 0;
  #opening = true;
  #stopped = false;
  #restarts = 0;

  private constructor(nc: NatsConnection, options: FollowerOptions, logger: Logger) {
    this.#nc = nc;
    this.#options = options;
    this.#logger = logger;
    this.#position = options.fromSeq;
  }

  /** Follows the log after `fromSeq`. Rejects where the log cannot be had now. */
  static async start(nc: NatsConnection, options: FollowerOptions, logger: Logger): Promise<Follower> {
    const follower = new Follower(nc, options, logger);
    follower.#jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS });
    await follower.#open();
    follower.#opening = false;
    void follower.#watchConnection();
    return follower;
  }

  /** The sequence of the last message seen. */
  get position(): number {
    return this.#position;
  }

  /** Why nothing comes; null while it is fine. For readiness. */
  get fault(): string | null {
    return this.#opening ? 'the log is not followed just now' : null;
  }

  /** Stops following. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#giveUp();
  }

  /** Makes a consumer behind the last message. */
  async #open(): Promise<void> {
    const jsm = this.#jsm!;
    const { created, state } = await jsm.streams.info(COMBAT);
    this.#requireNext(created, state.first_seq);
    if (this.#stopped) return;
    const { filter } = this.#options;
    const info = await jsm.consumers.add(COMBAT, {
      ack_policy: 'none',
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.#position + 1,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_NS,
      ...(filter !== null && { filter_subject: filter }),
    });
    const serial = ++this.#serial;
    let last = 0;
    const messages = await jetstream(this.#nc)
      .consumers.getConsumerFromInfo(info)
      .consume({
        ...PULL,
        bind: true, // or it would stand still for as long as a cluster elects; it is watched here
        callback: (msg) => {
          if (serial !== this.#serial) return;
          const place = placeOf(msg);
          if (place.nth !== last + 1) return this.#startAgain(serial, 'messages are missing');
          last = place.nth;
          this.#given(msg, place);
        },
      });
    this.#messages = messages;
    this.#name = info.name;
    if (this.#stopped) return void this.#giveUp(); // stopped meanwhile: nobody else would close it
    void this.#watch(messages, serial);
    void messages
      .closed()
      .then((cause) => this.#startAgain(serial, cause instanceof Error ? cause.message : 'it ended'));
  }

  /** The next message must still be there, and of the same log. */
  #requireNext(created: string, firstSeq: number): void {
    this.#created ??= created;
    if (created !== this.#created) this.#lost('the log has been made anew');
    else if (firstSeq > this.#position + 1)
      this.#lost(`the log begins at ${firstSeq}, and the last message seen is ${this.#position}`);
  }

  #lost(reason: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.lost(reason);
  }

  #given(msg: JsMsg, { seq, time }: Place): void {
    this.#restarts = 0;
    this.#position = seq;
    const parsed = parseLogSubject(msg.subject);
    if (parsed === null) return;
    const { kind, sessionId } = parsed;
    try {
      this.#options.take({ kind, sessionId, seq, time, data: msg.data });
    } catch (error) {
      this.#logger.error({ err: error, subject: msg.subject, seq }, 'following the log: a message was not taken');
    }
  }

  async #watch(messages: ConsumerMessages, serial: number): Promise<void> {
    for await (const { type } of messages.status()) {
      if (type === 'heartbeat') this.#restarts = 0;
      if (type === 'heartbeats_missed' || type === 'no_responders' || type === 'consumer_deleted')
        this.#startAgain(serial, type);
    }
  }

  /** What was on its way on an old connection is gone, and nothing says so. */
  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#nc.status()) {
      if (this.#stopped) return;
      if (type === 'reconnect') this.#startAgain(this.#serial, 'reconnected');
    }
  }

  /** Begins again behind the last message, until that succeeds. */
  #startAgain(serial: number, cause: string): void {
    if (this.#opening || this.#stopped || serial !== this.#serial || this.#nc.isClosed()) return;
    this.#opening = true;
    this.#logger.warn({ cause, position: this.#position }, 'following the log: resuming');
    void this.#reopen();
  }

  async #reopen(): Promise<void> {
    void this.#giveUp();
    while (!this.#stopped && !this.#nc.isClosed()) {
      try {
        await this.#open();
        break;
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        this.#logger.debug({ cause }, 'following the log: cannot resume yet');
        await new Promise((resolve) => setTimeout(resolve, this.#pause()));
      }
    }
    this.#opening = false;
  }

  /** Closes the consumer and says so to the server, which may not be listening. */
  async #giveUp(): Promise<void> {
    this.#serial += 1;
    const messages = this.#messages;
    this.#messages = null;
    if (messages === null) return;
    await messages.close();
    if (!this.#nc.isClosed()) await this.#jsm!.consumers.delete(COMBAT, this.#name).catch(() => {});
  }

  #pause(): number {
    return Math.min(RESTART_MOST_MS, RESTART_FIRST_MS * 2 ** Math.min(this.#restarts++, 10));
  }
}
