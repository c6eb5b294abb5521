/**
 * Owns who is in a session and how they stand: teams, life and death, AFK levels, the vitals people are shown.
 * Whom an actor may strike is queue.ts; what it has declared is pool.ts.
 */
import type { Vitals } from '#contracts/result.ts';
import type { ActorKind } from '#contracts/session-message.ts';
import type { OpenMove } from './pool.ts';
import { enlist, everybody, type Teams } from './teams.ts';

/** How an actor stands. Death and leaving are final. */
export type Standing = 'alive' | 'dead' | 'gone';

/** What names a bot's situation: the log message that last put a target into its queue or took one out. */
export interface Situation {
  seq: number;
  /** Log time of that message, in milliseconds since the epoch. */
  time: number;
}

/** One actor of a session. */
export interface Actor {
  readonly id: string;
  readonly team: string;
  readonly kind: ActorKind;
  readonly name: string | undefined;
  /** Log sequence of its `joined`; 0 for whoever was there when the session opened. */
  readonly enteredAt: number;
  /** The targets it was opened with, in order; null where that is every enemy. */
  readonly given: ReadonlySet<string> | null;
  standing: Standing;
  /** Log sequence of its `left`; 0 while it has not. */
  leftAt: number;
  vitals: Vitals;
  /** How often in a row it let a blow at it go unanswered. */
  afkLevel: number;
  /** What of its queue differs from the roster: see queue.ts. */
  readonly moved: Map<string, number>;
  /** How many living targets stand in its queue. */
  queued: number;
  /** Its exchange moves in the pool, by target: never two for one (I3). */
  readonly open: Map<string, OpenMove>;
  readonly situation: Situation;
}

/** Everybody a session has known. */
export interface Roster {
  readonly teams: Teams<Actor>;
  readonly byId: Map<string, Actor>;
  /** Those who came later, in the order in which they came. */
  readonly joiners: Actor[];
  living: number;
}

/** A roster of nobody. */
export function emptyRoster(): Roster {
  return { teams: [], byId: new Map(), joiners: [], living: 0 };
}

/** Adds an actor whose id the roster does not know. */
export function enter(roster: Roster, actor: Actor): void {
  enlist(roster.teams, actor.team, actor);
  roster.byId.set(actor.id, actor);
  if (actor.enteredAt > 0) roster.joiners.push(actor);
  if (actor.standing === 'alive') roster.living += 1;
}

/** The living, in roster order. */
export function* living(roster: Roster): Iterable<Actor> {
  for (const actor of everybody(roster.teams)) if (actor.standing === 'alive') yield actor;
}

/** The teams that still have somebody alive, by name. */
export function livingTeams(roster: Roster): string[] {
  return roster.teams
    .filter((team) => team.members.some((actor) => actor.standing === 'alive'))
    .map((team) => team.name);
}
