import { describe, expect, test } from 'vitest';
import { classic } from '#rules/classic/classic.ts';
import { CERTAIN, exchange, forced, HIGH, LOW, loaded, seeded, told, viewOf } from './classic-fight.ts';

const ROLLS = 10_000;

/** A strikes B once; the dice are accuracy, crit, dodge, parry. */
function strike(a: object, b: object, dice: number[], ofA: object = {}) {
  const view = viewOf({ A: { stats: { ...CERTAIN, ...a } }, B: { stats: { ...CERTAIN, ...b } } });
  return told(classic.resolve(exchange({ ...ofA }, null), view, loaded(...dice)));
}

describe('a strike', () => {
  test('that is certain hits for base damage', () => {
    expect(strike({}, {}, [])).toEqual(['1 A>B main hit 10']);
  });

  test('without accuracy is a miss, before anything else is asked', () => {
    expect(strike({ accuracy: 0.5, crit_chance: 1 }, { dodge: 0.5, parry: 0.5 }, [HIGH, LOW, LOW, LOW])).toEqual([
      '1 A>B main miss 0',
    ]);
  });

  test('is dodged rather than parried, where both would happen', () => {
    expect(strike({}, { dodge: 0.5, parry: 0.5 }, [LOW, HIGH, LOW, LOW])).toEqual(['1 A>B main dodge 0']);
  });

  test('is parried where it was not dodged, crit or no crit', () => {
    expect(strike({ crit_chance: 0.5 }, { dodge: 0.5, parry: 0.5 }, [LOW, LOW, HIGH, LOW])).toEqual([
      '1 A>B main parry 0',
    ]);
  });

  test('that is a crit does base damage times the multiplier, rounded', () => {
    expect(strike({ crit_chance: 0.5, crit_multiplier: 1.25 }, {}, [LOW, LOW])).toEqual(['1 A>B main crit 13']);
  });

  test('loses the share of resistance first and flat armour after that', () => {
    expect(strike({}, { resistance: 0.3, armour: 2 }, [])).toEqual(['1 A>B main hit 5']);
  });

  test('on armour thicker than the damage hits for 0, and never heals', () => {
    expect(strike({}, { armour: 11 }, [])).toEqual(['1 A>B main hit 0']);
  });

  test('rounds to the nearest whole number, binary fractions or not', () => {
    expect(strike({ damage: 100 }, { resistance: 0.9 }, [])).toEqual(['1 A>B main hit 10']);
  });

  test('deals every whole number from base - spread to base + spread, none below 0, about as often', () => {
    const view = viewOf({ A: { stats: { ...CERTAIN, damage: 2, spread: 3 } }, B: { stats: CERTAIN } });
    const counts = new Map<number, number>();
    for (let n = 0; n < ROLLS; n++) {
      const { damage } = classic.resolve(exchange({}, null), view, seeded(n)).hits[0]!;
      counts.set(damage, (counts.get(damage) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    for (const count of counts.values()) expect(count / ROLLS).toBeCloseTo(1 / 6, 1);
  });
});

describe('zones', () => {
  const guarded = (ofA: object, ofB: object, stats: object = {}) => {
    const view = viewOf({ A: { stats: CERTAIN }, B: { stats: { ...CERTAIN, ...stats } } });
    const outcome = classic.resolve(exchange({ ...ofA }, { ...ofB }), view, loaded());
    return outcome.hits.filter((hit) => hit.source_id === 'A').map((hit) => `${hit.zone} ${hit.outcome} ${hit.damage}`);
  };

  test('a strike into a guarded zone is a block, without damage', () => {
    expect(guarded({ attack_zones: ['head'] }, { block_zones: ['body', 'head'] })).toEqual(['head block 0']);
  });

  test('a strike beside the guard hits', () => {
    expect(guarded({ attack_zones: ['legs'] }, { block_zones: ['body', 'head'] })).toEqual(['legs hit 10']);
  });

  test('each attack zone is rolled, in the order named, and the strikes share the damage', () => {
    expect(guarded({ attack_zones: ['legs', 'head'] }, { block_zones: ['head'] })).toEqual([
      'legs hit 5',
      'head block 0',
    ]);
  });

  test('a zone named twice is struck once', () => {
    expect(guarded({ attack_zones: ['legs', 'legs'] }, {})).toEqual(['legs hit 10']);
  });

  test('nobody guards more zones than the stats allow: the first ones named count', () => {
    const block_zones = ['tail', 'chest', 'chest', 'arms', 'head', 'body', 'legs'];
    expect(guarded({ attack_zones: ['chest', 'arms', 'head', 'body', 'legs'] }, { block_zones })).toEqual([
      'chest block 0',
      'arms block 0',
      'head hit 2',
      'body hit 2',
      'legs hit 2',
    ]);
  });

  test('a body of its own has zones of its own', () => {
    expect(guarded({ attack_zones: ['head', 'tail'] }, {}, { zones: ['tail', 'wings'] })).toEqual(['tail hit 10']);
  });

  // With loaded dice a strike at no zone in particular lands in the middle of the list: on the arms.
  test.each([
    {},
    { attack_zones: null },
    { attack_zones: 'head' },
    { attack_zones: [] },
    { attack_zones: ['tail', 7, null, ['head'], { head: 1 }] },
    { attack_zones: { 0: 'head', length: 1 } },
    { attack_zones: [...Array(16).fill('tail'), 'head'] },
  ])('%j is one strike at no zone in particular', (ofA) => {
    expect(guarded(ofA, {})).toEqual(['arms hit 10']);
  });

  test('a strike at no zone in particular is no way round a guard', () => {
    expect(guarded({}, { block_zones: ['arms'] })).toEqual(['arms block 0']);
  });

  test.each([null, 'head', 5, [[]], { head: true }])('%j guards nothing', (block_zones) => {
    expect(guarded({ attack_zones: ['head'] }, { block_zones })).toEqual(['head hit 10']);
  });
});

describe('seeded chance', () => {
  /** How often A's strike at B comes to each outcome, of 10,000 seeded ones. */
  function frequencies(a: object, b: object) {
    const view = viewOf({ A: { stats: { ...CERTAIN, ...a } }, B: { stats: { ...CERTAIN, ...b } } });
    const counts: Record<string, number> = { hit: 0, crit: 0, miss: 0, dodge: 0, parry: 0, block: 0 };
    for (let n = 0; n < ROLLS; n++) counts[classic.resolve(exchange({}, null), view, seeded(n)).hits[0]!.outcome]!++;
    return Object.fromEntries(Object.entries(counts).map(([outcome, count]) => [outcome, count / ROLLS]));
  }

  test.each([
    ['accuracy 0.7 misses 30%', { accuracy: 0.7 }, {}, 'miss', 0.3],
    ['crit chance 0.2 crits 20%', { crit_chance: 0.2 }, {}, 'crit', 0.2],
    ['dodge 0.3 dodges 30%', {}, { dodge: 0.3 }, 'dodge', 0.3],
    ['parry 0.3 after dodge 0.5 parries 15%', {}, { dodge: 0.5, parry: 0.3 }, 'parry', 0.15],
    ['dodge 1 dodges its cap of 75%', {}, { dodge: 1 }, 'dodge', 0.75],
  ])('%s of the time', (_, a, b, outcome, expected) => {
    expect(Math.abs(frequencies(a, b)[outcome]! - expected)).toBeLessThan(0.015);
  });

  test('crits at a dummy come as often as at anybody', () => {
    const view = viewOf({ A: { stats: { ...CERTAIN, crit_chance: 0.2 } }, B: { stats: CERTAIN } });
    let crits = 0;
    for (let n = 0; n < ROLLS; n++) {
      if (classic.resolve(forced(), view, seeded(n)).hits[0]!.outcome === 'crit') crits++;
    }
    expect(Math.abs(crits / ROLLS - 0.2)).toBeLessThan(0.015);
  });
});
