/**
 * Owns re-sending a dead letter: its message goes out whole on its original subject, and the letter is deleted when the server
 * has acknowledged that, and not before.
 *
 * Between the two a process may die, and the letter is then re-sent a second time. Two things keep that from doubling it:
 *
 * 1. The Msg-Id is the letter's own place and origin, `DEAD:7:COMBAT:4711`: the same however often and by whomever it is
 *    re-sent, and never that of the original, by which the server would take the re-sent message for the refused one.
 * 2. Beyond the server's duplicate window the message is looked for: it names its origin in a header. In the log it
 *    is found for as long as the log lives; a task or a timer that was taken is gone, and a second one changes nothing.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { COMBAT, DEAD, ORIGIN_HEADER } from '#contracts/streams.ts';
import type { Publisher } from '#jetstream/publisher.ts';
import type { Receipt } from '#jetstream/receipt.ts';
import { readTo, remove, stateOf } from '../streams.ts';
import { Trouble } from '../trouble.ts';
import type { Letter } from './letters.ts';
import { type Resending, resendingOf } from './resending.ts';

/** What became of a letter. */
export type Retried =
  /** Its message stands in its stream at `seq`, and the letter is gone. `before`: it had been sent already. */
  | { readonly kind: 'resent'; readonly stream: string; readonly seq: number; readonly before: boolean }
  /** The letter stays. */
  | { readonly kind: 'kept'; readonly why: string };

/** A publish without a known outcome is tried again under the same Msg-Id. */
const TRIES = 5;

/** Re-sends one letter. */
export async function retry(nc: NatsConnection, publisher: Publisher, letter: Letter): Promise<Retried> {
  const how = resendingOf(letter);
  if (typeof how === 'string') return { kind: 'kept', why: how };
  const standing = await sentBefore(nc, letter, how);
  if (standing !== null) return settle(nc, letter, how, standing, true);
  const receipt = await publish(publisher, letter, how);
  switch (receipt.kind) {
    case 'stored':
      return settle(nc, letter, how, receipt.seq, receipt.duplicate);
    case 'conflict': {
      // Of two who re-send it at once, one is told that a message stands there: the other's.
      const meanwhile = await sentBefore(nc, letter, how);
      if (meanwhile !== null) return settle(nc, letter, how, meanwhile, true);
      return { kind: 'kept', why: how.conflict! };
    }
    case 'refused':
      return { kind: 'kept', why: `the server refuses it: ${receipt.reason}` };
    case 'unknown':
      throw new Trouble(`DEAD:${letter.seq}: whether it was stored is not known (${receipt.reason}); try it again`);
    default:
      return receipt satisfies never;
  }
}

/** The name under which a letter is re-sent: the same however often. */
export function msgIdOf({ seq, origin }: Letter): string {
  return `${DEAD}:${seq}:${origin}`;
}

async function publish(publisher: Publisher, letter: Letter, { expected }: Resending): Promise<Receipt> {
  const options = {
    msgId: msgIdOf(letter),
    headers: [[ORIGIN_HEADER, letter.origin]] as const,
    ...(expected === undefined ? {} : { expected }),
  };
  let receipt = await publisher.publish(letter.subject, letter.data, options);
  for (let tries = 1; receipt.kind === 'unknown' && tries < TRIES; tries++) {
    receipt = await publisher.publish(letter.subject, letter.data, options);
  }
  return receipt;
}

/** The sequence at which the letter's message has been re-sent already; null where it is not found. */
async function sentBefore(nc: NatsConnection, letter: Letter, { stream }: Resending): Promise<number | null> {
  const [from, origin] = letter.origin.split(':');
  const { firstSeq, lastSeq } = await stateOf(nc, stream);
  const after = from === COMBAT && stream === COMBAT ? Number(origin) + 1 : 1;
  const range = { fromSeq: Math.max(after, firstSeq, 1), toSeq: lastSeq };
  const msgId = msgIdOf(letter);
  let found: number | null = null;
  await readTo(nc, stream, letter.subject, range, ({ seq, header }) => {
    if (header(MSG_ID_HEADER) === msgId) found = seq;
  });
  return found;
}

async function settle(
  nc: NatsConnection,
  letter: Letter,
  { stream }: Resending,
  seq: number,
  before: boolean,
): Promise<Retried> {
  await remove(nc, DEAD, letter.seq);
  return { kind: 'resent', stream, seq, before };
}

const MSG_ID_HEADER = 'Nats-Msg-Id';
