/**
 * Owns the answers to `session.get.*`: what a client shows after a reconnect. Any replica answers, from a fold that is
 * brought first to where the leader says that the session's log ends: whoever has just published reads its own move, but for the moments in
 * which a new leader of a cluster has not caught up with what was stored under the last one.
 */
import type { Msg } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { isLeftToOthers } from '#combat/session.ts';
import { viewOf } from '#combat/view.ts';
import { decode, encode } from '#contracts/decode.ts';
import { readId } from '#contracts/ids.ts';
import { SessionGet } from '#contracts/session-view.ts';
import { sessionLogFilter, sessionOfSubject } from '#contracts/subjects.ts';
import type { Tools } from './pass.ts';

/** Requests answered at once; more are told so. */
const REQUESTS_MAX = 1_024;

/** Answers requests for views of sessions. */
export class SessionGetter {
  readonly #tools: Tools;
  readonly #logger: Logger;
  #open = 0;

  constructor(tools: Tools, logger: Logger) {
    this.#tools = tools;
    this.#logger = logger;
  }

  /** Answers one request. Never rejects. */
  async answer(request: Msg): Promise<void> {
    if (this.#open >= REQUESTS_MAX) {
      request.respond(encode({ error: 'unavailable' }));
      return;
    }
    this.#open += 1;
    try {
      request.respond(encode(await this.#view(request)));
    } catch (error) {
      this.#logger.warn({ err: error, subject: request.subject }, 'session.get failed');
      request.respond(encode({ error: 'unavailable' }));
    } finally {
      this.#open -= 1;
    }
  }

  async #view(request: Msg): Promise<object> {
    const sessionId = sessionOfSubject(request.subject);
    if (readId(sessionId) === null) return { error: 'session_not_found' };
    const asked = request.data.length === 0 ? null : decode(SessionGet, request.data);
    if (asked !== null && !asked.ok) return { error: 'invalid_request', reason: asked.reason };
    const { log, effects } = this.#tools;
    const session = log.session(sessionId);
    return log.use(session, async () => {
      await log.foldTo(session, await effects.lastInLog(sessionLogFilter(sessionId)));
      if (isLeftToOthers(session.state)) return { error: 'unavailable' }; // another replica can tell
      return viewOf(session.state, asked?.value.actor_id ?? null);
    });
  }
}
