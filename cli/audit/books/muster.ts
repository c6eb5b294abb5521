/**
 * Owns who fights in the books of a session, and who may strike whom: a queue, as the contract has it, is every living
 * enemy that was given to the fighter and is not out in a blow. The order of queues is not kept: nothing here depends on it.
 */

/** One actor in the books. */
export interface Fighter {
  readonly id: string;
  readonly team: string;
  /** Log sequence of its coming; 0 for those who were there at the start. */
  readonly enteredAt: number;
  /** Its first targets; null for all of the others. */
  readonly given: ReadonlySet<string> | null;
  /** Targets that stand in an open blow of it, or in an action without a result. */
  readonly out: Set<string>;
  standing: 'alive' | 'dead' | 'gone';
  /** How often in a row it has left a blow unanswered. */
  afk: number;
}

/** The fighters of one session. */
export class Muster {
  readonly #fighters = new Map<string, Fighter>();

  get size(): number {
    return this.#fighters.size;
  }

  find(id: string): Fighter | undefined {
    return this.#fighters.get(id);
  }

  enter(id: string, team: string, seq: number, given: readonly string[] | null, dead: readonly string[]): void {
    const standing = dead.includes(id) ? 'dead' : 'alive';
    const targets = given === null ? null : new Set(given);
    this.#fighters.set(id, { id, team, enteredAt: seq, given: targets, out: new Set(), standing, afk: 0 });
  }

  /** True where the target stands in the fighter's queue. */
  isQueued(fighter: Fighter, target: Fighter): boolean {
    if (target.standing !== 'alive' || target.team === fighter.team || fighter.out.has(target.id)) return false;
    return fighter.given === null || fighter.given.has(target.id) || target.enteredAt > fighter.enteredAt;
  }
}
