/**
 * Owns the vitals of classic and how they change: wounds, healing, payment. Keeps: hp is a whole number from 0 to the
 * stats' hp; an actor is dead exactly where hp is 0; what the view gave is never changed in place.
 */
import type { BattleView } from '#combat/rules.ts';
import { objectOf } from '#contracts/json.ts';
import type { ClassicStats } from './stats.ts';

/** An actor's state under classic. */
export type ClassicVitals = {
  readonly hp: number;
  readonly dead: boolean;
  /** What is left to pay skills and items with. It does not come back during a fight. */
  readonly energy: number;
  /** Uses left of each item, by its id. */
  readonly charges: { readonly [itemId: string]: number };
};

export type ClassicView = BattleView<ClassicStats, ClassicVitals>;

/** Vitals on entering the fight: unhurt, rested, every item full. */
export function initialVitals(stats: ClassicStats): ClassicVitals {
  const charges = objectOf(Object.entries(stats.items).map(([id, item]) => [id, item.charges] as const));
  return { hp: stats.hp, dead: false, energy: stats.energy, charges };
}

/** Everybody's vitals in the course of one action: the view's, and over them what the action has changed so far. */
export class VitalsLedger {
  readonly #view: ClassicView;
  readonly #changed = new Map<string, ClassicVitals>();

  constructor(view: ClassicView) {
    this.#view = view;
  }

  /** New vitals of whoever changed. */
  get changed(): ReadonlyMap<string, ClassicVitals> {
    return this.#changed;
  }

  of(id: string): ClassicVitals {
    return this.#changed.get(id) ?? this.#view.actor(id).vitals;
  }

  /** Takes `damage` whole points off the actor's hp, down to 0, which is death. */
  hurt(id: string, damage: number): void {
    const vitals = this.of(id);
    if (damage === 0) return;
    const hp = Math.max(0, vitals.hp - damage);
    this.#changed.set(id, { ...vitals, hp, dead: hp === 0 });
  }

  /** Gives somebody living up to `points` hp, never more than the stats' hp. Returns what was given. */
  heal(id: string, points: number): number {
    const vitals = this.of(id);
    const given = Math.min(points, this.#view.actor(id).stats.hp - vitals.hp);
    if (given > 0) this.#changed.set(id, { ...vitals, hp: vitals.hp + given });
    return given;
  }

  /** Takes energy. Whether there is enough is for the caller to know. */
  pay(id: string, energy: number): void {
    const vitals = this.of(id);
    if (energy > 0) this.#changed.set(id, { ...vitals, energy: vitals.energy - energy });
  }

  /** Takes one charge of an item. Whether there is one is for the caller to know. */
  takeCharge(id: string, itemId: string): void {
    const vitals = this.of(id);
    const left = vitals.charges[itemId]! - 1;
    const charges = objectOf([...Object.entries(vitals.charges), [itemId, left] as const]);
    this.#changed.set(id, { ...vitals, charges });
  }
}
