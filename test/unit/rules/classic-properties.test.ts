import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { chanceOf } from '#combat/chance.ts';
import type { CombatAction } from '#contracts/action.ts';
import { Hit, Vitals } from '#contracts/result.ts';
import { classic } from '#rules/classic/classic.ts';
import { ability, exchange, viewOf } from './classic-fight.ts';

const POINTS_MAX = 1_000_000_000;
const RUNS = { numRuns: 400 };
/** What docs/rules-classic.md lets an ability fail for; nothing else may be thrown. */
const DOCUMENTED = /has no (skill|item) |costs \d+ energy and |is used up$/;

const points = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: POINTS_MAX }));
const share = fc.double({ min: 0, max: 1, noNaN: true });
const abilityId = fc.constantFrom('a', '__proto__', 'constructor', '7', '0');
const abilityFields = { effect: fc.constantFrom('damage', 'heal'), power: points };
const optional = { spread: points, cost: points, charges: fc.integer({ min: 1, max: 9 }) };
const abilities = fc
  .array(fc.tuple(abilityId, fc.record({ ...abilityFields, ...optional }, { requiredKeys: ['effect', 'power'] })))
  .map((pairs) => Object.fromEntries(pairs));
const zone = fc.constantFrom('head', 'chest', 'arms', 'body', 'legs', 'tail');
const stats = fc.record(
  {
    hp: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: POINTS_MAX })),
    energy: points,
    damage: points,
    spread: points,
    off_hand: fc.record({ damage: points, spread: points }, { requiredKeys: [] }),
    accuracy: share,
    crit_chance: share,
    crit_multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
    dodge: share,
    parry: share,
    counter: share,
    resistance: share,
    armour: points,
    zones: fc.uniqueArray(zone, { minLength: 1 }),
    block_zones: fc.integer({ min: 0, max: 8 }),
    skills: abilities,
    items: abilities,
  },
  { requiredKeys: [] },
);

const zones = fc.oneof(fc.array(zone, { maxLength: 20 }), fc.array(fc.jsonValue()), fc.jsonValue());
const hostile = fc.dictionary(fc.string(), fc.jsonValue());
const blow = fc
  .tuple(hostile, fc.record({ attack_zones: zones, block_zones: zones }, { requiredKeys: [] }))
  .map(([noise, named]) => ({ ...noise, ...named }));
const exchanges = fc
  .tuple(blow, fc.option(blow), fc.boolean())
  .map(([a, b, isForced]) => exchange({ ...a, target_id: 'B' }, isForced || b === null ? null : b, isForced));
const named = fc.oneof(abilityId, fc.integer({ min: 0, max: 7 }), fc.jsonValue());
const abilityUses = fc
  .tuple(fc.constantFrom('instant', 'item'), hostile, named, fc.subarray(['A', 'B', 'C']))
  .map(([type, noise, id, targets]) => ability(type, { ...noise, skill_id: id, item_id: id }, targets));
const fights = fc.record({ a: stats, b: stats, c: stats, woundedTo: share, seed: fc.string(), ordinal: fc.nat() });
type Fight = typeof fights extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** Resolves the action in the fight, or returns the message of what was thrown. */
function resolve({ a, b, c, woundedTo, seed, ordinal }: Fight, action: CombatAction) {
  const maxHp = classic.stats.parse(b).hp;
  const view = viewOf({
    A: { stats: a },
    B: { stats: b, vitals: { hp: Math.max(1, Math.floor(maxHp * woundedTo)) } },
    C: { stats: c },
  });
  try {
    return { view, outcome: classic.resolve(action, view, chanceOf(seed, String(ordinal), 'rules')) };
  } catch (error) {
    return { view, thrown: error instanceof Error ? error.message : String(error) };
  }
}

/** Equal to the last bit and key. Not `toStrictEqual`: that one stumbles over a key named `constructor`. */
function expectSame(one: unknown, other: unknown): void {
  if (!isDeepStrictEqual(one, other)) expect.fail(`${JSON.stringify(one)} is not ${JSON.stringify(other)}`);
}

describe('for any stats, any payload and any seed', () => {
  const check = (fight: Fight, action: CombatAction, mayThrow: boolean) => {
    const { view, outcome, thrown } = resolve(fight, action);
    if (outcome === undefined) {
      if (!mayThrow) expect.fail(thrown);
      expect(thrown).toMatch(DOCUMENTED);
      return;
    }
    expectSame(z.array(Hit).parse(outcome.hits), outcome.hits);
    for (const { damage, outcome: came } of outcome.hits) {
      expect(Number.isSafeInteger(damage) && damage >= 0).toBe(true);
      if (came !== 'hit' && came !== 'crit') expect(damage).toBe(0);
    }
    for (const [id, vitals] of outcome.vitals) {
      expectSame(Vitals.parse(vitals), vitals);
      expectSame(JSON.parse(JSON.stringify(vitals)), vitals);
      expect(isDeepStrictEqual(vitals, view.actor(id).vitals)).toBe(false);
      expect(Number.isSafeInteger(vitals.hp)).toBe(true);
      expect(vitals.hp).toBeGreaterThanOrEqual(0);
      expect(vitals.hp).toBeLessThanOrEqual(view.actor(id).stats.hp);
      expect(vitals.dead).toBe(vitals.hp === 0);
      expect(vitals.energy).toBeGreaterThanOrEqual(0);
    }
    expectSame(resolve(fight, action).outcome, outcome);
  };

  test('an exchange has a valid outcome, the same each time, and never throws', () => {
    fc.assert(
      fc.property(fights, exchanges, (fight, action) => check(fight, action, false)),
      RUNS,
    );
  });

  test('a skill or an item has a valid outcome, the same each time, or fails for a documented reason', () => {
    fc.assert(
      fc.property(fights, abilityUses, (fight, action) => check(fight, action, true)),
      RUNS,
    );
  });

  test('stats that were read are read again as they are', () => {
    fc.assert(
      fc.property(stats, (raw) => {
        const once = classic.stats.parse(raw);
        expectSame(classic.stats.parse(JSON.parse(JSON.stringify(once))), once);
      }),
      RUNS,
    );
  });
});
