/**
 * Owns finding out whether a stream is still the one that somebody remembers a message of: a snapshot that one which it ends with.
 * Made anew, or with an end that was lost in a power cut and written again, a stream has another message there (I1;
 * docs/adr/0029-a-log-is-known-by-its-last-message.md).
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { covers } from '#contracts/subjects.ts';
import { directGet, type StoredMessage, timeOf } from './direct-get.ts';
import { endsOf } from './stored-message.ts';

/** A message of a stream as it is remembered. */
export interface Remembered {
  readonly seq: number;
  /** It stands on a subject that this takes. */
  readonly filter: string;
  /** Its time, in milliseconds since the epoch; undefined where that has not been noted. */
  readonly time: number | undefined;
}

/** What a stream is to whoever remembers: `unknown` where replicas answer alone that have not come so far. */
export type Recognized = 'same' | 'another' | 'unknown';

/** How often replicas are asked that lag: as long as they usually do. */
const ASKED_MOST = 8;
const PAUSE_MS = 50;

/**
 * Whether a stream has a message, or had it and begins behind it now.
 *
 * @throws EffectFailed where nobody answers
 */
export async function recognize(
  nc: NatsConnection,
  stream: string,
  { seq, filter, time }: Remembered,
): Promise<Recognized> {
  for (let asked = 1; asked <= ASKED_MOST; asked++) {
    const [first] = await firstFrom(nc, stream, seq, 1);
    if (first?.seq === seq)
      return covers(filter, first.subject) && (time ?? first.time) === first.time ? 'same' : 'another';
    const { created, firstSeq, lastSeq, copies } = await endsOf(nc, stream);
    if (time !== undefined && timeOf(created) > time) return 'another';
    if (first !== undefined || firstSeq > seq) return 'same'; // it has expired
    if (lastSeq < seq && copies === 1) return 'another';
    await pause(PAUSE_MS);
  }
  return 'unknown';
}

/** The first messages from a sequence on, as the replica that answers has them. */
export async function firstFrom(
  nc: NatsConnection,
  stream: string,
  seq: number,
  most: number,
): Promise<StoredMessage[]> {
  const found: StoredMessage[] = [];
  await directGet(nc, stream, { seq, batch: most }, (message) => found.push(message));
  return found;
}
