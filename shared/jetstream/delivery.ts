/**
 * Owns a message as a durable consumer hands it out: to be acknowledged last, after everything it called for has itself
 * been acknowledged (I8).
 */
import type { JsMsg } from '@nats-io/jetstream';

/** One delivery of a message. */
export interface Delivery {
  readonly stream: string;
  readonly subject: string;
  /** Its sequence in its stream. */
  readonly seq: number;
  readonly data: Uint8Array;
  /** How often it has been handed out, this time included. */
  readonly count: number;
  ack(): void;
  retry(delayMs: number): void;
  working(): void;
}

/** Where a JetStream message stands in its stream, and when it was stored. */
export interface Place {
  readonly seq: number;
  /** The server's timestamp, in whole milliseconds since the epoch. */
  readonly time: number;
  /** How often it has been delivered, this time included. */
  readonly count: number;
  /** Its number among all that its consumer has handed out. */
  readonly nth: number;
}

// $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>, or with domain and account
// hash before the stream and a token after.
const SHORT_TOKENS = 9;
const DELIVERED_IN_SHORT = 4;
const DELIVERED_IN_LONG = 6;
/** Nanoseconds are cut to milliseconds as digits: a double cannot hold them. */
const NANOS_DIGITS_BELOW_MS = 6;

/** Reads a message's place from its reply subject; once for all of it, on the path of every message. */
export function placeAt(reply: string): Place {
  const tokens = reply.split('.');
  const at = tokens.length === SHORT_TOKENS ? DELIVERED_IN_SHORT : DELIVERED_IN_LONG;
  return {
    count: Number(tokens[at]),
    seq: Number(tokens[at + 1]),
    nth: Number(tokens[at + 2]),
    time: Number(tokens[at + 3]!.slice(0, -NANOS_DIGITS_BELOW_MS)),
  };
}

const placeOf = (msg: JsMsg): Place => placeAt((msg as JsMsg & { readonly reply: string }).reply); // not in its interface

/** A message's server timestamp, in whole milliseconds since the epoch. */
export const timeOfMsg = (msg: JsMsg): number => placeOf(msg).time;

/** A JetStream message as a delivery. */
export class JetStreamDelivery implements Delivery {
  readonly #msg: JsMsg;
  readonly stream: string;
  readonly seq: number;
  readonly count: number;

  constructor(msg: JsMsg, stream: string) {
    const { seq, count } = placeOf(msg);
    this.#msg = msg;
    this.stream = stream;
    this.seq = seq;
    this.count = count;
  }

  get subject(): string {
    return this.#msg.subject;
  }

  get data(): Uint8Array {
    return this.#msg.data;
  }

  ack(): void {
    this.#msg.ack();
  }

  retry(delayMs: number): void {
    this.#msg.nak(delayMs);
  }

  working(): void {
    this.#msg.working();
  }
}

const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 10_000;

/** The delay before a delivery is tried again: growing, capped, and for ever. */
export function retryDelayMs(count: number): number {
  return Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(count - 1, 10));
}
