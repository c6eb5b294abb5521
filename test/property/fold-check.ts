/**
 * Owns what must hold inside both folds after every message of every log: what no history can show. Whether the history itself
 * is sound is judged by `riposte audit` (cli/audit, test/unit/cli/good-logs.test.ts). A FoldCheck watches a bench from its first
 * message and is asked after each.
 */
import { expect } from 'vitest';
import { countQueued, queueOf } from '#combat/queue.ts';
import { decide, type Folded, type Session } from '#combat/session.ts';
import type { CombatAction } from '#contracts/action.ts';
import { type CombatMove, readTarget } from '#contracts/move.ts';
import type { LogBench } from '#test/unit/combat/log-bench.ts';

/** Whom a move is aimed at, where that is one actor. */
function aimOf(move: CombatMove): string | null {
  const target = readTarget(move.strategy, move.payload.target_id);
  return target?.kind === 'actor' ? target.id : null;
}

const movesOf = ({ move, partner_move }: CombatAction): CombatMove[] =>
  partner_move === null ? [move] : [move, partner_move];

export class FoldCheck {
  /** Every move a verdict accepted. */
  readonly #accepted = new Map<string, CombatMove>();
  /** Every move of every action that counts. */
  readonly #emitted = new Map<string, CombatMove>();
  #actionsSeen = 0;

  /** Checks everything; call it after every append. */
  check(bench: LogBench, folded: Folded): void {
    this.#gather(bench, folded);
    if (bench.session.fight === null) return;
    this.movesEndOnce(bench);
    this.blowsAreSingle(bench);
    if (bench.session.status === 'open') this.targetsAreInOnePlace(bench);
    this.foldsAgree(bench);
    this.numbersAreSane(bench);
  }

  #gather(bench: LogBench, { verdicts }: Folded): void {
    const { message } = bench.entries.at(-1)!;
    if (message.kind === 'signal') {
      for (const [at, verdict] of verdicts.entries()) {
        if (!verdict.accepted) continue;
        const input = message.body.moves![at] as CombatMove;
        this.#accepted.set(verdict.move_id, { ...input, move_id: verdict.move_id, char_id: String(input.char_id) });
      }
    }
    for (const action of bench.actions.slice(this.#actionsSeen)) {
      for (const move of movesOf(action)) this.#emitted.set(move.move_id, move);
    }
    this.#actionsSeen = bench.actions.length;
  }

  /** I2: an accepted move is in one action, or in the pool, or was dropped for a reason that the log shows. */
  movesEndOnce(bench: LogBench): void {
    const pool = new Set(bench.pool());
    const closed = bench.session.status === 'closed';
    const down = (actor: string | null) => actor !== null && bench.actor(actor).standing !== 'alive';
    const wrong: string[] = [];
    for (const [id, move] of this.#accepted) {
      const dropped = closed || down(move.char_id) || down(aimOf(move));
      const expected = !this.#emitted.has(id) && !dropped;
      if (pool.has(id) !== expected) wrong.push(`${id} is ${expected ? 'not ' : ''}in the pool`);
    }
    expect(wrong, 'I2').toEqual([]);
    expect(pool.size).toBe(bench.pool().length);
  }

  /** I3: never two blows of one actor at one target in the pool. */
  blowsAreSingle(bench: LogBench): void {
    const blows = [...bench.fight.pool.byOrdinal.values()].filter(({ deadline }) => deadline !== null);
    const pairs = blows.map(({ move }) => `${move.char_id} at ${aimOf(move)}`);
    expect(new Set(pairs).size, 'I3').toBe(pairs.length);
  }

  /** Every living target an actor was given is in its queue, in its open move, or in an unexecuted action: in just one. */
  targetsAreInOnePlace(bench: LogBench): void {
    const places = new Map<string, string[]>();
    const put = (actor: string, target: string | null, place: string) => {
      const key = `${actor} ${target}`;
      places.set(key, [...(places.get(key) ?? []), place]);
    };
    const { roster, pool } = bench.fight;
    for (const actor of roster.byId.values()) {
      if (actor.standing !== 'alive') continue;
      for (const target of queueOf(roster, actor)) put(actor.id, target, 'queue');
    }
    for (const { move, deadline } of pool.byOrdinal.values())
      if (deadline !== null) put(move.char_id, aimOf(move), 'pool');
    for (const action of bench.actions.slice(bench.fight.executed)) {
      if (action.type === 'exchange') for (const move of movesOf(action)) put(move.char_id, aimOf(move), 'action');
    }
    const given = givenTargets(bench);
    const alive = [...roster.byId.values()].filter(({ standing }) => standing === 'alive').map(({ id }) => id);
    const pairs = alive.flatMap((actor) => alive.map((target) => `${actor} ${target}`));
    const wrong = pairs.filter((pair) => (places.get(pair)?.length ?? 0) !== (given.has(pair) ? 1 : 0));
    expect(wrong.map((pair) => `${pair}: ${places.get(pair)?.join() ?? 'nowhere'}`)).toEqual([]);
  }

