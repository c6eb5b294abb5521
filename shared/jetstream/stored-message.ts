/**
 * Owns reading messages out of streams: one by subject from the stream's leader, or many in order, by direct get. Times
 * are cut to whole milliseconds from the server's own digits, because a double cannot hold nanoseconds.
 */
import { createInbox, errors, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { EffectFailed, ServerCode } from './receipt.ts';

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
/** Messages asked for at once: some hundred milliseconds of folding, and far below what a server refuses. */
const BATCH_SIZE = 512;
/** A batch that is silent for so long is given up. */
const BATCH_TIMEOUT_MS = 5_000;
const NOT_FOUND = 404;
const END_OF_BATCH = 204;

/** The last message on a subject (wildcards allowed), asked of the stream's leader; null where there is none. */
export async function lastMessage(nc: NatsConnection, stream: string, subject: string): Promise<StoredMessage | null> {
  const body = JSON.stringify({ last_by_subj: subject });
  const answer = await ask(nc, `$JS.API.STREAM.MSG.GET.${stream}`, body);
  const { message, error } = answer.json<MsgGetResponse>();
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
  const answer = await ask(nc, `$JS.API.STREAM.INFO.${stream}`, '');
  const { state, error } = answer.json<{ state?: { last_seq: number }; error?: { description?: string } }>();
  if (state !== undefined) return state.last_seq;
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
    const inbox = createInbox();
    const done = (settle: () => void) => {
      clearTimeout(timer);
      subscription.unsubscribe();
      settle();
    };
    const fail = (why: string) => done(() => reject(new EffectFailed(`reading ${subject} from ${stream}: ${why}`)));
    const timer = setTimeout(() => fail('no answer'), BATCH_TIMEOUT_MS);
    const subscription = nc.subscribe(inbox, {
      callback: (error, msg) => {
        if (error !== null) return fail(error.message);
        const code = msg.headers?.code ?? 0;
        if (code === NOT_FOUND) return done(() => resolve(batch));
        if (code === END_OF_BATCH) {
          batch.pending = Number(msg.headers?.get('Nats-Num-Pending') ?? 0);
          return done(() => resolve(batch));
        }
        if (code > 0) return fail(`status ${code} ${msg.headers?.description}`);
        const message = fromDirectGet(msg);
        timer.refresh();
        batch.count += 1;
        batch.last = message.seq;
        take(message);
      },
    });
    const request = JSON.stringify({ seq: Math.max(1, fromSeq), next_by_subj: subject, batch: BATCH_SIZE });
    nc.publish(`$JS.API.DIRECT.GET.${stream}`, request, { reply: inbox });
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

function fromDirectGet(msg: Msg): StoredMessage {
  const get = (name: string): string => msg.headers?.get(name) ?? '';
  return {
    subject: get('Nats-Subject'),
    seq: Number(get('Nats-Sequence')),
    time: timeOf(get('Nats-Time-Stamp')),
    data: msg.data,
    header: get,
  };
}

/** What a failed request means to a reconciler. */
export function asEffectFailed(error: unknown, what: string): EffectFailed {
  if (isNoResponders(error)) return new NobodyThere(`${what}: nobody answers there`);
  return new EffectFailed(`${what}: ${error instanceof Error ? error.message : String(error)}`);
}

function isNoResponders(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError) return true;
  return error instanceof errors.RequestError && error.isNoResponders();
}

async function ask(nc: NatsConnection, subject: string, body: string): Promise<Msg> {
  try {
    return await nc.request(subject, body, { timeout: REQUEST_TIMEOUT_MS });
  } catch (error) {
    throw asEffectFailed(error, `asking ${subject}`);
  }
}

type MsgGetResponse = {
  readonly message?: {
    readonly subject: string;
    readonly seq: number;
    readonly data?: string;
    readonly hdrs?: string;
    readonly time: string;
  };
  readonly error?: { readonly err_code?: number; readonly description?: string };
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
