/**
 * Owns the pool of open moves: accepted, and not yet in an action. Keeps I2 and I3 on the pool's side: a move is in it
 * once, and an actor has one open blow per target. Finding a pair costs one look-up when the completing move is accepted
 * (specification 1.C.3), whatever else is in the session.
 */
import TinyQueue from 'tinyqueue';
import type { CombatMove, MoveTarget } from '#contracts/move.ts';
import type { Actor } from './roster.ts';

/** A move in the pool. */
export interface OpenMove {
  /** Its place in the order of acceptance, from 1, for the life of the session. */
  readonly ordinal: number;
  /** Log sequence of the signal that carried it. */
  readonly seq: number;
  readonly move: CombatMove;
  readonly target: MoveTarget;
  /** Of the move as compact JSON. */
  readonly bytes: number;
  readonly source: Actor;
  /** When an exchange may be forced, in log time; null for instants and items, which go at once. */
  readonly deadline: number | null;
  /** A `check_timeout` has asked for it to be forced. */
  marked: boolean;
  /** The blow that meets it. */
  partner: OpenMove | null;
}

/** The open moves of a session, in every order in which they are asked for. */
export interface Pool {
  /** Moves ever accepted: the ordinal of the last one. */
  accepted: number;
  readonly byOrdinal: Map<number, OpenMove>;
  readonly byMoveId: Map<string, OpenMove>;
  /** Instants and items, in order of acceptance. */
  readonly instants: Set<OpenMove>;
  /** The completing move of every pair, in order of its acceptance. */
  readonly pairs: Set<OpenMove>;
  readonly marked: Set<OpenMove>;
  /** Exchanges by deadline; those that have left the pool since are skipped when they come up. */
  deadlines: TinyQueue<OpenMove>;
}

/** A pool without moves. */
export function emptyPool(accepted = 0): Pool {
  return {
    accepted,
    byOrdinal: new Map(),
    byMoveId: new Map(),
    instants: new Set(),
    pairs: new Set(),
    marked: new Set(),
    deadlines: deadlineQueue([]),
  };
}

/** Puts a move in; an exchange that meets an open blow becomes a pair with it. */
export function add(pool: Pool, open: OpenMove, target: Actor | null): void {
  pool.byOrdinal.set(open.ordinal, open);
  pool.byMoveId.set(open.move.move_id, open);
  if (open.marked) pool.marked.add(open);
  if (open.deadline === null || target === null) {
    pool.instants.add(open);
    return;
  }
  pool.deadlines.push(open);
  open.source.open.set(target.id, open);
  const partner = target.open.get(open.source.id);
  if (partner === undefined) return;
  open.partner = partner;
  partner.partner = open;
  pool.pairs.add(open);
}

/** Takes a move out; its partner, if it had one, stands alone again. */
export function remove(pool: Pool, open: OpenMove): void {
  pool.byOrdinal.delete(open.ordinal);
  pool.byMoveId.delete(open.move.move_id);
  pool.instants.delete(open);
  pool.marked.delete(open);
  if (open.target.kind === 'actor' && open.deadline !== null) open.source.open.delete(open.target.id);
  if (open.partner !== null) {
    pool.pairs.delete(open);
    pool.pairs.delete(open.partner);
    open.partner.partner = null;
    open.partner = null;
  }
  forgetStaleDeadlines(pool);
}

/** Takes every move out. */
export function clear(pool: Pool): void {
  for (const open of [...pool.byOrdinal.values()]) remove(pool, open);
  pool.deadlines = deadlineQueue([]);
}

/** Marks an exchange to be forced by its name; one that has found its pair is past that. */
export function markNamed(pool: Pool, open: OpenMove): void {
  if (open.partner === null) mark(pool, open);
}

/** Marks every exchange whose deadline is not after `time`; only those of `actor`, where one is given. */
export function markDue(pool: Pool, time: number, actor: Actor | null): void {
  if (actor !== null) {
    for (const open of actor.open.values()) if (open.deadline! <= time) mark(pool, open);
    return;
  }
  for (let next = earliest(pool); next !== undefined && next.deadline! <= time; next = earliest(pool)) {
    pool.deadlines.pop();
    mark(pool, next);
  }
}

/** A marked move that has a partner by the time a pass decides goes out as a pair all the same. */
function mark(pool: Pool, open: OpenMove): void {
  if (open.deadline === null) return;
  open.marked = true;
  pool.marked.add(open);
}

/** The earliest deadline of an exchange that is not marked yet; null where there is none. */
export function earliestDeadline(pool: Pool): number | null {
  return earliest(pool)?.deadline ?? null;
}

function earliest(pool: Pool): OpenMove | undefined {
  for (let next = pool.deadlines.peek(); next !== undefined; next = pool.deadlines.peek()) {
    if (isAwaited(pool, next)) return next;
    pool.deadlines.pop();
  }
  return undefined;
}

const isAwaited = (pool: Pool, open: OpenMove): boolean => !open.marked && pool.byOrdinal.has(open.ordinal);

// A minute of answered blows leaves as many dead entries behind; the queue is remade when they are most of it.
const STALE_DEADLINES_MIN = 64;

function forgetStaleDeadlines(pool: Pool): void {
  if (pool.deadlines.length <= STALE_DEADLINES_MIN + 2 * pool.byOrdinal.size) return;
  pool.deadlines = deadlineQueue(pool.deadlines.data.filter((open) => isAwaited(pool, open)));
}

function deadlineQueue(moves: OpenMove[]): TinyQueue<OpenMove> {
  return new TinyQueue(moves, (left, right) => left.deadline! - right.deadline! || left.ordinal - right.ordinal);
}
