/**
 * Owns finding out where a stream ends on a subject, by an answer that is no older than what is known already (I1: a fold lacks
 * nothing). Leaders do not give that: another replica may have handed out what the leader has not applied yet, and one that is cut off
 * answers until it knows that it leads no more. So any replica is asked for the last message on each subject, which it answers together with the place up
 * to which it has everything; an answer from below the known place is not taken (docs/adr/0028-no-answer-older-than-what-is-known.md).
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { covers } from '#contracts/subjects.ts';
import { directGet } from './direct-get.ts';
import { lastLine } from './raw-headers.ts';
import { EffectFailed } from './receipt.ts';
import { firstFrom } from './remembered.ts';
import { endsOf } from './stored-message.ts';

/** The end of what a stream has on a subject. */
export interface Tail {
  /** The sequence of the last message; 0 where there is none. */
  readonly last: number;
  /** There is no other up to here. */
  readonly through: number;
}

/** How often replicas are asked that lag; in between is waited, from a moment that follows hard upon a commit to what a busy server takes. */
const ASKED_MOST = 24;
const PAUSE_FIRST_MS = 1;
const PAUSE_MOST_MS = 50;
/** So many messages are looked at for one that can bear witness. */
const WITNESSES_MOST = 16;
const WILDCARD = /(^|\.)[*>](\.|$)/;

/**
 * Where a stream ends on a subject (wildcards allowed; up to 1,024 subjects), as of `atLeast` or later.
 *
 * @param atLeast a sequence that the stream is known to have taken; 0 where nothing is known
 * @throws EffectFailed where no replica that answers has come so far, or nobody answers
 */
export async function tailOf(nc: NatsConnection, stream: string, subject: string, atLeast: number): Promise<Tail> {
  let witness: string | null = null;
  for (let asked = 1; ; asked++) {
    const found = await lastOfEach(nc, stream, subject, witness);
    if (found !== null && found.through >= atLeast) return found;
    if (found === null && atLeast === 0) return { last: 0, through: 0 };
    if (found === null && witness === null) {
      // Of what a replica has nothing, it does not say how far it is: it has to show what stands at the known place as well.
      witness = await witnessFrom(nc, stream, subject, atLeast);
      if (witness !== null) continue;
      // Where even that has expired, so has all else that is known of.
      if ((await endsOf(nc, stream)).firstSeq > atLeast) return { last: 0, through: atLeast };
    }
    if (asked >= ASKED_MOST)
      throw new EffectFailed(`reading ${subject} from ${stream}: replicas lag behind ${atLeast}`);
    await pause(Math.min(PAUSE_MOST_MS, PAUSE_FIRST_MS * 2 ** asked));
  }
}

/** The last message, and how far the replica has come that says so; null where it has nothing on the subject, nor on the witness. */
async function lastOfEach(
  nc: NatsConnection,
  stream: string,
  subject: string,
  witness: string | null,
): Promise<Tail | null> {
  let last = 0;
  const subjects = witness === null ? [subject] : [subject, witness];
  const end = await directGet(nc, stream, { multi_last: subjects }, (message) => {
    if (message.seq > last && covers(subject, message.subject)) last = message.seq;
  });
  return end === null ? null : { last, through: Number(lastLine(end, 'Nats-UpTo-Sequence')) };
}

/**
 * A subject on which something stands at a sequence or soon after it, and no other than what `subject` takes; null where the
 * replica that answers shows none. One that reads as a filter would ask for whatever else it takes.
 */
async function witnessFrom(nc: NatsConnection, stream: string, subject: string, seq: number): Promise<string | null> {
  const subjects = (await firstFrom(nc, stream, seq, WITNESSES_MOST)).map((message) => message.subject);
  return subjects.find((each) => !WILDCARD.test(each) && !covers(subject, each)) ?? null;
}
