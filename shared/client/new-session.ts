/**
 * Owns opening a session: its message, its random seed, and telling whether it was this call that opened it.
 */

import { randomBytes } from 'node:crypto';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { SEED_MAX_CHARS } from '#contracts/limits.ts';
import { type ActorSheet, type RulesRef, SessionOpened } from '#contracts/session-message.ts';
import { logSubject } from '#contracts/subjects.ts';
import { checkedBytes, checkedSessionId } from './checked.ts';
import { ErrorCode, RiposteError } from './errors.ts';
import { firstMessage } from './first-message.ts';
import type { Sender } from './sender.ts';

/** A session as the game server describes it; what is optional has the defaults of docs/contract.md. */
export interface NewSession {
  readonly session_id: string;
  /** Actor ids by team: two teams at least. */
  readonly teams: Readonly<Record<string, readonly string[]>>;
  /** Everybody in the teams. `stats` are for the rules to read. */
  readonly actors: Readonly<Record<string, ActorSheet>>;
  /** Whom an actor may strike first, in this order; default: all of the other teams. */
  readonly targets?: Readonly<Record<string, readonly string[]>>;
  readonly rules?: RulesRef;
  /** Default: random, so that nobody can foretell a roll. */
  readonly seed?: string;
  readonly max_steps?: number;
  /** Milliseconds. */
  readonly idle_close_ms?: number;
  /** Milliseconds, by AFK level; the last one repeats. */
  readonly move_timeouts_ms?: readonly number[];
}

/** What `open` came to. */
export type OpenOutcome =
  | { readonly outcome: 'opened'; readonly session_id: string; readonly seq: number; readonly seed: string }
  /** Somebody has opened a session of this id before, or tried to. It is as it was. */
  | { readonly outcome: 'exists'; readonly session_id: string };

/** 128 bits. */
const SEED_BYTES = 16;

/** Opens a session. Rejects with RiposteError. */
export async function openSession(nc: NatsConnection, sender: Sender, session: NewSession): Promise<OpenOutcome> {
  const sessionId = checkedSessionId(session.session_id);
  const { seed = randomBytes(SEED_BYTES).toString('base64url') } = session;
  if (seed.length > SEED_MAX_CHARS) {
    throw new RiposteError(ErrorCode.INVALID_INPUT, `a seed of more than ${SEED_MAX_CHARS} characters`);
  }
  const body = checkedBytes(SessionOpened, { type: 'opened', ...session, seed });
  const subject = logSubject('session', sessionId);
  const msgId = nuid.next();
  const sent = await sender.slots.run(() => sender.attempt(subject, body, msgId, { expected: 0 }));
  if (sent.kind === 'stored') return { outcome: 'opened', session_id: sessionId, seq: sent.seq, seed };
  const seq = sent.repeated ? await seqOfOurs(nc, subject, msgId) : null;
  return seq === null
    ? { outcome: 'exists', session_id: sessionId }
    : { outcome: 'opened', session_id: sessionId, seq, seed };
}

/** The sequence at which an earlier attempt of ours opened the session; null where it was somebody else's. */
async function seqOfOurs(nc: NatsConnection, subject: string, msgId: string): Promise<number | null> {
  let first: { readonly seq: number; readonly msgId: string } | null;
  try {
    first = await firstMessage(nc, subject);
  } catch (error) {
    throw new RiposteError(ErrorCode.UNKNOWN_OUTCOME, messageOf(error), { cause: error });
  }
  return firstIsOurs(first, msgId);
}

function firstIsOurs(first: { readonly seq: number; readonly msgId: string } | null, msgId: string): number | null {
  if (first === null) {
    throw new RiposteError(ErrorCode.UNKNOWN_OUTCOME, 'the session was opened, and no replica shows yet by whom');
  }
  return first.msgId === msgId ? first.seq : null;
}
