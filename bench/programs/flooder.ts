/**
 * Owns a client that floods one session: at a rate, or the next signal as soon as one is acknowledged, so many at a time; moves
 * that may be due or not, the same again, and bare nudges by turns.
 *
 * A program: takes orders from bench/flood.ts.
 */
import { connect } from '@nats-io/transport-node';
import { encode } from '#contracts/decode.ts';
import { logSubject } from '#contracts/subjects.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { blows, duelId, opening, type Publication } from '../duel.ts';
import { takeOrders } from '../orders.ts';

export interface OpenFlooder {
  readonly url: string;
  /** The session it floods. */
  readonly ordinal: number;
}

/** A way to flood. */
export interface Flood {
  /** Signals unacknowledged at a time, at the most. */
  readonly inFlight: number;
  /** Null for as fast as they are acknowledged. */
  readonly signalsPerS: number | null;
}

const MS_PER_S = 1_000;

let publisher: Publisher;
let sessionId: string;
let pouring = false;
let poured = 0;
let taps: Promise<void>[] = [];

takeOrders({ open, start, stop });

async function open({ url, ordinal }: OpenFlooder): Promise<void> {
  publisher = new Publisher(await connect({ servers: url }));
  sessionId = duelId(ordinal);
  await publish(opening(sessionId));
}

async function start({ inFlight, signalsPerS }: Flood): Promise<void> {
  pouring = true;
  poured = 0;
  const startedAt = performance.now();
  const due = (ordinal: number) => (signalsPerS === null ? 0 : startedAt + (ordinal * MS_PER_S) / signalsPerS);
  taps = Array.from({ length: inFlight }, () => tap(due));
}

/** Resolves to how many signals were acknowledged since the start. */
async function stop(): Promise<number> {
  pouring = false;
  await Promise.all(taps);
  return poured;
}

async function tap(due: (ordinal: number) => number): Promise<void> {
  while (pouring) {
    poured += 1;
    const ordinal = poured;
    const waitMs = due(ordinal) - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    await publish(signal(ordinal));
  }
}

function signal(ordinal: number): Publication {
  const [first, second] = blows(sessionId, ordinal >> 2);
  switch (ordinal % 4) {
    case 0:
      return first;
    case 1:
      return second;
    case 2:
      return first;
    default:
      return {
        subject: logSubject('signal', sessionId),
        body: encode({ session_id: sessionId, signal_type: 'check_immediate' }),
      };
  }
}

async function publish({ subject, body }: Publication): Promise<void> {
  const receipt = await publisher.publish(subject, body);
  if (receipt.kind !== 'stored') throw new Error(`${subject}: ${JSON.stringify(receipt)}`);
}
