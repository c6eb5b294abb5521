/**
 * Owns one direct get that is answered by several messages. Any replica may answer: the first that does is listened to, to
 * the end, so that all that comes is what one replica has. Each message tells which was sent before it: an answer of which one
 * was lost on its way, as where a connection is made anew meanwhile, is none. So what is folded from it has no hole (I1).
 *
 * Times are cut to whole milliseconds from the server's own digits, because a double cannot hold nanoseconds.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { apiSubject } from '#contracts/subjects.ts';
import { inboxOf } from './inbox.ts';
import { headerBlock, lastLine, statusOf } from './raw-headers.ts';
import { EffectFailed, NobodyThere } from './receipt.ts';

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

/** An answer that is silent for so long is given up. */
const SILENCE_MS = 5_000;
/** Any replica may be the one that is asked, also one that hangs: while nothing has come, another is asked too. */
const TRY_MS = 500;
/** Direct get says these in place of a message; a message has a sequence, whatever else its publisher gave it. */
const NOT_FOUND = '404';
const END = '204';
const NO_RESPONDERS = '503';
const SEQUENCE = 'Nats-Sequence';
/** In a message, and at the end: the sequence of the message sent before; 0 in the first. */
const SENT_BEFORE = 'Nats-Last-Sequence';

/**
 * Asks a stream by direct get.
 *
 * @param request in the field names of the server's API; one that is answered by more than a message
 * @param take is given each message, in the order in which they come
 * @returns the headers with which the replica ended its answer; null where it has nothing of the kind
 * @throws EffectFailed where nobody answers, NobodyThere where the stream is gone
 */
export function directGet(
  nc: NatsConnection,
  stream: string,
  request: object,
  take: (message: StoredMessage) => void,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const inbox = inboxOf(nc);
    const body = JSON.stringify(request);
    let asked = 0;
    /** The reply subject of the replica that is listened to: the first to answer. */
    let answering: string | null = null;
    let before = 0;
    const done = (settle: () => void) => {
      clearTimeout(timer);
      clearInterval(asking);
      subscription.unsubscribe();
      settle();
    };
    const fail = (why: string) => done(() => reject(new EffectFailed(`reading ${body} from ${stream}: ${why}`)));
    const timer = setTimeout(() => fail('no answer'), SILENCE_MS);
    const subscription = nc.subscribe(`${inbox}.*`, {
      callback: (error, msg) => {
        if (error !== null) return fail(error.message);
        answering ??= msg.subject;
        if (msg.subject !== answering) return;
        clearInterval(asking);
        const headers = headerBlock(msg);
        const status = statusOf(headers);
        const isMessage = lastLine(headers, SEQUENCE) !== '';
        if ((isMessage || status.startsWith(END)) && Number(lastLine(headers, SENT_BEFORE)) !== before)
          return fail('messages are missing');
        if (isMessage) {
          timer.refresh();
          const message = fromDirectGet(headers, msg.data);
          before = message.seq;
          return take(message);
        }
        if (status.startsWith(END)) return done(() => resolve(headers));
        if (status.startsWith(NOT_FOUND) && before === 0) return done(() => resolve(null));
        if (status.startsWith(NO_RESPONDERS)) return done(() => reject(new NobodyThere(`${stream} is not there`)));
        fail(`status ${status}`);
      },
    });
    const ask = () => nc.publish(apiSubject('DIRECT.GET', stream), body, { reply: `${inbox}.${asked++}` });
    const asking = setInterval(ask, TRY_MS);
    ask();
  });
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

/** Milliseconds since the epoch, from an RFC 3339 time with any number of decimals. */
export function timeOf(rfc3339: string): number {
  const dot = rfc3339.indexOf('.');
  if (dot === -1) return Date.parse(rfc3339);
  const seconds = Date.parse(`${rfc3339.slice(0, dot)}Z`);
  const decimals = /^[0-9]*/.exec(rfc3339.slice(dot + 1))![0];
  return seconds + Number(decimals.slice(0, 3).padEnd(3, '0'));
}
