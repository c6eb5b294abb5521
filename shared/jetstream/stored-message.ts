/**
 * Owns reading messages out of streams: one by subject from the stream's leader, or many in order, by direct get.
 *
 * What a leader says is mostly the newest, and no proof of it: another replica may have applied, and handed out, what the leader
 * has not yet, and one that is cut off answers until it knows that it leads no more. What must not be missed is asked of tail.ts.
 */

import { errors, type NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { apiSubject } from '#contracts/subjects.ts';
import { directGet, type StoredMessage, timeOf } from './direct-get.ts';
import { lastLine } from './raw-headers.ts';
import { EffectFailed, NobodyThere, SERVICE_UNAVAILABLE, ServerCode } from './receipt.ts';

const REQUEST_TIMEOUT_MS = 5_000;
/** A request that went to a leader that had just died is never answered, and the next one asks its successor. */
const REQUEST_TRY_MS = 1_000;
const REQUEST_PAUSE_MS = 100;
/** Messages asked for at once: some hundred milliseconds of folding, and far below what a server refuses. */
const BATCH_SIZE = 512;

/** The last message on a subject (wildcards allowed), asked of the stream's leader; null where there is none. */
export async function lastMessage(nc: NatsConnection, stream: string, subject: string): Promise<StoredMessage | null> {
  const body = JSON.stringify({ last_by_subj: subject });
  const { message, error } = await askJson<MsgGetResponse>(nc, apiSubject('STREAM.MSG.GET', stream), body);
  if (message !== undefined) {
    return {
      subject: message.subject,
      seq: message.seq,
      time: timeOf(message.time),
      data: Buffer.from(message.data ?? '', 'base64'),
      header: headerReader(message.hdrs),
    };
  }
  if (error?.err_code === ServerCode.NO_MESSAGE) return null;
  if (error?.err_code === ServerCode.STREAM_NOT_FOUND) throw new NobodyThere(`${stream} does not exist`);
  throw new EffectFailed(`reading ${subject} from ${stream}: ${error?.description ?? 'no answer'}`);
}

/** The sequence of the last message a stream has taken, said by its leader. */
export async function lastSequence(nc: NatsConnection, stream: string): Promise<number> {
  return (await endsOf(nc, stream)).lastSeq;
}

/** A stream's life so far. */
export interface StreamEnds {
  /** When it was created, in the server's own words: another stream of its name has another time. */
  readonly created: string;
  readonly firstSeq: number;
  /** Below `firstSeq` where the stream has no messages. */
  readonly lastSeq: number;
  /** How many servers have it. */
  readonly copies: number;
}

/** Since when there is a stream, and between which sequences it has its messages, said by its leader. */
export async function endsOf(nc: NatsConnection, stream: string): Promise<StreamEnds> {
  const { created, state, config, error } = await askJson<StreamInfoResponse>(
    nc,
    apiSubject('STREAM.INFO', stream),
    '',
  );
  if (created !== undefined && state !== undefined) {
    return { created, firstSeq: state.first_seq, lastSeq: state.last_seq, copies: config!.num_replicas };
  }
  throw new EffectFailed(`reading the state of ${stream}: ${error?.description ?? 'no answer'}`);
}

/**
 * Reads what a stream has on a subject (wildcards allowed) from a sequence on, in order, as whichever replica answers has
 * it: it may lack the newest. Returns the number of messages given to `take`.
 */
export async function readRange(
  nc: NatsConnection,
  stream: string,
  subject: string,
  fromSeq: number,
  take: (message: StoredMessage) => void,
): Promise<number> {
  let next = fromSeq;
  let count = 0;
  for (;;) {
    const batch = await readBatch(nc, stream, subject, next, take);
    count += batch.count;
    next = batch.last + 1;
    if (batch.count === 0 || batch.pending === 0) return count;
  }
}

type Batch = { readonly count: number; readonly last: number; readonly pending: number };

async function readBatch(
  nc: NatsConnection,
  stream: string,
  subject: string,
  fromSeq: number,
  take: (message: StoredMessage) => void,
): Promise<Batch> {
  let [count, last] = [0, fromSeq - 1];
  const request = { seq: Math.max(1, fromSeq), next_by_subj: subject, batch: BATCH_SIZE };
  const end = await directGet(nc, stream, request, (message) => {
    count += 1;
    last = message.seq;
    take(message);
  });
  return { count, last, pending: end === null ? 0 : Number(lastLine(end, 'Nats-Num-Pending')) };
}

/** What a failed request means to a reconciler. */
function asEffectFailed(error: unknown, what: string): EffectFailed {
  if (isNoResponders(error)) return new NobodyThere(`${what}: nobody answers there`, { cause: error });
  return new EffectFailed(`${what}: ${messageOf(error)}`, { cause: error });
}

/** Nobody listens where a request went. */
export function isNoResponders(error: unknown): boolean {
  return error instanceof errors.RequestError && error.isNoResponders();
}

/**
 * Asks the API, and asks again while there is no answer or no leader to give one: to read is to change nothing.
 *
 * @throws EffectFailed where there is none in time
 */
export async function askJson<Answer extends Failed>(
  nc: NatsConnection,
  subject: string,
  body: string,
): Promise<Answer> {
  const until = performance.now() + REQUEST_TIMEOUT_MS;
  for (;;) {
    const late = performance.now() + REQUEST_TRY_MS > until;
    try {
      const answer = (await nc.request(subject, body, { timeout: REQUEST_TRY_MS })).json<Answer>();
      if (late || answer.error?.code !== SERVICE_UNAVAILABLE) return answer;
      await new Promise((resolve) => setTimeout(resolve, REQUEST_PAUSE_MS));
    } catch (error) {
      if (late || !(error instanceof errors.TimeoutError)) throw asEffectFailed(error, `asking ${subject}`);
    }
  }
}

/** An answer of the API, as far as it may be none. */
export type Failed = {
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
};

type StreamInfoResponse = Failed & {
  readonly created?: string;
  readonly config?: { readonly num_replicas: number };
  readonly state?: { readonly first_seq: number; readonly last_seq: number };
};

type MsgGetResponse = Failed & {
  readonly message?: {
    readonly subject: string;
    readonly seq: number;
    readonly data?: string;
    readonly hdrs?: string;
    readonly time: string;
  };
};

/** Headers of a message that came as JSON: the protocol's own lines, in base64. */
function headerReader(base64: string | undefined): (name: string) => string {
  if (base64 === undefined) return () => '';
  const lines = Buffer.from(base64, 'base64').toString('utf8').split('\r\n');
  return (name) => {
    const line = lines.find((candidate) => candidate.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return line === undefined ? '' : line.slice(name.length + 1).trim();
  };
}
