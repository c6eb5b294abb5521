/**
 * Owns the load of those who have nothing to do with a flood: exchanges at a fixed, modest rate over many sessions, each
 * timed from the publish of its second blow to its result. The rate is kept whatever the results do: who waits for the slow
 * ones before the next measures them too seldom.
 *
 * A program: takes orders from bench/flood.ts.
 */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Publisher } from '#jetstream/publisher.ts';
import { blows, duelId, opening, type Publication } from '../duel.ts';
import { takeOrders } from '../orders.ts';
import { hearResults } from '../result-feed.ts';

export interface OpenSteady {
  readonly url: string;
  readonly sessions: number;
}

export interface RunSteady {
  readonly ms: number;
  readonly exchangesPerS: number;
}

/** What a window came to. */
export interface SteadyWindow {
  /** From the publish of the second blow to the result, of each exchange begun in the window. */
  readonly samplesMs: readonly number[];
  /** Exchanges that were due while every session was fighting. */
  readonly missed: number;
}

/** A result that takes longer than every crash clock will not come. */
const RESULT_LIMIT_MS = 60_000;
const DRAIN_POLL_MS = 20;
const MS_PER_S = 1_000;

let nc: NatsConnection;
let publisher: Publisher;
let exchange = 0;
const idle: string[] = [];
/** When the second blow of a session went out; sessions that await a result. */
const struckAt = new Map<string, number>();
let fighting = 0;
let samplesMs: number[] = [];
let failure: Error | null = null;

takeOrders({ open, run });

async function open({ url, sessions }: OpenSteady): Promise<void> {
  nc = await connect({ servers: url });
  publisher = new Publisher(nc);
  for (let ordinal = 0; ordinal < sessions; ordinal++) {
    await publish(opening(duelId(ordinal)));
    idle.push(duelId(ordinal));
  }
  await hearResults(nc, ({ sessionId }) => heard(sessionId));
}

async function run({ ms, exchangesPerS }: RunSteady): Promise<SteadyWindow> {
  samplesMs = [];
  let missed = 0;
  const startedAt = performance.now();
  for (let due = 0; ; due++) {
    const waitMs = startedAt + (due * MS_PER_S) / exchangesPerS - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (performance.now() - startedAt >= ms) break;
    const sessionId = idle.shift();
    if (sessionId === undefined) missed += 1;
    else void fight(sessionId);
  }
  const until = performance.now() + RESULT_LIMIT_MS;
  while (fighting > 0 && failure === null) {
    if (performance.now() > until) throw new Error(`no result for ${fighting} exchanges in ${RESULT_LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }
  if (failure !== null) throw failure;
  return { samplesMs, missed };
}

async function fight(sessionId: string): Promise<void> {
  fighting += 1;
  exchange += 1;
  const [first, second] = blows(sessionId, exchange);
  try {
    await publish(first);
    struckAt.set(sessionId, performance.now());
    await publish(second);
  } catch (error) {
    failure = error as Error;
  }
}

function heard(sessionId: string): void {
  const sentAt = struckAt.get(sessionId);
  if (sentAt === undefined) return;
  struckAt.delete(sessionId);
  samplesMs.push(performance.now() - sentAt);
  fighting -= 1;
  idle.push(sessionId);
}

async function publish({ subject, body }: Publication): Promise<void> {
  const receipt = await publisher.publish(subject, body);
  if (receipt.kind !== 'stored') throw new Error(`${subject}: ${JSON.stringify(receipt)}`);
}
