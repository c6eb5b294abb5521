/**
 * Owns the messages on `combat.session.*`: the life of a session. Structure is checked here; whether the rules know the
 * stats, and whether a newcomer's id is new, is for the fold, which knows the session.
 */
import * as z from 'zod';
import { ActorId, Id, readActorId } from './ids.ts';
import { listOf, PassedOn, pairsOf } from './json.ts';
import {
  ACTOR_NAME_MAX_CHARS,
  ACTORS_MAX,
  MOVE_TIMEOUTS_MAX,
  SEED_MAX_CHARS,
  TEAM_NAME_MAX_CHARS,
  WAIT_MAX_MS,
} from './limits.ts';

const DEFAULT_MAX_STEPS = 10_000;
const DEFAULT_IDLE_CLOSE_MS = 600_000;
const DEFAULT_MOVE_TIMEOUTS_MS = [60_000, 50_000, 40_000, 30_000, 20_000];

/** A rule set's name and version: a session keeps both for life. */
export const RulesRef = z.object({ name: z.string().min(1).max(64), version: z.int().positive() });
export type RulesRef = z.output<typeof RulesRef>;

/** Used by a session that names no rules. */
export const DEFAULT_RULES: RulesRef = { name: 'classic', version: 1 };

/** Who moves an actor: a game server, for a player, or the AI worker. */
export const ActorKind = z.enum(['player', 'ai']);
export type ActorKind = z.output<typeof ActorKind>;

/** An actor as the game server describes it. `stats` are the rules' to read and are passed on as they came. */
export const ActorSheet = z.object({
  kind: ActorKind,
  name: z.string().max(ACTOR_NAME_MAX_CHARS).optional(),
  stats: PassedOn,
});
export type ActorSheet = z.output<typeof ActorSheet>;

const TeamName = z.string().min(1).max(TEAM_NAME_MAX_CHARS);

/** Opens a session: who fights whom, and by which rules. */
export const SessionOpened = z
  .object({
    type: z.literal('opened'),
    session_id: Id,
    teams: pairsOf(listOf(ActorId, 'a list of actor ids'), 'an object of teams'),
    actors: pairsOf(ActorSheet, 'an object of actors'),
    targets: pairsOf(listOf(ActorId, 'a list of actor ids'), 'an object of target lists').optional(),
    rules: RulesRef.default(DEFAULT_RULES),
    seed: z.string().max(SEED_MAX_CHARS).optional(),
    max_steps: z.int().positive().default(DEFAULT_MAX_STEPS),
    idle_close_ms: z.int().positive().max(WAIT_MAX_MS).default(DEFAULT_IDLE_CLOSE_MS),
    move_timeouts_ms: z
      .array(z.int().positive().max(WAIT_MAX_MS))
      .min(1)
      .max(MOVE_TIMEOUTS_MAX)
      .default(DEFAULT_MOVE_TIMEOUTS_MS),
  })
  .superRefine((opened, context) => {
    for (const message of rosterFaults(opened.teams, opened.actors, opened.targets ?? [])) {
      context.addIssue({ code: 'custom', message });
    }
  });
export type SessionOpened = z.output<typeof SessionOpened>;

/** Lets an actor join a running fight. */
export const SessionJoined = z.object({
  type: z.literal('joined'),
  session_id: Id,
  actor_id: ActorId,
  team: TeamName,
  actor: ActorSheet,
});
export type SessionJoined = z.output<typeof SessionJoined>;

/** Takes an actor out of a fight, alive. */
export const SessionLeft = z.object({
  type: z.literal('left'),
  session_id: Id,
  actor_id: ActorId,
  reason: z.string().max(ACTOR_NAME_MAX_CHARS).optional(),
});
export type SessionLeft = z.output<typeof SessionLeft>;

/** Why sessions close. A game server's own word is kept as it came. */
export const CloseReason = z.string().min(1).max(64);

/** Ends a session. Of several the first one counts. */
export const SessionClosed = z.object({
  type: z.literal('closed'),
  session_id: Id,
  winner: TeamName.nullable().default(null),
  reason: CloseReason.default('cancelled'),
  through: z.int().nonnegative().optional(),
});
export type SessionClosed = z.output<typeof SessionClosed>;

/** Any message about the life of a session. */
export const SessionMessage = z.discriminatedUnion('type', [SessionOpened, SessionJoined, SessionLeft, SessionClosed]);
export type SessionMessage = z.output<typeof SessionMessage>;

type Pairs<Value> = readonly (readonly [string, Value])[];

/** What is wrong with who stands where. Stops at the first fault: one reason is enough to refuse. */
function* rosterFaults(teams: Pairs<string[]>, actors: Pairs<ActorSheet>, targets: Pairs<string[]>): Iterable<string> {
  if (teams.length < 2) return yield `a fight needs two teams, not ${teams.length}`;
  if (actors.length > ACTORS_MAX) return yield `${actors.length} actors, more than ${ACTORS_MAX}`;
  const teamOf = new Map<string, string>();
  for (const [team, members] of teams) {
    if (!TeamName.safeParse(team).success) return yield `a team's name has 1 to ${TEAM_NAME_MAX_CHARS} characters`;
    if (members.length === 0) return yield `team ${team} has no actors`;
    for (const id of members) {
      if (teamOf.has(id)) return yield `actor ${id} stands in two places of the teams`;
      teamOf.set(id, team);
    }
  }
  for (const [id] of actors) {
    if (readActorId(id) === null) return yield `${JSON.stringify(id)} is not an actor id`;
    if (!teamOf.has(id)) return yield `actor ${id} is in no team`;
  }
  if (actors.length !== teamOf.size) {
    const described = new Set(actors.map(([id]) => id));
    const missing = [...teamOf.keys()].find((id) => !described.has(id));
    return yield `actor ${missing} is in a team and not described in actors`;
  }
  for (const [id, list] of targets) {
    const team = teamOf.get(id);
    if (team === undefined) return yield `targets of ${JSON.stringify(id)}, who is not in the session`;
    if (new Set(list).size !== list.length) return yield `targets of ${id} name somebody twice`;
    const foul = list.find((target) => (teamOf.get(target) ?? team) === team);
    if (foul !== undefined) return yield `target ${foul} of ${id} is no enemy of theirs`;
  }
}
