/**
 * Owns acknowledged publishing, pipelined: one long-lived reply subscription for all publishes, a map of waiters, one
 * sweep for all timeouts. It costs a fifth of a request's client time (docs/benchmark.md). A publish that may have been
 * stored is never repeated here: what an unknown outcome means, only the caller knows. One that nobody in a cluster has
 * heard is none such: its stream is between two leaders, and it waits here for the next (docs/adr/0011-silence-in-a-cluster.md).
 */

import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { utf8Of } from '#contracts/utf8.ts';
import { inboxOf } from './inbox.ts';
import { PassingMap } from './passing.ts';
import { type Receipt, readReceipt, SERVICE_UNAVAILABLE } from './receipt.ts';

/** An answer that has not come by then is an unknown outcome. */
const ANSWER_TIMEOUT_MS = 5_000;
const SWEEP_EVERY_MS = 500;
/** More unanswered publishes than a server leaves behind in the time an answer takes; beyond it something is stuck. */
const IN_FLIGHT_MAX = 65_536;

/** What a publish asks of the server. */
export interface PublishOptions {
  /** The sequence of the last message on this very subject; 0 for none. */
  readonly expected?: number;
  /** The server stores one message with this id within its duplicate window. */
  readonly msgId?: string;
  /** Whole seconds after which the message goes by itself. */
  readonly ttlS?: number;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

interface Waiter {
  readonly settle: (receipt: Receipt) => void;
  readonly deadline: number;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly options: PublishOptions;
}

/** Publishes to streams and tells what became of it. */
export class Publisher {
  readonly #nc: NatsConnection;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #sweeper: NodeJS.Timeout;
  readonly #waiters = new PassingMap<string, Waiter>();
  /** Publishes that nobody has heard: to be sent again with the next sweep. */
  readonly #unheard = new Set<string>();
  #count = 0;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    this.#inbox = `${inboxOf(nc)}.`;
    this.#subscription = nc.subscribe(`${this.#inbox}*`, { callback: (error, msg) => this.#answered(error, msg) });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#sweeper.unref();
  }

  /** How many publishes await their answer. */
  get inFlight(): number {
    return this.#waiters.size;
  }

  /** Publishes to a stream's subject. Never rejects: every way it can go is a receipt. */
  publish(subject: string, body: Uint8Array, options: PublishOptions = {}): Promise<Receipt> {
    if (this.#waiters.size >= IN_FLIGHT_MAX) {
      return Promise.resolve({ kind: 'refused', code: 0, reason: `${IN_FLIGHT_MAX} publishes are unanswered` });
    }
    const token = (this.#count++).toString(36);
    return new Promise((settle) => {
      this.#waiters.set(token, { settle, deadline: performance.now() + ANSWER_TIMEOUT_MS, subject, body, options });
      this.#send(token, subject, body, options);
    });
  }

  /** Waits until every publish is answered or has timed out, and stops. */
  async close(): Promise<void> {
    while (this.#waiters.size > 0 && !this.#nc.isClosed()) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    clearInterval(this.#sweeper);
    this.#subscription.unsubscribe();
    for (const token of this.#waiters.keys()) this.#settle(token, { kind: 'unknown', reason: 'the connection closed' });
  }

  #answered(error: Error | null, msg: Msg): void {
    if (error !== null) return; // a permission error ends the subscription: every publish then times out as unknown
    const token = msg.subject.slice(this.#inbox.length);
    if (!this.#waiters.has(token)) return;
    if (msg.data.length === 0 && msg.headers !== undefined && msg.headers.code > 0) {
      if (msg.headers.code === SERVICE_UNAVAILABLE && this.#nc.info?.cluster !== undefined) this.#unheard.add(token);
      else this.#settle(token, { kind: 'unknown', reason: `status ${msg.headers.code} ${msg.headers.description}` });
    } else {
      this.#settle(token, readReceipt(msg.string()));
    }
  }

  #send(token: string, subject: string, body: Uint8Array, options: PublishOptions): void {
    try {
      this.#nc.publish(subject, body, { reply: this.#inbox + token, ...headersOf(options) });
    } catch (error) {
      this.#settle(token, { kind: 'refused', code: 0, reason: messageOf(error) });
    }
  }

  #settle(token: string, receipt: Receipt): void {
    const waiter = this.#waiters.get(token);
    this.#waiters.delete(token);
    this.#unheard.delete(token);
    waiter?.settle(receipt);
  }

  /**
   * Waiters stand in the order of their deadlines: the first that is not due ends the search. What nobody has heard is sent
   * again, as long as it is waited for.
   */
  #sweep(): void {
    const now = performance.now();
    for (const [token, { deadline }] of this.#waiters) {
      if (deadline > now) break;
      this.#settle(token, { kind: 'unknown', reason: `no answer within ${ANSWER_TIMEOUT_MS} ms` });
    }
    for (const token of this.#unheard) {
      const { subject, body, options } = this.#waiters.get(token)!;
      this.#send(token, subject, body, options);
    }
    this.#unheard.clear();
  }
}

const DRAIN_POLL_MS = 10;

/**
 * The headers of a publish, as their bytes. The client asks nothing of headers but to encode themselves, and its own take
 * eight times as long to be built; there are five such publishes in every exchange.
 */
function headersOf({ expected, msgId, ttlS, headers: more }: PublishOptions): { headers?: MsgHdrs } {
  let lines = '';
  if (expected !== undefined) lines += `Nats-Expected-Last-Subject-Sequence: ${expected}\r\n`;
  if (msgId !== undefined) lines += `Nats-Msg-Id: ${oneLine(msgId)}\r\n`;
  if (ttlS !== undefined) lines += `Nats-TTL: ${ttlS}s\r\n`;
  for (const [name, value] of more ?? []) lines += `${name}: ${oneLine(value)}\r\n`;
  if (lines === '') return {};
  const bytes = utf8Of(`NATS/1.0\r\n${lines}\r\n`);
  return { headers: { encode: () => bytes } as unknown as MsgHdrs };
}

/** A line break in a value would be the end of its header. */
const oneLine = (value: string): string => value.replace(/[\r\n]/g, ' ');
