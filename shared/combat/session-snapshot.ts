/**
 * Owns the light snapshot: a session as the bucket `sessions` keeps it (specification 1.B: meta, moves, targets). Folding
 * on from a snapshot equals folding from the start. Ordered collections are arrays. A value that cannot be read is no
 * snapshot, and the log is folded instead (I1).
 */
import * as z from 'zod';
import { check, type Decoded, refusal } from '#contracts/decode.ts';
import { ActorId, Id } from '#contracts/ids.ts';
import { WAIT_MAX_MS } from '#contracts/limits.ts';
import { CombatMove, type MoveTarget, readTarget } from '#contracts/move.ts';
import { Vitals } from '#contracts/result.ts';
import { ActorKind, RulesRef } from '#contracts/session-message.ts';
import * as pool from './pool.ts';
import * as queue from './queue.ts';
import { type Actor, emptyRoster, enter, type Roster } from './roster.ts';
import { type AnyRuleSet, deepFreeze, type RuleBook } from './rules.ts';
import { type Fight, initialSession, type Session } from './session.ts';
import { everybody } from './teams.ts';

const VERSION = 1;

/** The end of the year 9999: what is added to a time of a log is still a time, and can be written as one. */
const LOG_TIME_MAX_MS = 253_402_300_799_999;
const Time = z.int().nonnegative().max(LOG_TIME_MAX_MS);
const Wait = z.int().positive().max(WAIT_MAX_MS);
const Count = z.int().nonnegative();

const Meta = z.object({
  opened_seq: Count,
  rules: RulesRef,
  seed: z.string(),
  max_steps: Count,
  idle_close_ms: Wait,
  move_timeouts_ms: z.array(Wait).min(1),
  /** In roster order. */
  teams: z.array(z.object({ name: z.string(), members: z.array(ActorId) })),
  actors: z.array(
    z.object({
      id: ActorId,
      kind: ActorKind,
      name: z.string().optional(),
      entered_seq: z.int(),
      left_seq: z.int(),
      standing: z.enum(['alive', 'dead', 'gone']),
      afk_level: Count,
      vitals: Vitals,
      given: z.array(ActorId).nullable(),
      /** Log sequence and time of a bot's situation. */
      situation: z.tuple([z.int(), Time]),
    }),
  ),
  emitted: Count,
  executed: Count,
  step: Count,
  failed_in_row: Count,
  active_at: Time,
  /** Bots that owe a blow, in the order in which they are asked. */
  uncovered: z.array(ActorId),
  accepted: Count,
  /** Recently accepted move ids with the log sequence of their signals, oldest first. */
  recent: z.array(z.tuple([Id, z.int()])),
});

const Move = z.object({
  ordinal: z.int(),
  seq: z.int(),
  deadline: Time.nullable(),
  marked: z.boolean(),
  bytes: z.int(),
  move: CombatMove,
});

const SessionSnapshot = z.object({
  v: z.literal(VERSION),
  session_id: Id,
  seq: Count,
  time: Time,
  last: z.object({ session: z.int(), action: z.int(), result: z.int() }),
  status: z.enum(['open', 'closed']),
  winner: z.string().nullable(),
  reason: z.string().nullable(),
  meta: Meta.nullable(),
  /** The pool, in order of acceptance. */
  moves: z.array(Move),
  /** What of the queues differs from the roster, by actor: [target, log sequence of its return or -1 while it is out]. */
  targets: z.array(z.tuple([ActorId, z.array(z.tuple([ActorId, z.int()]))])),
});
/** A session's snapshot as it stands in the bucket. */
export type SessionSnapshot = z.output<typeof SessionSnapshot>;

/** Takes a snapshot; null for a session of which there is nothing to keep. */
export function snapshotSession(session: Session): SessionSnapshot | null {
  const { status, fight } = session;
  if ((status !== 'open' && status !== 'closed') || session.rulesUnknown) return null;
  return {
    v: VERSION,
    session_id: session.id,
    seq: session.seq,
    time: session.time,
    last: { ...session.last },
    status,
    winner: session.winner,
    reason: session.closeReason,
    meta: fight === null ? null : metaOf(fight),
    moves: fight === null ? [] : [...fight.pool.byOrdinal.values()].map(moveOf),
    targets: fight === null ? [] : targetsOf(fight.roster),
  };
}

