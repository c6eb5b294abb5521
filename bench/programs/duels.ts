/**
 * Owns the load of the throughput part: many duels at once, each of which waits for the result of its exchange before its
 * players strike again. Publishes are pipelined; results are heard from the log.
 *
 * A program: takes orders from bench/throughput.ts.
 */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Publisher } from '#jetstream/publisher.ts';
import { type Percentiles, percentiles } from '../distribution.ts';
import { blows, duelId, opening, type Publication } from '../duel.ts';
import { logTail } from '../log-tail.ts';
import { takeOrders } from '../orders.ts';
import { type HeardResult, hearResults } from '../result-feed.ts';

export interface OpenDuels {
  readonly url: string;
  readonly sessions: number;
}

/** What was done within a window. */
export interface DuelsWindow {
  readonly ms: number;
  /** Exchanges whose result came in the window and said `done`. */
  readonly exchanges: number;
  /** Results that said anything else. */
  readonly notDone: number;
  /** Publishes that were not acknowledged and were sent again. */
  readonly resent: number;
  /** From the publish of the first blow to the result, under this load. */
  readonly resultMs: Percentiles;
}

/** Sessions opened at once. */
const OPENINGS_IN_FLIGHT = 200;
/** A blow whose publish failed is sent again after a moment; the fold knows it by its id. */
const RESEND_AFTER_MS = 200;
/** A result that takes longer than every crash clock will not come. */
const RESULT_LIMIT_MS = 60_000;
const DRAIN_POLL_MS = 20;

interface Duel {
  readonly sessionId: string;
  exchange: number;
  startedAt: number;
  fighting: boolean;
}

let nc: NatsConnection;
let publisher: Publisher;
const duels = new Map<string, Duel>();
let running = false;
let fighting = 0;

let exchanges = 0;
let exchangesAtStart = 0;
let notDone = 0;
let resent = 0;
let resultsMs: number[] = [];

takeOrders({ open, start, measure, pause });

async function open({ url, sessions }: OpenDuels): Promise<void> {
  nc = await connect({ servers: url });
  publisher = new Publisher(nc);
  for (let from = 0; from < sessions; from += OPENINGS_IN_FLIGHT) {
    const count = Math.min(OPENINGS_IN_FLIGHT, sessions - from);
    const ids = Array.from({ length: count }, (_, offset) => duelId(from + offset));
    await Promise.all(ids.map((id) => openOne(id)));
  }
  await hearResults(nc, heard);
}

async function openOne(sessionId: string): Promise<void> {
  const { subject, body } = opening(sessionId);
  const receipt = await publisher.publish(subject, body, { expected: 0 });
  if (receipt.kind !== 'stored') throw new Error(`opening ${sessionId}: ${JSON.stringify(receipt)}`);
  duels.set(sessionId, { sessionId, exchange: 0, startedAt: 0, fighting: false });
}

/** Sets every duel going. */
async function start(): Promise<void> {
  running = true;
  exchangesAtStart = exchanges;
  for (const duel of duels.values()) if (!duel.fighting) strike(duel);
}

async function measure({ ms }: { readonly ms: number }): Promise<DuelsWindow> {
  const before = { exchanges, notDone, resent };
  resultsMs = [];
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return {
    ms: performance.now() - startedAt,
    exchanges: exchanges - before.exchanges,
    notDone: notDone - before.notDone,
    resent: resent - before.resent,
    resultMs: percentiles(resultsMs),
  };
}

/** Lets every duel finish its exchange, and no other begin. Answers how many were done since the start. */
async function pause(): Promise<number> {
  running = false;
  const until = performance.now() + RESULT_LIMIT_MS;
  while (fighting > 0) {
    if (performance.now() > until) throw new Error(await inVain());
    await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }
  return exchanges - exchangesAtStart;
}

/** What to say where results do not come. */
async function inVain(): Promise<string> {
  const waiting = [...duels.values()].find((duel) => duel.fighting);
  const tail = waiting === undefined ? '' : await logTail(nc, waiting.sessionId);
  return `no result for ${fighting} exchanges in ${RESULT_LIMIT_MS} ms; the log of one of them ends with\n${tail}`;
}

function strike(duel: Duel): void {
  duel.exchange += 1;
  duel.startedAt = performance.now();
  duel.fighting = true;
  fighting += 1;
  for (const signal of blows(duel.sessionId, duel.exchange)) void send(signal);
}

async function send({ subject, body }: Publication): Promise<void> {
  while ((await publisher.publish(subject, body)).kind !== 'stored') {
    resent += 1;
    await new Promise((resolve) => setTimeout(resolve, RESEND_AFTER_MS));
  }
}

function heard({ sessionId, statuses }: HeardResult): void {
  const duel = duels.get(sessionId);
  if (duel === undefined || !duel.fighting) return;
  for (const status of statuses) {
    if (status === 'done') exchanges += 1;
    else notDone += 1;
  }
  resultsMs.push(performance.now() - duel.startedAt);
  duel.fighting = false;
  fighting -= 1;
  if (running) strike(duel);
}
