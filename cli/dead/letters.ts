/**
 * Owns reading DEAD: a dead letter as the services left it (shared/jetstream/effects.ts, `deadLetter`), and which letters are
 * meant by a filter.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { DEAD, ORIGIN_HEADER, REASON_HEADER } from '#contracts/streams.ts';
import { DEAD_FILTER, sessionOfSubject } from '#contracts/subjects.ts';
import type { StoredMessage } from '#jetstream/direct-get.ts';
import { readTo, stateOf } from '../streams.ts';

/** A message that could not be processed. */
export interface Letter {
  /** Its sequence in DEAD. */
  readonly seq: number;
  /** When it was kept, in milliseconds since the epoch. */
  readonly time: number;
  /** The subject it was published on. */
  readonly subject: string;
  /** The session its subject names. */
  readonly session: string;
  readonly reason: string;
  /** Where it stood: `COMBAT:4711`. */
  readonly origin: string;
  readonly data: Uint8Array;
}

/** Which letters are meant; of all that is given, each must hold. */
export interface LetterFilter {
  /** A part of the reason, in any case. */
  readonly reason?: string;
  /** The original subject; `*` stands for one token, a last `>` for the rest. */
  readonly subject?: string;
  readonly session?: string;
}

const DEAD_PREFIX = DEAD_FILTER.slice(0, -1);

/** Reads the letters that a filter means, in order. */
export async function readLetters(
  nc: NatsConnection,
  filter: LetterFilter,
  take: (letter: Letter) => void,
): Promise<void> {
  const { firstSeq, lastSeq } = await stateOf(nc, DEAD);
  await readTo(nc, DEAD, '>', { fromSeq: Math.max(1, firstSeq), toSeq: lastSeq }, (message) => {
    const letter = letterOf(message);
    if (isMeant(filter, letter)) take(letter);
  });
}

/** One letter; null where there is none at that sequence. */
export async function readLetter(nc: NatsConnection, seq: number): Promise<Letter | null> {
  const { firstSeq, lastSeq } = await stateOf(nc, DEAD);
  if (seq < firstSeq || seq > lastSeq) return null;
  let found: Letter | null = null;
  await readTo(nc, DEAD, '>', { fromSeq: seq, toSeq: seq }, (message) => {
    if (message.seq === seq) found = letterOf(message);
  });
  return found;
}

function letterOf({ seq, time, subject, data, header }: StoredMessage): Letter {
  const original = subject.slice(DEAD_PREFIX.length);
  const session = sessionOfSubject(original);
  return { seq, time, subject: original, session, reason: header(REASON_HEADER), origin: header(ORIGIN_HEADER), data };
}

function isMeant(filter: LetterFilter, { reason, subject, session }: Letter): boolean {
  if (filter.reason !== undefined && !reason.toLowerCase().includes(filter.reason.toLowerCase())) return false;
  if (filter.session !== undefined && session !== filter.session) return false;
  return filter.subject === undefined || isUnder(filter.subject, subject);
}

/** As the server matches subjects. */
function isUnder(pattern: string, subject: string): boolean {
  const [wanted, tokens] = [pattern.split('.'), subject.split('.')];
  if (wanted.at(-1) === '>') return tokens.length >= wanted.length && matches(wanted.slice(0, -1), tokens);
  return wanted.length === tokens.length && matches(wanted, tokens);
}

const matches = (wanted: readonly string[], tokens: readonly string[]): boolean =>
  wanted.every((token, at) => token === '*' || token === tokens[at]);
