/**
 * Owns getting a message into the log. Keeps:
 *   1. Every publish is acknowledged by the server before the call resolves.
 *   2. A publish without an answer is repeated under the same message id, so that the server stores it once, whichever
 *      of them arrived.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import { Publisher } from '#jetstream/publisher.ts';
import type { Receipt } from '#jetstream/receipt.ts';
import { ErrorCode, RiposteError } from './errors.ts';
import { Slots } from './slots.ts';

/** Attempts at one publish. The publisher waits five seconds for each answer: a leader is elected in less. */
const ATTEMPTS_MAX = 3;
const FIRST_PAUSE_MS = 100;

/** What a message was stored as. */
export interface Stored {
  readonly kind: 'stored';
  readonly seq: number;
}

/** Somebody else has written to the subject before. `repeated` is set where that may have been an earlier attempt of ours. */
export interface Conflict {
  readonly kind: 'conflict';
  readonly repeated: boolean;
}

/** How a message is to be sent. */
export interface SendOptions {
  /** The sequence the subject's last message must have. */
  readonly expected?: number;
  /** By `performance.now()`: no attempt begins after it. */
  readonly until?: number;
}

/** Sends messages to the log. */
export class Sender {
  readonly slots: Slots;
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;

  constructor(nc: NatsConnection, inFlightMax: number) {
    this.#nc = nc;
    this.slots = new Slots(inFlightMax);
    this.#publisher = new Publisher(nc);
  }

  /** Sends a message and resolves with its sequence in the log. Rejects with RiposteError. */
  async send(subject: string, body: Uint8Array): Promise<number> {
    const sent = await this.slots.run(() => this.attempt(subject, body, nuid.next()));
    return (sent as Stored).seq; // without an expected sequence there is no conflict
  }

  /** Sends a message under a message id. Rejects with RiposteError. Takes no slot: the caller has one. */
  async attempt(
    subject: string,
    body: Uint8Array,
    msgId: string,
    options: SendOptions = {},
  ): Promise<Stored | Conflict> {
    const { expected, until = Number.POSITIVE_INFINITY } = options;
    for (let attempt = 1; ; attempt++) {
      const receipt = await this.#publish(subject, body, msgId, expected);
      switch (receipt.kind) {
        case 'stored':
          return { kind: 'stored', seq: receipt.seq };
        case 'conflict':
          return { kind: 'conflict', repeated: attempt > 1 };
        case 'refused':
          throw new RiposteError(ErrorCode.REFUSED, `${subject}: ${receipt.reason}`);
        case 'unknown':
          if (attempt === ATTEMPTS_MAX || performance.now() >= until) {
            throw new RiposteError(ErrorCode.UNKNOWN_OUTCOME, `${subject}: ${receipt.reason}`);
          }
          await pause(FIRST_PAUSE_MS * attempt);
          break;
        default:
          receipt satisfies never;
      }
    }
  }

  /** Waits for the answers that are still out. */
  async close(): Promise<void> {
    await this.#publisher.close();
  }

  async #publish(subject: string, body: Uint8Array, msgId: string, expected: number | undefined): Promise<Receipt> {
    if (this.#nc.isClosed()) throw new RiposteError(ErrorCode.CLOSED, 'the connection to NATS is closed');
    return await this.#publisher.publish(subject, body, { msgId, ...(expected !== undefined && { expected }) });
  }
}