/** Reads a snapshot back. Refuses a value that is none, or of another version. */
export function restoreSession(sessionId: string, value: unknown, rules: RuleBook): Decoded<Session> {
  const read = check(SessionSnapshot, value);
  if (!read.ok) return read;
  const snapshot = read.value;
  if (snapshot.session_id !== sessionId) return refusal(`a snapshot of ${snapshot.session_id}`);
  const session = initialSession(sessionId);
  session.seq = snapshot.seq;
  session.time = snapshot.time;
  Object.assign(session.last, snapshot.last);
  session.status = snapshot.status;
  session.winner = snapshot.winner;
  session.closeReason = snapshot.reason;
  if (snapshot.meta === null) return { ok: true, value: session };
  const ruleSet: AnyRuleSet | undefined = rules.find(snapshot.meta.rules);
  if (ruleSet === undefined) {
    session.rulesUnknown = true;
    session.refusal = `unknown rules ${snapshot.meta.rules.name}, version ${snapshot.meta.rules.version}`;
  }
  const roster = rosterFrom(snapshot.meta);
  if (roster === null) return refusal('the roster contradicts itself');
  if (snapshot.meta.executed > snapshot.meta.emitted) return refusal('more results than actions');
  session.fight = fightFrom(snapshot.meta, roster);
  for (const [id, moved] of snapshot.targets) {
    const actor = roster.byId.get(id);
    for (const [target, mark] of moved) actor?.moved.set(target, mark);
  }
  for (const move of snapshot.moves) putBack(session.fight, move);
  for (const actor of everybody(roster.teams)) actor.queued = queue.countQueued(roster, actor);
  for (const id of snapshot.meta.uncovered) {
    const bot = roster.byId.get(id);
    if (bot !== undefined) session.fight.uncovered.add(bot);
  }
  return { ok: true, value: session };
}

function metaOf(fight: Fight): z.output<typeof Meta> {
  return {
    opened_seq: fight.openedAt,
    rules: fight.rules,
    seed: fight.seed,
    max_steps: fight.maxSteps,
    idle_close_ms: fight.idleCloseMs,
    move_timeouts_ms: [...fight.moveTimeoutsMs],
    teams: fight.roster.teams.map(({ name, members }) => ({ name, members: members.map((actor) => actor.id) })),
    actors: [...everybody(fight.roster.teams)].map((actor) => ({
      id: actor.id,
      kind: actor.kind,
      ...(actor.name === undefined ? {} : { name: actor.name }),
      entered_seq: actor.enteredAt,
      left_seq: actor.leftAt,
      standing: actor.standing,
      afk_level: actor.afkLevel,
      vitals: actor.vitals,
      given: actor.given === null ? null : [...actor.given],
      situation: [actor.situation.seq, actor.situation.time],
    })),
    emitted: fight.emitted,
    executed: fight.executed,
    step: fight.step,
    failed_in_row: fight.failedInRow,
    active_at: fight.activeAt,
    uncovered: [...fight.uncovered].map((bot) => bot.id),
    accepted: fight.pool.accepted,
    recent: [...fight.recent],
  };
}

function moveOf(open: pool.OpenMove): z.output<typeof Move> {
  const { ordinal, seq, deadline, marked, bytes, move } = open;
  return { ordinal, seq, deadline, marked, bytes, move };
}

function targetsOf(roster: Roster): SessionSnapshot['targets'] {
  const moved = [...everybody(roster.teams)].filter((actor) => actor.moved.size > 0);
  return moved.map((actor) => [actor.id, [...actor.moved]]);
}

function rosterFrom(meta: z.output<typeof Meta>): Roster | null {
  const roster = emptyRoster();
  const sheets = new Map(meta.actors.map((actor) => [actor.id, actor]));
  for (const team of meta.teams) {
    for (const id of team.members) {
      const sheet = sheets.get(id);
      if (sheet === undefined || roster.byId.has(id)) return null;
      enter(roster, actorFrom(team.name, sheet));
    }
  }
  roster.joiners.sort((left, right) => left.enteredAt - right.enteredAt);
  return roster;
}

function actorFrom(team: string, sheet: z.output<typeof Meta>['actors'][number]): Actor {
  return {
    id: sheet.id,
    team,
    kind: sheet.kind,
    name: sheet.name,
    enteredAt: sheet.entered_seq,
    given: sheet.given === null ? null : new Set(sheet.given),
    standing: sheet.standing,
    leftAt: sheet.left_seq,
    vitals: deepFreeze(sheet.vitals),
    afkLevel: sheet.afk_level,
    moved: new Map(),
    queued: 0,
    open: new Map(),
    situation: { seq: sheet.situation[0], time: sheet.situation[1] },
  };
}

function fightFrom(meta: z.output<typeof Meta>, roster: Roster): Fight {
  return {
    openedAt: meta.opened_seq,
    rules: meta.rules,
    seed: meta.seed,
    maxSteps: meta.max_steps,
    idleCloseMs: meta.idle_close_ms,
    moveTimeoutsMs: meta.move_timeouts_ms,
    roster,
    pool: pool.emptyPool(meta.accepted),
    recent: new Map(meta.recent),
    uncovered: new Set(),
    emitted: meta.emitted,
    executed: meta.executed,
    step: meta.step,
    failedInRow: meta.failed_in_row,
    activeAt: meta.active_at,
  };
}

function putBack(fight: Fight, kept: z.output<typeof Move>): void {
  const source = fight.roster.byId.get(kept.move.char_id);
  const target: MoveTarget | null = readTarget(kept.move.strategy, kept.move.payload.target_id);
  if (source === undefined || target === null) return;
  const enemy = kept.deadline !== null && target.kind === 'actor' ? fight.roster.byId.get(target.id) : undefined;
  const { ordinal, seq, move, bytes, deadline, marked } = kept;
  pool.add(fight.pool, { ordinal, seq, move, target, bytes, source, deadline, marked, partner: null }, enemy ?? null);
}
