/**
 * Owns asking where a fight stands (`session.get`): what a client shows after a reconnect.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { decode, encode } from '#contracts/decode.ts';
import { objectOf } from '#contracts/json.ts';
import type { Vitals } from '#contracts/result.ts';
import { SessionGetError, SessionView } from '#contracts/session-view.ts';
import { sessionGetSubject } from '#contracts/subjects.ts';
import { isNoResponders } from '#jetstream/stored-message.ts';
import { ErrorCode, RiposteError, requestFailed } from './errors.ts';

/** Where a fight stands. For an actor it also says whom it may strike, who waits for its answer, and what it has out. */
export type SessionState = Omit<SessionView, 'teams' | 'actors'> & {
  readonly teams: Readonly<Record<string, readonly string[]>>;
  /** Vitals as the rules have them, and the actor's `kind`, `name`, and `gone` where it has left. */
  readonly actors: Readonly<Record<string, Vitals>>;
};

/** A collector folds a long log in well under a second; a busy one may take a while. */
const ANSWER_TIMEOUT_MS = 5_000;

/** Asks any collector; null where there is no such session. Rejects with RiposteError. */
export async function sessionState(
  nc: NatsConnection,
  sessionId: string,
  actorId: string | undefined,
): Promise<SessionState | null> {
  const answer = await ask(nc, sessionId, actorId);
  const refused = decode(SessionGetError, answer);
  if (refused.ok) {
    const { error } = refused.value;
    switch (error) {
      case 'session_not_found':
        return null;
      case 'actor_unknown':
      case 'invalid_request':
        throw new RiposteError(ErrorCode.REFUSED, `session ${sessionId}: ${error}`);
      case 'unavailable':
        throw new RiposteError(ErrorCode.UNAVAILABLE, `session ${sessionId}: the collector cannot say now`);
      default:
        return error satisfies never;
    }
  }
  const view = decode(SessionView, answer);
  if (!view.ok) throw new RiposteError(ErrorCode.UNAVAILABLE, `session ${sessionId}: ${view.reason}`);
  return { ...view.value, teams: objectOf(view.value.teams), actors: objectOf(view.value.actors) };
}

async function ask(nc: NatsConnection, sessionId: string, actorId: string | undefined): Promise<Uint8Array> {
  const request = encode(actorId === undefined ? {} : { actor_id: actorId });
  try {
    return (await nc.request(sessionGetSubject(sessionId), request, { timeout: ANSWER_TIMEOUT_MS })).data;
  } catch (error) {
    if (!isNoResponders(error)) throw requestFailed(`session ${sessionId}`, error);
    throw new RiposteError(ErrorCode.UNAVAILABLE, `session ${sessionId}: no collector is running`, { cause: error });
  }
}
