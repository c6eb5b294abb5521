/**
 * Owns what a wake is answered with: verdicts on its moves, a dead letter where it could not be used. For a message that
 * was folded before this process looked (a redelivery, a snapshot ahead of it) the answer is told from the state, as far
 * as the state remembers: verdicts are best effort, and the log is what counts.
 */

import type { Session } from '#combat/session.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import { moveIdOf } from '#contracts/move.ts';
import { mayBeTold } from '#contracts/rights.ts';
import { isInbox, parseLogSubject } from '#contracts/subjects.ts';
import type { Verdict } from '#contracts/verdict.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import type { Effects } from '#jetstream/effects.ts';
import { storedOr } from '#jetstream/receipt.ts';
import type { Metrics } from '#process/metrics.ts';
import type { Note } from './desk.ts';

/** Reads a wake again and tells from the state what became of it. */
export function noteFromState(session: Session, wake: Delivery): Note {
  const { kind } = parseLogSubject(wake.subject)!;
  const message = readLogMessage(kind, session.id, wake.data);
  if (message.kind === 'unreadable') return refusedNote(message.reason);
  if (message.kind === 'session')
    return tookEffect(session, message.body, wake.seq) ? NOTED : refusedNote('refused when it was folded');
  if (message.kind !== 'signal') return NOTED; // not sent to a collector
  const { signal_type: type, moves, reply_to: replyTo } = message.body;
  const verdicts = type === 'check_immediate' ? remembered(session, wake.seq, moves ?? []) : [];
  return { timeout: type === 'check_timeout', refused: null, verdicts, replyTo: replyTo ?? null };
}

/** Sends the verdicts of a note, where they may be sent. */
export function tell(effects: Effects, metrics: Metrics, note: Note): void {
  if (note.replyTo === null || !isInbox(note.replyTo) || !mayBeTold(note.replyTo)) return;
  for (const verdict of note.verdicts) {
    metrics.verdicts[verdict.accepted ? 'accepted' : verdict.code] += 1;
    effects.verdict(note.replyTo, verdict);
  }
}

/** Keeps a message whole that could not be used; resolves when its dead letter is stored. */
export async function bury(effects: Effects, metrics: Metrics, wake: Delivery, reason: string): Promise<void> {
  metrics.deadLetters += 1;
  const { subject, data } = wake;
  const letter = { subject, data, origin: `${wake.stream}:${wake.seq}`, reason };
  storedOr(await effects.deadLetter(letter), 'a dead letter');
}

const NOTED: Note = { timeout: false, refused: null, verdicts: [], replyTo: null };
const refusedNote = (refused: string): Note => ({ ...NOTED, refused });

/** The verdicts that can still be told: acceptances are remembered, reasons of refusals are not. */
function remembered(session: Session, seq: number, moves: readonly unknown[]): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const input of moves) {
    const moveId = moveIdOf(input);
    if (session.fight === null) {
      const code = session.status === 'absent' ? 'session_not_found' : 'session_closed';
      verdicts.push({ session_id: session.id, move_id: moveId, accepted: false, seq, code });
    } else if (moveId !== null && session.fight.recent.get(moveId) === seq) {
      const deadline = session.fight.pool.byMoveId.get(moveId)?.deadline ?? null;
      const accepted = { session_id: session.id, move_id: moveId, accepted: true, seq } as const;
      verdicts.push(deadline === null ? accepted : { ...accepted, deadline });
    }
  }
  return verdicts;
}

function tookEffect(session: Session, body: { type: string; actor_id?: string }, seq: number): boolean {
  const actor = session.fight?.roster.byId.get(body.actor_id ?? '');
  if (body.type === 'joined') return actor?.enteredAt === seq;
  if (body.type === 'left') return actor?.leftAt === seq;
  if (body.type === 'closed') return session.fight === null || seq > session.fight.openedAt;
  return true; // a second `opened` or `closed` changes nothing, and is no fault
}
