/**
 * Owns what `session.get` shows of a session: to anybody, how everybody stands; to an actor, its own queue and blows and
 * who has struck at it. Never another actor's zones or pending payloads.
 */
import { objectOf } from '#contracts/json.ts';
import { queueOf } from './queue.ts';
import type { Actor, Roster } from './roster.ts';
import type { Session } from './session.ts';
import { everybody } from './teams.ts';

/** The answer to `session.get`, as it goes over the wire; or the code of its refusal. */
export function viewOf(session: Session, actorId: string | null): object {
  if (session.status === 'absent' || session.status === 'refused') return { error: 'session_not_found' };
  const roster = session.fight?.roster ?? null;
  const actor = actorId === null ? undefined : roster?.byId.get(actorId);
  if (actorId !== null && actor === undefined) return { error: 'actor_unknown' };
  return {
    status: session.status,
    winner: session.winner,
    ...(session.closeReason === null ? {} : { reason: session.closeReason }),
    step: session.fight?.step ?? 0,
    seq: session.seq,
    teams: objectOf((roster?.teams ?? []).map((team) => [team.name, team.members.map((member) => member.id)])),
    actors: objectOf(roster === null ? [] : [...everybody(roster.teams)].map((member) => [member.id, shown(member)])),
    ...(actor === undefined || roster === null ? {} : personal(session, roster, actor)),
  };
}

function shown(actor: Actor): object {
  return {
    kind: actor.kind,
    ...(actor.name === undefined ? {} : { name: actor.name }),
    ...(actor.standing === 'gone' ? { gone: true } : {}),
    ...actor.vitals,
  };
}

function personal(session: Session, roster: Roster, actor: Actor): object {
  const incoming: { from: string; deadline: number }[] = [];
  for (const other of everybody(roster.teams)) {
    const blow = other.open.get(actor.id);
    if (blow !== undefined) incoming.push({ from: other.id, deadline: blow.deadline! });
  }
  return {
    queue: session.status === 'open' && actor.standing === 'alive' ? queueOf(roster, actor) : [],
    incoming,
    open: [...actor.open].map(([targetId, { move, deadline }]) => ({
      move_id: move.move_id,
      target_id: targetId,
      deadline,
    })),
  };
}
