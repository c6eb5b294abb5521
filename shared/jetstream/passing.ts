/**
 * Owns collections that very many things pass through and few are in at a time: publishes that await their answer, deliveries
 * in hand, passes and turns under way. They are a Map and a Set, with the garbage of their past cut off.
 *
 * A Map whose entries come and go moves them from table to table, and V8 leaves in each old table a pointer to the next, for
 * iterators, and whatever was in it then. Once one old table has grown old enough, it holds the next for every young collection,
 * that one the next after it, and with them what has long been dealt with: thousands of messages a second are copied twice and
 * kept until the next full collection. Nothing leads from one Map to another, though: begun anew from time to time, each
 * takes its past with it (docs/adr/0025-what-passes-through-a-map-stays-young.md).
 */

/** After so many departures at the least it is begun anew, and never for less than were in it: that costs nothing then. */
const DEPARTURES_MAX = 256;

/** A Map that many entries pass through. As a Map is, in the order of insertion, but not to be iterated over an await. */
export class PassingMap<Key, Value> {
  #map = new Map<Key, Value>();
  #departures = 0;

  get size(): number {
    return this.#map.size;
  }

  has(key: Key): boolean {
    return this.#map.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  set(key: Key, value: Value): void {
    if (this.#departures >= Math.max(DEPARTURES_MAX, this.#map.size)) {
      this.#map = new Map(this.#map);
      this.#departures = 0;
    }
    this.#map.set(key, value);
  }

  /** True where it was there. */
  delete(key: Key): boolean {
    const left = this.#map.delete(key);
    if (left) this.#departures += 1;
    return left;
  }

  keys(): MapIterator<Key> {
    return this.#map.keys();
  }

  values(): MapIterator<Value> {
    return this.#map.values();
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.#map[Symbol.iterator]();
  }
}

/** A Set that many members pass through. As a Set is, in the order of insertion, but not to be iterated over an await. */
export class PassingSet<Member> {
  readonly #members = new PassingMap<Member, true>();

  get size(): number {
    return this.#members.size;
  }

  has(member: Member): boolean {
    return this.#members.has(member);
  }

  add(member: Member): void {
    this.#members.set(member, true);
  }

  /** True where it was there. */
  delete(member: Member): boolean {
    return this.#members.delete(member);
  }

  [Symbol.iterator](): MapIterator<Member> {
    return this.#members.keys();
  }
}
