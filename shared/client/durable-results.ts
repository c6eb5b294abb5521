/**
 * Owns a game server's own durable consumer of results: at least once, across restarts of the game server. Keeps:
 *   1. A result comes again until it is acknowledged: after `ack_wait` where nobody did, or where the process died.
 *   2. No more results are held here than the server hands out unacknowledged; one that comes again while it still waits
 *      for its reader takes its old place.
 *   3. The consumer stays on the server when its reader goes: that is what makes it durable.
 */
import {
  type ConsumerInfo,
  type ConsumerMessages,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { readId } from '#contracts/ids.ts';
import { COMBAT, CONSUMERS } from '#contracts/streams.ts';
import { logFilter, parseLogSubject } from '#contracts/subjects.ts';
import { PULL } from '#jetstream/consumer.ts';
import { timeOfMsg } from '#jetstream/delivery.ts';
import { ServerCode } from '#jetstream/receipt.ts';
import { endsOf } from '#jetstream/stored-message.ts';
import { shown } from './checked.ts';
import { type ResultEvent, readEvent } from './combat-event.ts';
import { ErrorCode, invalidInput, isUnanswered, RiposteError, requestFailed } from './errors.ts';
import { Mailbox } from './mailbox.ts';

/** How a durable consumer is made. What is there already keeps its place in the log. */
export interface DurableOptions {
  /** Where it begins when it is made: with the oldest result there is (the default), or with what comes from then on. */
  readonly from?: 'start' | 'now';
  /** Whole milliseconds after which an unacknowledged result comes again; default 30 s. */
  readonly ackWaitMs?: number;
}

/** A result, to be acknowledged. */
export interface DurableResult extends ResultEvent {
  /** How often it has been handed out, this time included. */
  readonly deliveries: number;
  /** It is dealt with and will not come again, unless the acknowledgement is lost. */
  ack(): void;
  /** Hands it back, to come again in `delayMs` milliseconds. */
  retry(delayMs: number): void;
  /** It will take longer: `ackWaitMs` starts anew. */
  working(): void;
}

const DEFAULT_ACK_WAIT_MS = 30_000;
const ACK_WAIT_MIN_MS = 1_000;
const NANOS_PER_MS = 1_000_000;
/** Results a reader may have unacknowledged; also the bound of what is held here. */
const ACK_PENDING_MAX = 1_000;

/** Results of every session. One loop reads it; leaving the loop stops the reading and leaves the consumer. */
export class DurableResults implements AsyncIterable<DurableResult> {
  readonly #nc: NatsConnection;
  readonly #messages: ConsumerMessages;
  readonly #onStopped: () => void;
  readonly #mailbox = new Mailbox<number>();
  /** What is in the mailbox, by log sequence, as it was last handed out. */
  readonly #held = new Map<number, JsMsg>();

  private constructor(nc: NatsConnection, messages: ConsumerMessages, onStopped: () => void) {
    this.#nc = nc;
    this.#messages = messages;
    this.#onStopped = onStopped;
  }

  /** Makes the consumer where it is missing, and takes from it. Rejects with RiposteError. */
  static async start(
    nc: NatsConnection,
    name: string,
    options: DurableOptions,
    onStopped: (results: DurableResults) => void,
  ): Promise<DurableResults> {
    const ackWaitMs = checked(name, options);
    await ensureConsumer(nc, name, options.from ?? 'start', ackWaitMs);
    try {
      const consumer = await jetstream(nc).consumers.get(COMBAT, name);
      const messages = await consumer.consume({
        ...PULL,
        max_messages: ACK_PENDING_MAX,
        threshold_messages: ACK_PENDING_MAX / 2,
        abort_on_missing_resource: true,
        callback: (msg) => results.#take(msg), // after `results` is there: the server has yet to be asked
      });
      const results: DurableResults = new DurableResults(nc, messages, () => onStopped(results));
      results.#watch(name);
      return results;
    } catch (error) {
      throw failed(name, error);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DurableResult, void, undefined> {
    try {
      for (;;) {
        const seq = await this.#mailbox.take();
        if (seq === null) return;
        const msg = this.#held.get(seq)!;
        this.#held.delete(seq);
        const parsed = parseLogSubject(msg.subject);
        const { data } = msg;
        const event = parsed && readEvent({ ...parsed, seq, time: timeOfMsg(msg), data });
        // What no fold can read is no result; it is in the log for whoever wonders.
        if (event?.kind !== 'result') msg.ack();
        else yield durable(event, msg);
      }
    } finally {
      await this.stop();
    }
  }

  /** Stops reading; what was not acknowledged comes again to whoever reads next. */
  async stop(): Promise<void> {
    this.#mailbox.end();
    this.#onStopped();
    void this.#messages.close();
    // Acknowledgements are sent without an answer: they must at least be on their way.
    if (!this.#nc.isClosed()) await this.#nc.flush().catch(() => {});
  }

  /** The client or its connection is gone. */
  fail(error: Error): void {
    this.#mailbox.end(error);
    this.#onStopped();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #take(msg: JsMsg): void {
    if (!this.#held.has(msg.seq)) this.#mailbox.put(msg.seq);
    this.#held.set(msg.seq, msg);
  }

  #watch(name: string): void {
    void this.#messages.closed().then((cause) => {
      if (!this.#mailbox.ended) this.fail(failed(name, cause ?? 'the consumer ended'));
    });
  }
}

function durable(event: ResultEvent, msg: JsMsg): DurableResult {
  return {
    ...event,
    deliveries: msg.info.deliveryCount,
    ack: () => msg.ack(),
    retry: (delayMs) => msg.nak(delayMs),
    working: () => msg.working(),
  };
}

function checked(name: string, { ackWaitMs = DEFAULT_ACK_WAIT_MS }: DurableOptions): number {
  if (readId(name) !== name) throw invalidInput(`${shown(name)} is no name of a consumer: 1 to 64 of A-Z a-z 0-9 _ -`);
  if (Object.hasOwn(CONSUMERS, name)) throw invalidInput(`${shown(name)} is the name of a role's own consumer`);
  if (!Number.isSafeInteger(ackWaitMs) || ackWaitMs < ACK_WAIT_MIN_MS) {
    throw invalidInput(`ackWaitMs is ${shown(ackWaitMs)}, expected whole milliseconds, ${ACK_WAIT_MIN_MS} at least`);
  }
  return ackWaitMs;
}

/** Makes the consumer; one that is there is used as it is, if it is one of results. */
async function ensureConsumer(nc: NatsConnection, name: string, from: 'start' | 'now', ackWaitMs: number) {
  const filter = logFilter('result');
  let info: ConsumerInfo;
  try {
    const manager = await jetstreamManager(nc, { checkAPI: false });
    info = (await existing(manager, name)) ?? (await make(manager, name, filter, from, ackWaitMs));
  } catch (error) {
    throw (await isNameRefused(nc, error)) ? nameRefused(name, error) : failed(name, error);
  }
  const filters = info.config.filter_subjects ?? [info.config.filter_subject];
  if (filters.length !== 1 || filters[0] !== filter || info.config.ack_policy !== 'explicit') {
    throw new RiposteError(ErrorCode.REFUSED, `consumer ${name} is there and is none of results with explicit acks`);
  }
}

/**
 * Whether it is this consumer alone that may not be had: who has an account of its own is not told that it lacks a right, but that
 * nobody answers (docs/adr/0023-guests-have-accounts-of-their-own.md). Where the log itself does answer, the name is at fault.
 */
async function isNameRefused(nc: NatsConnection, cause: unknown): Promise<boolean> {
  if (!isUnanswered(cause)) return false;
  return await endsOf(nc, COMBAT).then(
    () => true,
    () => false,
  );
}

const nameRefused = (name: string, cause: unknown): RiposteError =>
  new RiposteError(
    ErrorCode.REFUSED,
    `results ${name}: no right to a consumer of this name: \`riposte nats-config --results\` says which a game server may have`,
    { cause },
  );

async function existing(manager: JetStreamManager, name: string): Promise<ConsumerInfo | null> {
  try {
    return await manager.consumers.info(COMBAT, name);
  } catch (error) {
    if (codeOf(error) === ServerCode.CONSUMER_NOT_FOUND) return null;
    throw error;
  }
}

function make(manager: JetStreamManager, name: string, filter: string, from: 'start' | 'now', ackWaitMs: number) {
  return manager.consumers.add(COMBAT, {
    durable_name: name,
    filter_subject: filter,
    ack_policy: 'explicit',
    deliver_policy: from === 'start' ? 'all' : 'new',
    ack_wait: ackWaitMs * NANOS_PER_MS,
    max_deliver: -1,
    max_ack_pending: ACK_PENDING_MAX,
  });
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

const failed = (name: string, cause: unknown): RiposteError => requestFailed(`results ${name}`, cause);
