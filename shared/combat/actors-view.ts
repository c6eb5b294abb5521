/**
 * Owns the actors as rules see them: a read-only Map of whoever has not left, with what the actions so far have changed
 * laid over the battle. It copies nothing: an action in a crowd costs what the action touches.
 */
import type { Fighter, Melee } from './battle.ts';
import type { BattleActor } from './rules.ts';
import { everybody } from './teams.ts';

type Seen = BattleActor<unknown>;

/** A Map of actors in roster order that nobody can change. */
export class ActorsView extends Map<string, Seen> {
  readonly #melee: Pick<Melee, 'teams' | 'byId'>;
  readonly #changed: ReadonlyMap<string, Seen>;

  /** @param changed whoever stands differently than the battle has them */
  constructor(melee: Pick<Melee, 'teams' | 'byId'>, changed: ReadonlyMap<string, Seen>) {
    super();
    this.#melee = melee;
    this.#changed = changed;
  }

  override get(id: string): Seen | undefined {
    const fighter = this.#melee.byId.get(id);
    return fighter === undefined || fighter.gone ? undefined : this.#seen(fighter);
  }

  override has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  override get size(): number {
    return [...this.values()].length;
  }

  override *values(): MapIterator<Seen> {
    for (const fighter of everybody(this.#melee.teams)) if (!fighter.gone) yield this.#seen(fighter);
  }

  override *keys(): MapIterator<string> {
    for (const { id } of this.values()) yield id;
  }

  override *entries(): MapIterator<[string, Seen]> {
    for (const actor of this.values()) yield [actor.id, actor];
  }

  override [Symbol.iterator](): MapIterator<[string, Seen]> {
    return this.entries();
  }

  override forEach(visit: (actor: Seen, id: string, map: Map<string, Seen>) => void): void {
    for (const [id, actor] of this) visit(actor, id, this);
  }

  override set(): never {
    throw new TypeError('rules change actors by their outcome');
  }

  override delete(): never {
    throw new TypeError('rules change actors by their outcome');
  }

  override clear(): never {
    throw new TypeError('rules change actors by their outcome');
  }

  #seen(fighter: Fighter): Seen {
    return this.#changed.get(fighter.id) ?? fighter.seen;
  }
}