  /** Session and battle fold one log. */
  foldsAgree({ session, battle, fight }: LogBench): void {
    const melee = battle.melee!;
    expect([battle.status, battle.seq, battle.lastResult]).toEqual([session.status, session.seq, session.last.result]);
    expect([melee.emitted, melee.executed, melee.step]).toEqual([fight.emitted, fight.executed, fight.step]);
    expect(melee.pending.length).toBe(fight.emitted - fight.executed);
    for (const actor of fight.roster.byId.values()) {
      const fighter = melee.byId.get(actor.id)!;
      const standing = fighter.gone ? 'gone' : fighter.seen.vitals.dead ? 'dead' : 'alive';
      expect([actor.id, standing]).toEqual([actor.id, actor.standing]);
      expect(fighter.seen.vitals).toEqual(actor.vitals);
    }
    expect(melee.byId.size).toBe(fight.roster.byId.size);
  }

  numbersAreSane(bench: LogBench): void {
    const { fight, session } = bench;
    const { roster, pool } = fight;
    const timeouts = fight.moveTimeoutsMs;
    for (const actor of roster.byId.values()) {
      expect(actor.afkLevel).toBeGreaterThanOrEqual(0);
      if (actor.standing === 'alive') expect([actor.id, actor.queued]).toEqual([actor.id, countQueued(roster, actor)]);
      if (actor.standing !== 'alive') expect([actor.id, actor.moved.size, actor.open.size]).toEqual([actor.id, 0, 0]);
      // What is kept of a queue is about living enemies only, so that it cannot grow with the log.
      expect([...actor.moved.keys()].filter((id) => roster.byId.get(id)?.standing !== 'alive')).toEqual([]);
    }
    expect(roster.living).toBe([...roster.byId.values()].filter(({ standing }) => standing === 'alive').length);
    const timeOf = new Map(bench.entries.map((entry) => [entry.seq, entry.time]));
    for (const { deadline, seq } of pool.byOrdinal.values()) {
      if (deadline !== null) expect(timeouts).toContain(deadline - timeOf.get(seq)!);
    }
    expect(pool.byMoveId.size).toBe(pool.byOrdinal.size);
    expect(pool.deadlines.length).toBeLessThanOrEqual(65 + 3 * pool.byOrdinal.size);
    expect(fight.recent.size).toBeLessThanOrEqual(Math.max(1024, 4 * roster.byId.size));
    this.#aTimeoutMovesOn(bench, session);
  }

  /** Whoever is woken by a plain check_timeout is not woken for the same thing again. */
  #aTimeoutMovesOn(bench: LogBench, session: Session): void {
    const { message } = bench.entries.at(-1)!;
    if (message.kind !== 'signal' || message.body.signal_type !== 'check_timeout' || message.body.char_id != null)
      return;
    const { deadline } = decide(session, 0);
    if (deadline !== null) expect(deadline).toBeGreaterThan(session.time);
  }
}

/** What each actor was given, read from the log alone: `actor target`. */
function givenTargets(bench: LogBench): Set<string> {
  const given = new Set<string>();
  const teamOf = new Map<string, string>();
  for (const { message } of bench.entries) {
    if (message.kind !== 'session') continue;
    const { body } = message;
    if (body.type === 'opened' && teamOf.size === 0) {
      const lists = new Map(body.targets ?? []);
      for (const [team, members] of body.teams) for (const id of members) teamOf.set(id, team);
      for (const [id, team] of teamOf) {
        const enemies = [...teamOf].filter(([, other]) => other !== team).map(([enemy]) => enemy);
        for (const target of lists.get(id) ?? enemies) given.add(`${id} ${target}`);
      }
    }
    if (
      body.type === 'joined' &&
      teamOf.size > 0 &&
      bench.fight.roster.byId.get(body.actor_id)?.team === body.team &&
      !teamOf.has(body.actor_id)
    ) {
      for (const [id, team] of teamOf) {
        if (team === body.team) continue;
        given.add(`${id} ${body.actor_id}`);
        given.add(`${body.actor_id} ${id}`);
      }
      teamOf.set(body.actor_id, body.team);
    }
  }
  return given;
}
