import { describe, expect, test } from 'vitest';
import { classic } from '#rules/classic/classic.ts';
import { ability, CERTAIN, LOW, loaded, viewOf } from './classic-fight.ts';

const KIT = {
  ...CERTAIN,
  skills: {
    fireball: { effect: 'damage', power: 30, cost: 40 },
    prayer: { effect: 'heal', power: 25 },
    sparks: { effect: 'damage', power: 10, spread: 5 },
  },
  items: {
    potion: { effect: 'heal', power: 50, charges: 2 },
    bomb: { effect: 'damage', power: 20, cost: 5 },
  },
};

describe('a skill', () => {
  const cast = (skill_id: unknown, targets: string[], sheets = {}, dice: number[] = []) =>
    classic.resolve(
      ability('instant', { skill_id }, targets),
      viewOf({ A: { stats: KIT }, B: { stats: CERTAIN }, C: { stats: CERTAIN }, ...sheets }),
      loaded(...dice),
    );

  test('strikes every target, and the source pays once', () => {
    const { hits, vitals } = cast('fireball', ['B', 'C']);
    const hit = { source_id: 'A', wave: 1, hand: 'skill', skill_id: 'fireball', outcome: 'hit', damage: 30 };
    expect(hits).toEqual([
      { ...hit, target_id: 'B' },
      { ...hit, target_id: 'C' },
    ]);
    expect([...vitals].map(([id, { hp, energy }]) => [id, hp, energy])).toEqual([
      ['A', 100, 60],
      ['B', 70, 100],
      ['C', 70, 100],
    ]);
  });

  test('cannot be evaded or blocked, and resistance and armour lessen it', () => {
    const tough = { stats: { ...CERTAIN, dodge: 1, parry: 1, resistance: 0.5, armour: 2 } };
    const { hits } = cast('fireball', ['B'], { B: tough }, Array(20).fill(LOW));
    expect(hits).toMatchObject([{ outcome: 'hit', damage: 13 }]);
  });

  test('kills at 0 hp, and never goes below', () => {
    const { vitals } = cast('fireball', ['B'], { B: { stats: CERTAIN, vitals: { hp: 12 } } });
    expect(vitals.get('B')).toMatchObject({ hp: 0, dead: true });
  });

  test('passes over the dead', () => {
    const dead = { stats: CERTAIN, vitals: { hp: 0, dead: true } };
    const { hits, vitals } = cast('prayer', ['B', 'C'], { B: dead, C: { stats: CERTAIN, vitals: { hp: 10 } } });
    expect(hits).toMatchObject([{ target_id: 'C', damage: 0, healed: 25 }]);
    expect([...vitals.keys()]).toEqual(['C']);
  });

  test('heals no further than full hp, and says what it gave', () => {
    const { hits, vitals } = cast('prayer', ['A', 'B'], { B: { stats: CERTAIN, vitals: { hp: 90 } } });
    expect(hits).toMatchObject([{ healed: 0 }, { healed: 10 }]);
    expect([...vitals].map(([id, { hp }]) => [id, hp])).toEqual([['B', 100]]);
  });

  test('may turn on its own source, and what it paid stays paid', () => {
    const { vitals } = cast('fireball', ['A']);
    expect(vitals.get('A')).toMatchObject({ hp: 70, energy: 60 });
  });

  test('over no target at all comes to nothing but its price', () => {
    expect(cast('prayer', [])).toEqual({ hits: [], vitals: new Map() });
  });

  test('that costs more energy than is left is an error', () => {
    const tired = { A: { stats: KIT, vitals: { energy: 39 } } };
    expect(() => cast('fireball', ['B'], tired)).toThrow('skill fireball costs 40 energy and A has 39');
  });

  test.each([
    ['ice', '"ice"'],
    ['__proto__', '"__proto__"'],
    ['constructor', '"constructor"'],
    [undefined, 'without a name'],
    [null, 'null'],
    [['fireball'], '["fireball"]'],
    [{ toString: 'fireball' }, '{"toString":"fireball"}'],
  ])('nobody has (%j) is an error that names it', (skill_id, shown) => {
    expect(() => cast(skill_id, ['B'])).toThrow(`A has no skill ${shown}`);
  });

  test('with an odd id is a skill like any other', () => {
    const stats = JSON.parse(
      '{"skills":{"__proto__":{"effect":"damage","power":1},"7":{"effect":"damage","power":2}}}',
    );
    expect(cast('__proto__', ['B'], { A: { stats } }).hits).toMatchObject([{ damage: 1, skill_id: '__proto__' }]);
    expect(cast(7, ['B'], { A: { stats } }).hits).toMatchObject([{ damage: 2, skill_id: '7' }]);
  });
});

describe('an item', () => {
  const apply = (item_id: unknown, targets: string[], vitals = {}, stats: object = KIT) =>
    classic.resolve(
      ability('item', { item_id }, targets),
      viewOf({ A: { stats: { ...stats }, vitals }, B: { stats: CERTAIN } }),
      loaded(),
    );

  test('does its effect and loses a charge', () => {
    const { hits, vitals } = apply('potion', ['A'], { hp: 20 });
    expect(hits).toEqual([
      {
        source_id: 'A',
        target_id: 'A',
        wave: 1,
        hand: 'item',
        item_id: 'potion',
        outcome: 'hit',
        damage: 0,
        healed: 50,
      },
    ]);
    expect(vitals.get('A')).toEqual({ hp: 70, dead: false, energy: 100, charges: { potion: 1, bomb: 1 } });
  });

  test('may cost energy as well', () => {
    expect(apply('bomb', ['B']).vitals.get('A')).toMatchObject({ energy: 95, charges: { potion: 2, bomb: 0 } });
  });

  test('without a charge left is an error', () => {
    expect(() => apply('potion', ['A'], { charges: { potion: 0 } })).toThrow('item potion of A is used up');
  });

  test('nobody has is an error, whatever skills there are', () => {
    expect(() => apply('fireball', ['B'])).toThrow('A has no item "fireball"');
  });

  test('with the id __proto__ counts its charges as any other', () => {
    const stats = JSON.parse('{"items":{"__proto__":{"effect":"damage","power":1}}}');
    const { vitals } = apply('__proto__', ['B'], {}, stats);
    const { charges } = vitals.get('A')!;
    expect(Object.entries(charges)).toEqual([['__proto__', 0]]);
    expect(() => apply('__proto__', ['B'], { charges }, stats)).toThrow('item __proto__ of A is used up');
  });
});
