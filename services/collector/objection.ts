/**
 * Owns what a deployment, and not the rules of the game, has against a session: an idle time that its log would not
 * outlive (docs/contract.md: at most half of LOG_MAX_AGE_H; I1 rests on it).
 */
import type { Session } from '#combat/session.ts';

/** The objection to sessions that may idle for longer than half the log's age. */
export function idleObjection(logMaxAgeMs: number): (session: Session) => string | null {
  const mostMs = Math.floor(logMaxAgeMs / 2);
  return ({ fight }) =>
    fight !== null && fight.idleCloseMs > mostMs
      ? `idle_close_ms ${fight.idleCloseMs} is more than ${mostMs}, half of the log's age`
      : null;
}
