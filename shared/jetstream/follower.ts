/**
 * Owns following the log: an ordered consumer with a callback and no acknowledgements, from the end of the log on. Whoever
 * folds sessions gets every message once and in order; what came before is read by hydration (session-log.ts).
 */
import type { ConsumerMessages, JetStreamClient, JsMsg } from '@nats-io/jetstream';
import type { Logger } from 'pino';
import { COMBAT } from '#contracts/streams.ts';
import { type LogKind, parseLogSubject } from '#contracts/subjects.ts';
import { PULL } from './consumer.ts';
import { placeOf } from './delivery.ts';

/** A message of the log as the follower hands it on. */
export interface LogRecord {
  readonly kind: LogKind;
  readonly sessionId: string;
  readonly seq: number;
  /** Log time in milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
}

/** Takes one message of the log. It must not throw: an exception in a callback stops the consumer. */
export type TakeRecord = (record: LogRecord) => void;

/** Follows the log. */
export class Follower {
  readonly #messages: ConsumerMessages;
  #position: number;

  private constructor(messages: ConsumerMessages, position: number) {
    this.#messages = messages;
    this.#position = position;
  }

  /**
   * Follows the log after `fromSeq`.
   *
   * @param filter one filter for the server to match, or none: several are a search for every message
   */
  static async start(
    js: JetStreamClient,
    filter: string | null,
    fromSeq: number,
    take: TakeRecord,
    logger: Logger,
  ): Promise<Follower> {
    const consumer = await js.consumers.get(COMBAT, {
      ...(filter === null ? {} : { filter_subjects: filter }),
      deliver_policy: 'by_start_sequence',
      opt_start_seq: fromSeq + 1,
    });
    let follower: Follower | null = null;
    const messages = await consumer.consume({
      ...PULL,
      callback: (msg) => {
        const record = recordOf(msg);
        if (record !== null && follower !== null) follower.#position = record.seq;
        if (record === null) return;
        try {
          take(record);
        } catch (error) {
          logger.error(
            { err: error, subject: record.sessionId, seq: record.seq },
            'following the log: a message was not taken',
          );
        }
      },
    });
    follower = new Follower(messages, fromSeq);
    follower.#watch(logger);
    return follower;
  }

  /** The sequence of the last message seen. */
  get position(): number {
    return this.#position;
  }

  /** Stops following. */
  async stop(): Promise<void> {
    await this.#messages.close();
  }

  async #watch(logger: Logger): Promise<void> {
    for await (const status of this.#messages.status()) {
      if (status.type === 'heartbeats_missed' || status.type === 'ordered_consumer_recreated') {
        logger.warn({ status: status.type }, 'following the log: resuming');
      }
    }
  }
}

function recordOf(msg: JsMsg): LogRecord | null {
  const parsed = parseLogSubject(msg.subject);
  if (parsed === null) return null;
  const { seq, time } = placeOf(msg);
  return { kind: parsed.kind, sessionId: parsed.sessionId, seq, time, data: msg.data };
}
