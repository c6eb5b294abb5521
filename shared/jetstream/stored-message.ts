/**
 * Owns reading messages out of streams: one by subject from the stream's leader, or many in order, by direct get. Times
 * are cut to whole milliseconds from the server's own digits, because a double cannot hold nanoseconds.
 */
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { apiSubject } from '#contracts/subjects.ts';
import { inboxOf } from './inbox.ts';
import { headerBlock, lastLine, statusOf } from './raw-headers.ts';
import { EffectFailed, SERVICE_UNAVAILABLE, ServerCode } from './receipt.ts';

/** A message as a stream has it. */
export interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  /** The server's timestamp, in whole milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
  /** The value of a header; empty where it has none. */
  header(name: string): string;
}

/** Nobody serves what was asked for: the stream is gone, or has no leader just now. */
export class NobodyThere extends EffectFailed {}

const REQUEST_TIMEOUT_MS = 5_000;
/** A request that went to a leader that had just died is never answered, and the next one asks its successor. */
const REQUEST_TRY_MS = 1_000;
const REQUEST_PAUSE_MS = 100;
/** Messages asked for at once: some hundred milliseconds of folding, and far below what a server refuses. */
const BATCH_SIZE = 512;
/** A batch that is silent for so long is given up. */
const BATCH_TIMEOUT_MS = 5_000;
/** Any replica may be the one that is asked, also one that hangs: while nothing has come, another is asked too. */
const BATCH_TRY_MS = 500;
/** Direct get says these in place of a message; a message has a sequence, whatever else its publisher gave it. */
const NOT_FOUND = '404';
const END_OF_BATCH = '204';
const NO_RESPONDERS = '503';
const SEQUENCE = 'Nats-Sequence';

/** The last message on a subject (wildcards allowed), asked of the stream's leader; null where there is none. */
export async function lastMessage(nc: NatsConnection, stream: string, subject: string): Promise<StoredMessage | null> {
  const body = JSON.stringify({ last_by_subj: subject });
  const { message, error } = await ask<MsgGetResponse>(nc, apiSubject('STREAM.MSG.GET', stream), body);
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
}

/** Since when there is a stream, and between which sequences it has its messages, said by its leader. */
export async function endsOf(nc: NatsConnection, stream: string): Promise<StreamEnds> {
  const { created, state, error } = await ask<StreamInfoResponse>(nc, apiSubject('STREAM.INFO', stream), '');
  if (created !== undefined && state !== undefined) {
    return { created, firstSeq: state.first_seq, lastSeq: state.last_seq };
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

type Batch = { count: number; last: number; pending: number };

function readBatch(
  nc: NatsConnection,
  stream: string,
  subject: string,
  fromSeq: number,
  take: (message: StoredMessage) => void,
): Promise<Batch> {
  return new Promise((resolve, reject) => {
    const batch: Batch = { count: 0, last: fromSeq - 1, pending: 0 };
    const inbox = inboxOf(nc);
    let asked = 0;
    /** The reply subject of the replica that is listened to: the first to answer. */
    let answering: string | null = null;
    const done = (settle: () => void) => {
      clearTimeout(timer);
      clearInterval(asking);
      subscription.unsubscribe();
      settle();
    };
    const fail = (why: string) => done(() => reject(new EffectFailed(`reading ${subject} from ${stream}: ${why}`)));
    const timer = setTimeout(() => fail('no answer'), BATCH_TIMEOUT_MS);
    const subscription = nc.subscribe(`${inbox}.*`, {
      callback: (error, msg) => {
        if (error !== null) return fail(error.message);
        answering ??= msg.subject;
        if (msg.subject !== answering) return;
        clearInterval(asking);
        const headers = headerBlock(msg);
        if (lastLine(headers, SEQUENCE) === '') {
          const status = statusOf(headers);
          if (status.startsWith(NOT_FOUND)) return done(() => resolve(batch));
          if (status.startsWith(NO_RESPONDERS)) return done(() => reject(new NobodyThere(`${stream} is not there`)));
          if (!status.startsWith(END_OF_BATCH)) return fail(`status ${status}`);
          batch.pending = Number(lastLine(headers, 'Nats-Num-Pending'));
          return done(() => resolve(batch));
        }
        const message = fromDirectGet(headers, msg.data);
        timer.refresh();
        batch.count += 1;
        batch.last = message.seq;
        take(message);
      },
    });
    const request = JSON.stringify({ seq: Math.max(1, fromSeq), next_by_subj: subject, batch: BATCH_SIZE });
    const ask = () => nc.publish(apiSubject('DIRECT.GET', stream), request, { reply: `${inbox}.${asked++}` });
    const asking = setInterval(ask, BATCH_TRY_MS);
    ask();
  });
}

/** Milliseconds since the epoch, from an RFC 3339 time with any number of decimals. */
export function timeOf(rfc3339: string): number {
  const dot = rfc3339.indexOf('.');
  if (dot === -1) return Date.parse(rfc3339);
  const seconds = Date.parse(`${rfc3339.slice(0, dot)}Z`);
  const decimals = /^[0-9]*/.exec(rfc3339.slice(dot + 1))![0];
  return seconds + Number(decimals.slice(0, 3).padEnd(3, '0'));
}

function fromDirectGet(headers: string, data: Uint8Array): StoredMessage {
  return {
    subject: lastLine(headers, 'Nats-Subject'),
    seq: Number(lastLine(headers, SEQUENCE)),
    time: timeOf(lastLine(headers, 'Nats-Time-Stamp')),
    data,
    header: (name) => lastLine(headers, name),
  };
}

/** What a failed request means to a reconciler. */
function asEffectFailed(error: unknown, what: string): EffectFailed {
  if (isNoResponders(error)) return new NobodyThere(`${what}: nobody answers there`, { cause: error });
  return new EffectFailed(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

/** Nobody listens where a request went. */
export function isNoResponders(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError) return true;
  return error instanceof errors.RequestError && error.isNoResponders();
}

/** Asks, and asks again while there is no answer or no leader to give one: to read is to change nothing. */
async function ask<Answer extends Failed>(nc: NatsConnection, subject: string, body: string): Promise<Answer> {
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

type Failed = {
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
};

type StreamInfoResponse = Failed & {
  readonly created?: string;
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
