/**
 * Owns what bots owe: which living bots have targets in their queue, in which situation, and when they are asked
 * (specification 1.C.1). A situation is named by the log, so that one is asked about once, whoever looks.
 */
import { TARGETS_PER_REQUEST_MAX } from '#contracts/limits.ts';
import type { AiTurnRequest } from '#contracts/tasks.ts';
import * as queue from './queue.ts';
import type { Actor } from './roster.ts';
import type { Fight, Session } from './session.ts';

/** A bot that leaves its queue uncovered for this long is asked again. */
const UNCOVERED_MS = 30_000;

/** A queue has changed: a bot's situation is new, and it may owe a blow or owe none. */
export function queueChanged(fight: Fight, actor: Actor, at: { seq: number; time: number }): void {
  if (actor.kind !== 'ai') return;
  actor.situation.seq = at.seq;
  actor.situation.time = at.time;
  fight.uncovered.delete(actor);
  if (actor.queued > 0 && actor.standing === 'alive') fight.uncovered.add(actor);
}

/** A `check_timeout` becomes the situation of every bot that has left its queue uncovered for too long. */
export function renewSituations(fight: Fight, at: { seq: number; time: number }): void {
  for (const bot of [...fight.uncovered]) {
    if (bot.situation.time + UNCOVERED_MS <= at.time) queueChanged(fight, bot, at);
  }
}

/** When the first bot is to be asked again, in log time; null where none owes a blow. */
export function earliestRenewal(fight: Fight): number | null {
  let earliest: number | null = null;
  for (const bot of fight.uncovered) {
    const due = bot.situation.time + UNCOVERED_MS;
    if (earliest === null || due < earliest) earliest = due;
  }
  return earliest;
}

/** One request for every bot that owes a blow and was not asked about this situation yet (specification 1.C.1). */
export function requestsOf(session: Session, fight: Fight, askedThrough: number): AiTurnRequest[] {
  const requests: AiTurnRequest[] = [];
  for (const bot of fight.uncovered) {
    if (bot.situation.seq <= askedThrough) continue;
    requests.push({
      session_id: session.id,
      bot_id: bot.id,
      missing_targets: queue.queueOf(fight.roster, bot, TARGETS_PER_REQUEST_MAX),
      request_id: `${bot.id}@${bot.situation.seq}`,
    });
  }
  return requests;
}
