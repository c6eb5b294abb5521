/**
 * Owns what a collector keeps of a session in the bucket `sessions`. Of one without a fight it keeps nothing: only its messages
 * say which of them were refused and why, and every one of these is owed a dead letter (I10), by whoever its wake comes back
 * to. Such a log is short.
 */
import type { Session } from '#combat/session.ts';
import { type SessionSnapshot, snapshotSession } from '#combat/session-snapshot.ts';

/** The snapshot to keep; null for none. */
export function keptSnapshot(session: Session): SessionSnapshot | null {
  return session.fight === null ? null : snapshotSession(session);
}
