/**
 * Owns how commands look at streams: what a stream's leader says of it, and reading it in order up to a sequence that its
 * leader has named, whatever a lagging replica calls the end. Nothing is changed,
 * except by `remove`.
 */

import type { NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { CONSUMERS, type ConsumerName, type StreamName } from '#contracts/streams.ts';
import { apiSubject } from '#contracts/subjects.ts';
import type { StoredMessage } from '#jetstream/direct-get.ts';
import { NobodyThere, ServerCode } from '#jetstream/receipt.ts';
import { isNoResponders, readRange } from '#jetstream/stored-message.ts';
import { Trouble } from './trouble.ts';

const ANSWER_MS = 5_000;
/** A replica that has not caught up with its leader by then is not going to while somebody waits at a terminal. */
const STALE_MS = 10_000;
const STALE_PAUSE_MS = 50;

/** A stream as its leader has it. */
export interface StreamState {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly messages: number;
  /** Messages that it is said to lack of its sources; 0 where it has none. */
  readonly lag: number;
}

/**
 * Asks a stream's leader for its state.
 * @throws Trouble where there is no such stream, or no leader just now
 */
export async function stateOf(nc: NatsConnection, stream: StreamName): Promise<StreamState> {
  const { state, sources, error } = await ask<StreamInfo>(nc, apiSubject('STREAM.INFO', stream), stream);
  if (error?.err_code === ServerCode.STREAM_NOT_FOUND) {
    throw new Trouble(`this server has no stream ${stream}: has Riposte ever run on it?`);
  }
  if (state === undefined) throw new Trouble(`${stream}: ${error?.description ?? 'no answer that could be read'}`);
  const lag = (sources ?? []).reduce((sum, source) => sum + source.lag, 0);
  return { firstSeq: state.first_seq, lastSeq: state.last_seq, messages: state.messages, lag };
}

/** How far a durable consumer has come. */
export interface ConsumerState {
  /** Everything up to here has been acknowledged. */
  readonly ackFloor: number;
  /** Messages that are not acknowledged, delivered or not. */
  readonly left: number;
}

/** Asks for a durable consumer; null where there is none. */
export async function consumerOf(nc: NatsConnection, name: ConsumerName): Promise<ConsumerState | null> {
  const { stream } = CONSUMERS[name];
  const info = await ask<ConsumerInfo>(nc, apiSubject('CONSUMER.INFO', stream, name), `the consumer ${name}`);
  if (info.ack_floor === undefined) return null;
  return { ackFloor: info.ack_floor.stream_seq, left: info.num_pending + info.num_ack_pending };
}

/**
 * Reads what a stream has under a filter, in order, from one sequence to another, both included.
 * @param toSeq a sequence the leader has named; the message there need not be under the filter
 * @returns the sequence of the last message read; `fromSeq - 1` where there was none
 */
export async function readTo(
  nc: NatsConnection,
  stream: StreamName,
  filter: string,
  { fromSeq, toSeq }: { readonly fromSeq: number; readonly toSeq: number },
  take: (message: StoredMessage) => void,
): Promise<number> {
  let last = fromSeq - 1;
  const read = (message: StoredMessage): void => {
    last = message.seq;
    if (message.seq <= toSeq) take(message);
  };
  // What a replica calls the end is asked for again until it is the leader's; what was deleted meanwhile is awaited by nobody.
  let end = Math.min(toSeq, await lastUnder(nc, stream, filter));
  for (let staleSince = performance.now(); last < end; ) {
    const before = last;
    try {
      await readRange(nc, stream, filter, last + 1, read);
    } catch (error) {
      if (error instanceof NobodyThere) throw new Trouble(`this server has no stream ${stream}, or no leader of it`);
      throw new Trouble(messageOf(error));
    }
    if (last > before) {
      staleSince = performance.now();
      continue;
    }
    if (performance.now() - staleSince > STALE_MS) {
      throw new Trouble(`${stream}: read to ${last}, and nothing more came, though its leader has ${end}`);
    }
    await new Promise((resolve) => setTimeout(resolve, STALE_PAUSE_MS));
    end = Math.min(toSeq, await lastUnder(nc, stream, filter));
  }
  return Math.min(last, toSeq);
}

/** Takes one message out of a stream; one that is gone already is as good. */
export async function remove(nc: NatsConnection, stream: StreamName, seq: number): Promise<void> {
  const body = JSON.stringify({ seq, no_erase: true });
  const { success, error } = await ask<{ readonly success?: boolean }>(
    nc,
    apiSubject('STREAM.MSG.DELETE', stream),
    stream,
    body,
  );
  if (success === true || error?.err_code === ServerCode.NO_MESSAGE || error?.err_code === SEQUENCE_NOT_FOUND) return;
  throw new Trouble(`${stream}:${seq} could not be deleted: ${error?.description ?? 'no answer that could be read'}`);
}

/** There is no such sequence in the stream. */
const SEQUENCE_NOT_FOUND = 10043;

async function lastUnder(nc: NatsConnection, stream: StreamName, filter: string): Promise<number> {
  const body = JSON.stringify({ last_by_subj: filter });
  const { message } = await ask<LastMessage>(nc, apiSubject('STREAM.MSG.GET', stream), stream, body);
  return message?.seq ?? 0;
}

async function ask<Answer>(nc: NatsConnection, subject: string, what: string, body = ''): Promise<Answer & Failed> {
  try {
    return (await nc.request(subject, body, { timeout: ANSWER_MS })).json<Answer & Failed>();
  } catch (error) {
    if (isNoResponders(error)) throw new Trouble(`${what}: nobody answers; does this server run JetStream?`);
    throw new Trouble(`${what}: ${messageOf(error)}`);
  }
}

type Failed = { readonly error?: { readonly err_code?: number; readonly description?: string } };
type LastMessage = { readonly message?: { readonly seq: number } };
type StreamInfo = {
  readonly state?: { readonly first_seq: number; readonly last_seq: number; readonly messages: number };
  readonly sources?: readonly { readonly lag: number }[];
};
type ConsumerInfo = {
  readonly ack_floor?: { readonly stream_seq: number };
  readonly num_pending: number;
  readonly num_ack_pending: number;
};
