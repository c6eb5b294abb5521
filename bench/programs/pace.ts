/**
 * Owns the measuring of latency at idle: one session fights at a time, with pauses, and between its exchanges the two
 * steps that every hop of an exchange is made of are timed on the same connection: a publish until its acknowledgement,
 * and a publish until a consumer has it.
 *
 * A program: takes orders from bench/latency.ts.
 */
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { PULL } from '#jetstream/consumer.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { type Percentiles, percentiles } from '../distribution.ts';
import { blows, duelId, opening, type Publication } from '../duel.ts';
import { takeOrders } from '../orders.ts';
import { hearResults } from '../result-feed.ts';

export interface RunPace {
  readonly url: string;
  readonly sessions: number;
  readonly exchanges: number;
  /** Exchanges before those that count: code and caches get warm. */
  readonly warmUp: number;
  /** A stream's subject, and a durable consumer that takes it. */
  readonly echo: { readonly stream: string; readonly subject: string; readonly consumer: string };
}

/** Times in milliseconds. */
export interface PaceReport {
  /** From the publish of the second blow to the result. */
  readonly exchange: Percentiles;
  /** From a publish to its acknowledgement. */
  readonly publishAck: Percentiles;
  /** From a publish to the callback of a durable consumer on the same connection. */
  readonly delivery: Percentiles;
}

const PAUSE_FIRST_MS = 5;
const PAUSE_SPREAD_MS = 15;
/** At idle a result takes milliseconds; a whole crash clock of waiting is a failure. */
const RESULT_LIMIT_MS = 60_000;

takeOrders({ run });

async function run({ url, sessions, exchanges, warmUp, echo }: RunPace): Promise<PaceReport> {
  const nc = await connect({ servers: url });
  const publisher = new Publisher(nc);
  const publish = async ({ subject, body }: Publication) => {
    const receipt = await publisher.publish(subject, body);
    if (receipt.kind !== 'stored') throw new Error(`${subject}: ${JSON.stringify(receipt)}`);
  };

  let onResult = (_sessionId: string) => {};
  await hearResults(nc, ({ sessionId }) => onResult(sessionId));
  let onEcho = () => {};
  const consumer = await jetstream(nc).consumers.get(echo.stream, echo.consumer);
  await consumer.consume({
    ...PULL,
    callback: (msg) => {
      onEcho();
      msg.ack();
    },
  });
  const ids = Array.from({ length: sessions }, (_, ordinal) => duelId(ordinal));
  for (const id of ids) await publish(opening(id));

  const times = { exchange: [] as number[], publishAck: [] as number[], delivery: [] as number[] };
  const echoed = { subject: echo.subject, body: blows('echo', 0)[0].body };
  for (let exchange = 0; exchange < warmUp + exchanges; exchange++) {
    const sessionId = ids[exchange % ids.length]!;
    const [first, second] = blows(sessionId, exchange);
    await publish(first);
    await pause();
    const exchangeMs = await timed(`a result of ${sessionId}`, (arrived) => {
      onResult = (id) => {
        if (id === sessionId) arrived();
      };
      return publish(second);
    });
    await pause();
    const deliveryMs = await timed('a message of our own', (arrived) => {
      onEcho = arrived;
      return publish(echoed);
    });
    await pause();
    const sentAt = performance.now();
    await publish(echoed);
    const publishAckMs = performance.now() - sentAt;
    await pause();
    if (exchange < warmUp) continue;
    times.exchange.push(exchangeMs);
    times.delivery.push(deliveryMs);
    times.publishAck.push(publishAckMs);
  }
  return {
    exchange: percentiles(times.exchange),
    publishAck: percentiles(times.publishAck),
    delivery: percentiles(times.delivery),
  };
}

/** Milliseconds from the call of `send` until it calls back; also waits for `send` itself. */
async function timed(what: string, send: (arrived: () => void) => Promise<void>): Promise<number> {
  const arrival = Promise.withResolvers<number>();
  const late = setTimeout(() => arrival.reject(new Error(`waited in vain for ${what}`)), RESULT_LIMIT_MS);
  const sentAt = performance.now();
  const sent = send(() => arrival.resolve(performance.now() - sentAt));
  try {
    const [ms] = await Promise.all([arrival.promise, sent]);
    return ms;
  } finally {
    clearTimeout(late);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_FIRST_MS + Math.random() * PAUSE_SPREAD_MS));
}
