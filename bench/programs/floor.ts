/**
 * Owns a third of the floor: the messages of exchanges published with acknowledgement and consumed with acknowledgement,
 * and nothing decided. A program publishes what it consumes itself, so that the two keep pace and no backlog grows; with
 * the fastest means the client has: pipelined publishes without a promise each, and a consumer with a callback.
 *
 * A program: takes orders from bench/floor.ts.
 */
import { jetstream } from '@nats-io/jetstream';
import { connect, createInbox, type NatsConnection } from '@nats-io/transport-node';
import { PULL } from '#jetstream/consumer.ts';
import { takeOrders } from '../orders.ts';

export interface OpenFloor {
  readonly url: string;
  readonly stream: string;
  /** The durable consumer that takes what is published under `prefix`. */
  readonly consumer: string;
  readonly prefix: string;
  readonly sessions: number;
  /** Bytes of the messages of one exchange, by kind, in order. */
  readonly kinds: readonly (readonly [kind: string, bytes: number])[];
}

/** What was done within a window. */
export interface FloorWindow {
  readonly ms: number;
  /** Messages published, acknowledged by the server, consumed and acknowledged to it. */
  readonly messages: number;
  /** Publishes that the server refused. */
  readonly refused: number;
}

/** Messages on their way, of one program: enough to keep a server busy, and no more than a client's pull has room for. */
const IN_FLIGHT_MAX = 1_500;
const DRAIN_LIMIT_MS = 10_000;
const DRAIN_POLL_MS = 20;

let nc: NatsConnection;
let inbox: string;
let running = false;
/** What is published next, over and over: the messages of one exchange of each session. */
let round: readonly (readonly [subject: string, body: Uint8Array])[] = [];
let next = 0;
let published = 0;
let acknowledged = 0;
let consumed = 0;
let refused = 0;

takeOrders({ open, start, measure, pause });

async function open({ url, stream, consumer, prefix, sessions, kinds }: OpenFloor): Promise<void> {
  nc = await connect({ servers: url });
  const bodies = kinds.map(([kind, bytes]) => [kind, new TextEncoder().encode('x'.repeat(bytes))] as const);
  round = Array.from({ length: sessions }, (_, session) =>
    bodies.map(([kind, body]) => [`${prefix}.${kind}.${session}`, body] as const),
  ).flat();
  inbox = `${createInbox()}.`;
  nc.subscribe(`${inbox}*`, {
    callback: (_error, msg) => {
      acknowledged += 1;
      if (!msg.string().includes('"seq":')) refused += 1;
      pump();
    },
  });
  const messages = await jetstream(nc).consumers.get(stream, consumer);
  await messages.consume({
    ...PULL,
    callback: (msg) => {
      msg.ack();
      consumed += 1;
      pump();
    },
  });
}

async function start(): Promise<void> {
  running = true;
  pump();
}

async function measure({ ms }: { readonly ms: number }): Promise<FloorWindow> {
  const before = { done: done(), refused };
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { ms: performance.now() - startedAt, messages: done() - before.done, refused: refused - before.refused };
}

async function pause(): Promise<void> {
  running = false;
  const until = performance.now() + DRAIN_LIMIT_MS;
  while (done() < published) {
    if (performance.now() > until) throw new Error(`${published - done()} messages neither came nor were refused`);
    await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }
}

function done(): number {
  return Math.min(acknowledged, consumed + refused);
}

function pump(): void {
  if (!running) return;
  while (published - done() < IN_FLIGHT_MAX) {
    const [subject, body] = round[next]!;
    next = (next + 1) % round.length;
    nc.publish(subject, body, { reply: `${inbox}${published}` });
    published += 1;
  }
}
