/**
 * Owns a message as a durable consumer hands it out: to be acknowledged last, after everything it called for has itself
 * been acknowledged (I8).
 */
import type { JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';

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

/** A JetStream message as a delivery. */
export function deliveryOf(msg: JsMsg): Delivery {
  const { info } = msg;
  return {
    stream: info.stream,
    subject: msg.subject,
    seq: info.streamSequence,
    data: msg.data,
    count: info.deliveryCount,
    ack: () => msg.ack(),
    retry: (delayMs) => msg.nak(delayMs),
    working: () => msg.working(),
  };
}

/** A message's server timestamp in whole milliseconds: nanoseconds divided as integers. */
export function timeOfMsg(msg: JsMsg): number {
  return Number(msg.timestampNanos / NANOS_PER_MS);
}

const NANOS_PER_MS = BigInt(nanos(1));

const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 10_000;

/** The delay before a delivery is tried again: growing, capped, and for ever. */
export function retryDelayMs(count: number): number {
  return Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(count - 1, 10));
}
