/**
 * Owns finding out what a stream has at one place, of which something is remembered: a snapshot the message it ends with, a
 * follower the last that it was given. So it is told whether the stream is still the one it was: made anew, or with an end that was
 * lost in a power cut and written again, it has another message there (I1; docs/adr/0029-a-log-is-known-by-its-last-message.md).
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { directGet, type StoredMessage, timeOf } from './direct-get.ts';
import { EffectFailed } from './receipt.ts';
import { endsOf } from './stored-message.ts';

/** What a stream has at a place. */
export type Standing =
  | { readonly kind: 'message'; readonly subject: string; readonly time: number }
  /** It has expired: the stream begins behind it. `created`: since when there is the stream, in milliseconds since the epoch. */
  | { readonly kind: 'expired'; readonly created: number }
  /** The stream has not come so far, and this is sure: there is but one copy of it. */
  | { readonly kind: 'beyond' };

/** How often replicas are asked that lag. */
const ASKED_MOST = 20;
const PAUSE_MS = 50;

/**
 * What a stream has at a sequence.
 *
 * @throws EffectFailed where no replica that answers has come so far, or nobody answers
 */
export async function standingAt(nc: NatsConnection, stream: string, seq: number): Promise<Standing> {
  for (let asked = 1; ; asked++) {
    const [first] = await firstFrom(nc, stream, seq, 1);
    if (first?.seq === seq) return { kind: 'message', subject: first.subject, time: first.time };
    const { created, firstSeq, lastSeq, copies } = await endsOf(nc, stream);
    if (first !== undefined || firstSeq > seq) return { kind: 'expired', created: timeOf(created) };
    if (lastSeq < seq && copies === 1) return { kind: 'beyond' };
    if (asked >= ASKED_MOST) throw new EffectFailed(`reading ${seq} of ${stream}: replicas lag behind it`);
    await pause(PAUSE_MS);
  }
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
