/**
 * Owns registration: whether a declared move is accepted into the pool (specification 3, "Spam Protection"). The log is
 * totally ordered, so folding a move pops its target, and a second move on that target is refused: I3.
 */
import { type DeclaredMove, moveIdOf, readDeclaredMove } from '#contracts/move.ts';
import type { RefusalCode, Verdict } from '#contracts/verdict.ts';
import { queueChanged } from './bots.ts';
import * as pool from './pool.ts';
import * as queue from './queue.ts';
import type { Actor } from './roster.ts';
import type { Fight, Session } from './session.ts';

/** The last accepted ids a move is compared with: this many, or RECENT_PER_ACTOR for each actor if that is more. */
const RECENT_MIN = 1024;
const RECENT_PER_ACTOR = 4;

/** Registration: accepts one move into the pool, or refuses it with the first code that applies. */
export function register(session: Session, input: unknown): Verdict {
  const declared = readDeclaredMove(input);
  const code = codeAgainst(session, declared);
  if (code !== null) {
    const moveId = declared?.move.move_id ?? moveIdOf(input);
    return { session_id: session.id, move_id: moveId, accepted: false, seq: session.seq, code };
  }
  const deadline = accept(session, session.fight!, declared!);
  const accepted = {
    session_id: session.id,
    move_id: declared!.move.move_id,
    accepted: true,
    seq: session.seq,
  } as const;
  return deadline === null ? accepted : { ...accepted, deadline };
}

function codeAgainst(session: Session, declared: DeclaredMove | null): RefusalCode | null {
  if (session.status === 'absent') return 'session_not_found';
  if (session.status !== 'open' || session.fight === null) return 'session_closed';
  if (declared === null) return 'invalid_move';
  const { roster, recent, pool: moves } = session.fight;
  const { move, target } = declared;
  if (recent.has(move.move_id) || moves.byMoveId.has(move.move_id)) return 'duplicate_move';
  const actor = roster.byId.get(move.char_id);
  if (actor === undefined || actor.standing === 'gone') return 'actor_unknown';
  if (actor.standing === 'dead') return 'actor_dead';
  if (target.kind !== 'actor') return null;
  const enemy = roster.byId.get(target.id);
  if (enemy === undefined || enemy.standing === 'gone') return 'target_unknown';
  if (enemy.standing === 'dead') return 'target_dead';
  if (move.strategy === 'exchange' && !queue.isQueued(actor, enemy)) return 'target_not_in_queue';
  return null;
}

/** Puts an admissible move into the pool; an exchange pops its target. Returns the deadline of an exchange. */
function accept(session: Session, fight: Fight, { move, target, bytes }: DeclaredMove): number | null {
  const source = fight.roster.byId.get(move.char_id)!;
  const enemy = move.strategy === 'exchange' && target.kind === 'actor' ? fight.roster.byId.get(target.id)! : null;
  const deadline = enemy === null ? null : session.time + timeoutFor(fight, enemy);
  fight.pool.accepted += 1;
  pool.add(
    fight.pool,
    {
      ordinal: fight.pool.accepted,
      seq: session.seq,
      move,
      target,
      bytes,
      source,
      deadline,
      marked: false,
      partner: null,
    },
    enemy,
  );
  source.afkLevel = 0;
  remember(fight, move.move_id, session.seq);
  if (enemy !== null) {
    queue.pop(source, enemy);
    queueChanged(fight, source, session);
  }
  return deadline;
}

function timeoutFor(fight: Fight, target: Actor): number {
  return fight.moveTimeoutsMs[Math.min(target.afkLevel, fight.moveTimeoutsMs.length - 1)]!;
}

function remember(fight: Fight, moveId: string, seq: number): void {
  fight.recent.set(moveId, seq);
  const most = Math.max(RECENT_MIN, RECENT_PER_ACTOR * fight.roster.byId.size);
  for (const oldest of fight.recent.keys()) {
    if (fight.recent.size <= most) break;
    fight.recent.delete(oldest);
  }
}
