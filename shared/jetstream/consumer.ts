/**
 * Owns taking from a durable consumer: with a callback, explicit acknowledgements, and for ever: a consumer that was
 * deleted or lost with its server is found missing and made again. What happens to a delivery is the caller's.
 */
import type { ConsumerMessages, JetStreamClient, JsMsg } from '@nats-io/jetstream';
import type { Logger } from 'pino';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { type Delivery, JetStreamDelivery } from './delivery.ts';

/** After a 409 the client waits for missed heartbeats: with these it notices within two seconds. */
export const PULL = { expires: 5_000, idle_heartbeat: 1_000, max_messages: 2_000, threshold_messages: 1_000 } as const;

const RESTART_FIRST_MS = 100;
const RESTART_MOST_MS = 5_000;

/** A durable consumer being taken from. */
export class Consuming {
  readonly #name: ConsumerName;
  readonly #take: (delivery: Delivery) => void;
  readonly #ensure: () => Promise<void>;
  readonly #js: JetStreamClient;
  readonly #logger: Logger;
  #messages: ConsumerMessages | null = null;
  #stopped = false;
  #fault: string | null = 'not started';
  #restarts = 0;

  private constructor(
    js: JetStreamClient,
    name: ConsumerName,
    ensure: () => Promise<void>,
    take: (delivery: Delivery) => void,
    logger: Logger,
  ) {
    this.#js = js;
    this.#name = name;
    this.#ensure = ensure;
    this.#take = take;
    this.#logger = logger;
  }

  /**
   * Takes from a durable consumer until stopped.
   *
   * @param ensure makes the consumer where it is missing
   * @param take must not throw
   */
  static async start(
    js: JetStreamClient,
    name: ConsumerName,
    ensure: () => Promise<void>,
    take: (delivery: Delivery) => void,
    logger: Logger,
  ): Promise<Consuming> {
    const consuming = new Consuming(js, name, ensure, take, logger);
    await consuming.#open();
    return consuming;
  }

  /** Why nothing comes from it; null while it is fine. For readiness. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Takes no more; what was taken is still to be acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#messages?.close();
  }

  async #open(): Promise<void> {
    const { stream } = CONSUMERS[this.#name];
    const consumer = await this.#js.consumers.get(stream, this.#name);
    const messages = await consumer.consume({
      ...PULL,
      abort_on_missing_resource: true,
      callback: (msg) => this.#given(msg),
    });
    if (this.#stopped) {
      await messages.close(); // stopped while it was being opened: nobody else would close it
      return;
    }
    this.#messages = messages;
    this.#fault = null;
    void this.#watch(messages);
    void messages.closed().then((cause) => this.#ended(cause));
  }

  #given(msg: JsMsg): void {
    try {
      this.#restarts = 0;
      this.#take(new JetStreamDelivery(msg, CONSUMERS[this.#name].stream));
    } catch (error) {
      this.#logger.error({ err: error, subject: msg.subject }, `consumer ${this.#name}: a delivery was not taken`);
    }
  }

  async #watch(messages: ConsumerMessages): Promise<void> {
    for await (const status of messages.status()) {
      if (status.type === 'heartbeats_missed') this.#logger.warn(`consumer ${this.#name}: heartbeats missed`);
      if (
        status.type === 'consumer_not_found' ||
        status.type === 'stream_not_found' ||
        status.type === 'consumer_deleted'
      ) {
        this.#fault = status.type;
        void messages.close();
      }
    }
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
        this.#fault = error instanceof Error ? error.message : String(error);
        this.#logger.warn({ cause: this.#fault }, `consumer ${this.#name}: cannot start`);
      }
    }
  }

  #pause(): number {
    return Math.min(RESTART_MOST_MS, RESTART_FIRST_MS * 2 ** Math.min(this.#restarts++, 10));
  }
}
