/**
 * Owns an actor's personal queue of targets, kept as what differs from the roster, so that a session grows with its actors
 * and open moves and not with actors squared.
 *
 * A target the actor was given and that never moved is in the queue by default. One that moved has a mark: OUT while it
 * stands in an open move or in an action not yet executed, else the log sequence at which it came back. The queue's order
 * is: what never moved, in roster order; then newcomers and returns, by the log sequence at which they came.
 */
import { type Actor, living, type Roster } from './roster.ts';
import { everybody } from './teams.ts';

/** The mark of a target that is not in the queue now: it will come back with a result. */
export const OUT = -1;

/** True where the living target stands in the actor's queue. */
export function isQueued(actor: Actor, target: Actor): boolean {
  if (target.standing !== 'alive' || target.team === actor.team) return false;
  const mark = actor.moved.get(target.id);
  return mark === undefined ? isGiven(actor, target) : mark !== OUT;
}

/** Takes a target out of the queue (it must stand there). */
export function pop(actor: Actor, target: Actor): void {
  actor.moved.set(target.id, OUT);
  actor.queued -= 1;
}

/** True where the target is out of the queue and in no open move: it stands in an action, and may come back. */
export function isReturnable(actor: Actor, target: Actor): boolean {
  return actor.moved.get(target.id) === OUT && !actor.open.has(target.id);
}

/** Puts a target that was out at the end of the queue. */
export function giveBack(roster: Roster, actor: Actor, target: Actor, seq: number): void {
  actor.moved.delete(target.id); // so that it is last among those that came back with the same message
  actor.moved.set(target.id, seq);
  actor.queued += 1;
  if (actor.moved.size !== actor.queued) return;
  if (actor.queued === 1 || isInGivenOrder(roster, actor)) actor.moved.clear();
}

/** True where every target has come back, and they stand in the order of the roster again: nothing differs from it. */
function isInGivenOrder(roster: Roster, actor: Actor): boolean {
  const marks = actor.moved.entries();
  for (const target of inGivenOrder(roster, actor)) {
    if (target.standing !== 'alive' || target.team === actor.team) continue;
    const next = marks.next();
    if (next.done || next.value[0] !== target.id || next.value[1] === OUT) return false;
  }
  return true;
}

/** The ids in the queue, in order, `most` at the most. */
export function queueOf(roster: Roster, actor: Actor, most = Number.POSITIVE_INFINITY): string[] {
  const queue: string[] = [];
  for (const target of inQueueOrder(roster, actor)) {
    if (queue.length >= most) break;
    queue.push(target.id);
  }
  return queue;
}

/** How many stand in the queue, counted; `actor.queued` is the same number, kept. */
export function countQueued(roster: Roster, actor: Actor): number {
  let count = 0;
  for (const target of living(roster)) if (isQueued(actor, target)) count += 1;
  return count;
}

function isGiven(actor: Actor, target: Actor): boolean {
  return target.enteredAt > actor.enteredAt || actor.given === null || actor.given.has(target.id);
}

function* inQueueOrder(roster: Roster, actor: Actor): Iterable<Actor> {
  for (const target of givenAtFirst(roster, actor)) {
    if (!actor.moved.has(target.id) && isQueued(actor, target)) yield target;
  }
  const newcomers = roster.joiners.filter(
    (target) => target.enteredAt > actor.enteredAt && !actor.moved.has(target.id) && isQueued(actor, target),
  );
  let next = 0;
  for (const [id, mark] of actor.moved) {
    const target = roster.byId.get(id);
    if (mark === OUT || target === undefined || !isQueued(actor, target)) continue;
    while (next < newcomers.length && newcomers[next]!.enteredAt < mark) yield newcomers[next++]!;
    yield target;
  }
  yield* newcomers.slice(next);
}

/** Everybody the actor was ever given, in the order of a queue in which nothing has moved. */
function* inGivenOrder(roster: Roster, actor: Actor): Iterable<Actor> {
  yield* givenAtFirst(roster, actor);
  for (const target of roster.joiners) if (target.enteredAt > actor.enteredAt) yield target;
}

function* givenAtFirst(roster: Roster, actor: Actor): Iterable<Actor> {
  if (actor.given === null) {
    for (const target of everybody(roster.teams)) if (target.enteredAt <= actor.enteredAt) yield target;
    return;
  }
  for (const id of actor.given) {
    const target = roster.byId.get(id);
    if (target !== undefined) yield target;
  }
}
