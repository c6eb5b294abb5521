/**
 * Owns taking from a durable consumer: with a callback, explicit acknowledgements, and for ever: a consumer that was
 * deleted or lost with its server is found missing, one that was set beyond the end of its stream is found there, and both are made
 * again. What happens to a delivery is the caller's.
 */

import {
  type Consumer,
  type ConsumerInfo,
  type ConsumerMessages,
  JetStreamApiError,
  type JetStreamClient,
  type JsMsg,
  jetstream,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { apiSubject } from '#contracts/subjects.ts';
import { type ConsumerPlace, isBeyondEnd, type StreamEnd } from './beyond-end.ts';
import { type Delivery, JetStreamDelivery } from './delivery.ts';
import type { Logger } from './logger.ts';
import { ServerCode } from './receipt.ts';
import { askJson, type Failed } from './stored-message.ts';

/** Where the server falls silent, the client asks anew after two missed heartbeats: with these, in little more than a second. */
export const PULL = { expires: 5_000, idle_heartbeat: 500, max_messages: 2_000, threshold_messages: 1_000 } as const;

const MISSING: ReadonlySet<number> = new Set([ServerCode.CONSUMER_NOT_FOUND, ServerCode.STREAM_NOT_FOUND]);

/** What nothing else would show is looked for so often. */
const LOOK_EVERY_MS = 10_000;
const RESTART_FIRST_MS = 100;
const RESTART_MOST_MS = 5_000;

/** A durable consumer being taken from. */
export class Consuming {
  readonly #name: ConsumerName;
  readonly #take: (delivery: Delivery) => void;
  readonly #ensure: () => Promise<void>;
  readonly #nc: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #logger: Logger;
  #messages: ConsumerMessages | null = null;
  #stopped = false;
  #fault: string | null = 'not started';
  #restarts = 0;
  readonly #looker: NodeJS.Timeout;
  #isLooking = false;

  private constructor(
    nc: NatsConnection,
    name: ConsumerName,
    ensure: () => Promise<void>,
    take: (delivery: Delivery) => void,
    logger: Logger,
  ) {
    this.#nc = nc;
    this.#js = jetstream(nc);
    this.#name = name;
    this.#ensure = ensure;
    this.#take = take;
    this.#logger = logger;
    this.#looker = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#looker.unref();
  }

  /**
   * Takes from a durable consumer until stopped.
   *
   * @param ensure makes the consumer where it is missing, or stands where no message reaches it
   * @param take must not throw
   */
  static async start(
    nc: NatsConnection,
    name: ConsumerName,
    ensure: () => Promise<void>,
    take: (delivery: Delivery) => void,
    logger: Logger,
  ): Promise<Consuming> {
    const consuming = new Consuming(nc, name, ensure, take, logger);
    try {
      await consuming.#open();
    } catch (error) {
      clearInterval(consuming.#looker);
      throw error;
    }
    return consuming;
  }

  /** Why nothing comes from it; null while it is fine. For readiness. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Takes no more; what was taken is still to be acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#looker);
    await this.#messages?.close();
  }

  /**
   * Takes up the consumer, which is there. Left to itself, the client asks for it after missed heartbeats, and takes no more
   * until that is answered: in a cluster that elects a leader it then stands still for thirteen seconds. Bound, it only
   * asks for messages again, and whether the consumer is missing is looked at here (docs/adr/0011-silence-in-a-cluster.md).
   */
  async #open(): Promise<void> {
    const { stream } = CONSUMERS[this.#name];
    const known = { stream_name: stream, name: this.#name, config: {} } as ConsumerInfo;
    const consumer = this.#js.consumers.getConsumerFromInfo(known);
    const messages = await consumer.consume({
      ...PULL,
      bind: true,
      abort_on_missing_resource: true,
      callback: (msg) => this.#given(msg),
    });
    if (this.#stopped) {
      await messages.close(); // stopped while it was being opened: nobody else would close it
      return;
    }
    this.#messages = messages;
    this.#fault = null;
    void this.#watch(consumer, messages);
    void messages.closed().then((cause) => this.#ended(cause));
  }

  #given(msg: JsMsg): void {
    try {
      this.#alive();
      this.#take(new JetStreamDelivery(msg, CONSUMERS[this.#name].stream));
    } catch (error) {
      this.#logger.error({ err: error, subject: msg.subject }, `consumer ${this.#name}: a delivery was not taken`);
    }
  }

  #alive(): void {
    if (this.#fault === null && this.#restarts === 0) return;
    this.#fault = null;
    this.#restarts = 0;
  }

  async #watch(consumer: Consumer, messages: ConsumerMessages): Promise<void> {
    let looking = false;
    for await (const { type } of messages.status()) {
      if (type === 'heartbeat') this.#alive();
      if (type === 'consumer_deleted') void messages.close();
      if (type !== 'heartbeats_missed' && type !== 'no_responders') continue;
      if (this.#fault === null) this.#logger.warn({ consumer: this.#name }, 'heartbeats missed');
      this.#fault ??= 'no sign of life';
      if (looking) continue;
      looking = true;
      void this.#isMissing(consumer).then((missing) => {
        looking = false;
        if (missing) void messages.close();
      });
    }
  }

  /** True where the server says that there is no such consumer or stream; one that is silent has them still. */
  async #isMissing(consumer: Consumer): Promise<boolean> {
    try {
      await consumer.info();
      return false;
    } catch (error) {
      return error instanceof JetStreamApiError && MISSING.has(error.code);
    }
  }

  /** Ends what is being taken where the consumer stands beyond the end of its stream: to the client it looks like idleness. */
  async #look(): Promise<void> {
    const messages = this.#messages;
    if (this.#fault !== null || this.#isLooking || messages === null) return;
    this.#isLooking = true;
    try {
      if (await this.#isBeyondEnd()) await messages.close();
    } catch (error) {
      this.#logger.debug({ cause: messageOf(error) }, `consumer ${this.#name}: not looked at`);
    } finally {
      this.#isLooking = false;
    }
  }

  async #isBeyondEnd(): Promise<boolean> {
    const { stream } = CONSUMERS[this.#name];
    const place = await askJson<ConsumerPlace & Failed>(this.#nc, apiSubject('CONSUMER.INFO', stream, this.#name), '');
    return isBeyondEnd(place, () => askJson<StreamEnd & Failed>(this.#nc, apiSubject('STREAM.INFO', stream), ''));
  }

  async #ended(cause: unknown): Promise<void> {
    if (this.#stopped) return;
    this.#fault = cause instanceof Error ? cause.message : 'ended';
    this.#logger.warn({ cause: this.#fault }, `consumer ${this.#name}: ended, starting again`);
    while (!this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, this.#pause()));
      try {
        await this.#ensure();
        await this.#open();
        return;
      } catch (error) {
        this.#fault = messageOf(error);
        this.#logger.warn({ cause: this.#fault }, `consumer ${this.#name}: cannot start`);
      }
    }
  }

  #pause(): number {
    return Math.min(RESTART_MOST_MS, RESTART_FIRST_MS * 2 ** Math.min(this.#restarts++, 10));
  }
}
