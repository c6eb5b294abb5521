import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chanceOf } from '#combat/chance.ts';

describe('chance', () => {
  test('is the same for the same seed, ordinal and purpose, and another for any other', () => {
    const rolls = (seed: string, ordinal: string, purpose: 'rules' | 'targets' | 'policy') => {
      const chance = chanceOf(seed, ordinal, purpose);
      return Array.from({ length: 4 }, () => chance.roll()).join();
    };
    expect(rolls('s', '1', 'rules')).toBe(rolls('s', '1', 'rules'));
    const others = [
      rolls('s', '1', 'rules'),
      rolls('s', '2', 'rules'),
      rolls('s', '11', 'rules'),
      rolls('t', '1', 'rules'),
      rolls('', '1', 'rules'),
      rolls('s', '1', 'targets'),
      rolls('s', '1', 'policy'),
      rolls('1\u0000s', '', 'rules'),
    ];
    expect(new Set(others).size).toBe(others.length);
  });

  test('does not change from one version to the next: fights of the past must replay', () => {
    const chance = chanceOf('seed', '1', 'rules');
    expect([chance.integer(1, 1_000_000), chance.integer(1, 6), chance.draw(['a', 'b', 'c', 'd'], 4).join('')]).toEqual(
      [549_453, 1, 'dbca'],
    );
    expect(chanceOf('seed', '2', 'targets').roll()).toBe(0.7747982257787246);
  });

  test('stays within its bounds', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.integer(), fc.nat(1000), fc.nat(20), (seed, ordinal, min, span, count) => {
        const chance = chanceOf(seed, String(ordinal), 'rules');
        const roll = chance.roll();
        expect(roll >= 0 && roll < 1).toBe(true);
        const whole = chance.integer(min, min + span);
        expect(Number.isInteger(whole) && whole >= min && whole <= min + span).toBe(true);
        const items = Array.from({ length: 10 }, (_, at) => at);
        const drawn = chance.draw(items, count);
        expect(drawn).toHaveLength(Math.min(count, 10));
        expect(new Set(drawn).size).toBe(drawn.length);
        expect(items).toEqual(Array.from({ length: 10 }, (_, at) => at));
        expect([chance.happens(0), chance.happens(1)]).toEqual([false, true]);
      }),
    );
  });

  test('is fair enough: of ten thousand actions every face of a die comes up, and every enemy is drawn, about as often', () => {
    const faces = new Array<number>(6).fill(0);
    const drawn = new Array<number>(5).fill(0);
    for (let ordinal = 1; ordinal <= 10_000; ordinal++) {
      faces[chanceOf('seed', String(ordinal), 'rules').integer(0, 5)]! += 1;
      drawn[chanceOf('seed', String(ordinal), 'targets').draw([0, 1, 2, 3, 4], 1)[0]!]! += 1;
    }
    for (const count of faces) expect(Math.abs(count - 10_000 / 6)).toBeLessThan(200);
    for (const count of drawn) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });

  test('happens() always rolls, so that a changed chance shifts no later roll', () => {
    const [never, always] = [chanceOf('s', '1', 'rules'), chanceOf('s', '1', 'rules')];
    never.happens(0);
    always.happens(1);
    expect(never.roll()).toBe(always.roll());
  });

  test.each([
    [1, 0],
    [0.5, 2],
    [0, Number.POSITIVE_INFINITY],
    [Number.NaN, 1],
    [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('a whole number from %d to %d is asked in vain: it throws and does not hang', (min, max) => {
    expect(() => chanceOf('s', '1', 'rules').integer(min, max)).toThrow(RangeError);
  });
});
