/**
 * Owns what the collector makes of a session's log: the fold, what it notes on the way, and what it keeps of it. Keeps I10: what
 * no fold can use is put aside whole, and the fold goes on.
 */
import type { Logger } from 'pino';
import type { RuleBook } from '#combat/rules.ts';
import { evolve, initialSession, type Session } from '#combat/session.ts';
import { restoreSession } from '#combat/session-snapshot.ts';
import { SESSIONS_BUCKET } from '#contracts/streams.ts';
import { sessionLogFilter } from '#contracts/subjects.ts';
import type { Effects } from '#jetstream/effects.ts';
import type { Folding } from '#jetstream/session-log.ts';
import type { Metrics } from '#process/metrics.ts';
import { correctBeliefs, type Desk, newDesk, noteFolded } from './desk.ts';
import { buryForeign } from './foreign.ts';
import { keptSnapshot } from './kept-snapshot.ts';

/** The collector's fold of a session, by the rule sets it knows. */
export function sessionFolding(
  rules: RuleBook,
  effects: Effects,
  metrics: Metrics,
  logger: Logger,
): Folding<Session, Desk> {
  return {
    filter: sessionLogFilter,
    bucket: SESSIONS_BUCKET,
    initial: initialSession,
    evolve(session, entry, desk, live, record) {
      const folded = evolve(session, entry, rules);
      noteFolded(desk, entry, folded);
      if (folded.refused !== null) buryForeign(effects, metrics, logger, record, folded.refused);
      if (live) correctBeliefs(desk, entry, effects.now());
    },
    position: (session) => session.seq,
    snapshot: keptSnapshot,
    restore: (sessionId, value) => restoreSession(sessionId, value, rules),
    isSettled: ({ status, fight }) => status === 'closed' && (fight === null || fight.emitted === fight.executed),
    memo: newDesk,
  };
}
