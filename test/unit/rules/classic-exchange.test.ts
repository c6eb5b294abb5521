import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#contracts/json.ts';
import { weighted } from '#policies/weighted/weighted.ts';
import { classic } from '#rules/classic/classic.ts';
import type { ClassicVitals } from '#rules/classic/vitals.ts';
import { CERTAIN, exchange, forced, HIGH, LOW, loaded, seeded, told, viewOf } from './classic-fight.ts';

const OFF_HAND = { off_hand: { damage: 4, spread: 0 } };
/** Dodges where the dice are low, and then counters where they are low too. */
const NIMBLE = { dodge: 0.5, counter: 0.5 };
/** Dice of a strike that is not evaded, and of one that is dodged: accuracy, crit, dodge and, if need be, parry. */
const LANDS = [LOW, HIGH, HIGH, HIGH];
const DODGED = [LOW, HIGH, LOW];

function fight(a: object, b: object, dice: number[] = [], action = exchange()) {
  const view = viewOf({ A: { stats: { ...CERTAIN, ...a } }, B: { stats: { ...CERTAIN, ...b } } });
  const outcome = classic.resolve(action, view, loaded(...dice));
  return { told: told(outcome), vitals: outcome.vitals };
}

describe('wave 1', () => {
  test('both strike, the source first in the report', () => {
    expect(fight({}, {}).told).toEqual(['1 A>B main hit 10', '1 B>A main hit 10']);
  });

  test('is computed from the state before it: a mutual kill is possible', () => {
    const { told, vitals } = fight({ hp: 8 }, { hp: 9 });
    expect(told).toEqual(['1 A>B main hit 10', '1 B>A main hit 10']);
    expect([...vitals.values()].map(({ hp, dead }) => ({ hp, dead }))).toEqual([
      { hp: 0, dead: true },
      { hp: 0, dead: true },
    ]);
  });

  test('all strikes of a scattered blow fall, also after a deadly one', () => {
    const { told, vitals } = fight({}, { hp: 1 }, [], exchange({ attack_zones: ['head', 'legs'] }, null));
    expect(told).toEqual(['1 A>B main hit 5', '1 A>B main hit 5']);
    expect(vitals.get('B')).toMatchObject({ hp: 0, dead: true });
  });

  test('whoever nothing happened to is not among the changed', () => {
    expect([...fight({ accuracy: 0 }, {}).vitals.keys()]).toEqual(['A']);
  });

  test('without a partner move the target only defends itself', () => {
    expect(fight({}, NIMBLE, [...DODGED, HIGH], exchange({}, null)).told).toEqual(['1 A>B main dodge 0']);
  });
});

describe('waves 2 and 3', () => {
  test('whoever dodged may counter, in wave 2', () => {
    expect(fight({}, NIMBLE, [...DODGED, ...LANDS, LOW]).told).toEqual([
      '1 A>B main dodge 0',
      '1 B>A main hit 10',
      '2 B>A main hit 10',
    ]);
  });

  test('whoever parried may counter', () => {
    const parried = [LOW, HIGH, HIGH, LOW];
    expect(fight({}, { parry: 0.5, counter: 0.5 }, [...parried, ...LANDS, LOW]).told).toEqual([
      '1 A>B main parry 0',
      '1 B>A main hit 10',
      '2 B>A main hit 10',
    ]);
  });

  test('a block gives no counter-attack', () => {
    const blocked = exchange({ attack_zones: ['head'] }, { block_zones: ['head'] });
    expect(fight({}, { counter: 1 }, [], blocked).told).toEqual(['1 A>B main block 0', '1 B>A main hit 10']);
  });

  test('several strikes dodged at once give one counter-attack', () => {
    const scattered = exchange({ attack_zones: ['head', 'legs'] }, null);
    expect(fight({}, NIMBLE, [...DODGED, ...DODGED, LOW], scattered).told).toEqual([
      '1 A>B main dodge 0',
      '1 A>B main dodge 0',
      '2 B>A main hit 10',
    ]);
  });

  test('a counter-attack that is dodged is countered in wave 3, and there it ends', () => {
    const dice = [...DODGED, ...LANDS, LOW, ...DODGED, LOW, ...DODGED, LOW];
    expect(fight(NIMBLE, NIMBLE, dice).told).toEqual([
      '1 A>B main dodge 0',
      '1 B>A main hit 10',
      '2 B>A main dodge 0',
      '3 A>B main dodge 0',
    ]);
  });

  test('nobody counters twice in one exchange', () => {
    // B dodges the main blow and counters; B dodges the off-hand strike of wave 2 and has had its counter-attack.
    const dice = [...DODGED, ...LANDS, LOW, ...LANDS, ...DODGED, LOW];
    expect(fight(OFF_HAND, NIMBLE, dice).told).toEqual([
      '1 A>B main dodge 0',
      '1 B>A main hit 10',
      '2 B>A main hit 10',
      '2 A>B off dodge 0',
    ]);
  });

  test('an off-hand strike that is dodged is countered in wave 3', () => {
    const dice = [...LANDS, ...LANDS, ...DODGED, LOW];
    expect(fight(OFF_HAND, NIMBLE, dice).told).toEqual([
      '1 A>B main hit 10',
      '1 B>A main hit 10',
      '2 A>B off dodge 0',
      '3 B>A main hit 10',
    ]);
  });

  test('there is no wave 4: a counter-attack of wave 3 that is dodged is not countered', () => {
    const dice = [...LANDS, ...LANDS, ...DODGED, LOW, ...DODGED, LOW, ...LANDS];
    expect(fight({ ...NIMBLE, ...OFF_HAND }, NIMBLE, dice).told).toEqual([
      '1 A>B main hit 10',
      '1 B>A main hit 10',
      '2 A>B off dodge 0',
      '3 B>A main dodge 0',
    ]);
  });

  test('a second weapon gives one off-hand strike, whatever became of the first blow', () => {
    expect(fight(OFF_HAND, OFF_HAND, [LOW, HIGH, HIGH, HIGH, HIGH]).told).toEqual([
      '1 A>B main hit 10',
      '1 B>A main hit 10',
      '2 A>B off hit 4',
      '2 B>A off hit 4',
    ]);
    expect(fight({ ...OFF_HAND, accuracy: 0.5 }, {}, [HIGH, ...LANDS, LOW]).told).toEqual([
      '1 A>B main miss 0',
      '1 B>A main hit 10',
      '2 A>B off hit 4',
    ]);
  });

  test('do not come where wave 1 killed', () => {
    expect(fight({ ...OFF_HAND }, { hp: 10 }).told).toEqual(['1 A>B main hit 10', '1 B>A main hit 10']);
  });

  test('wave 3 does not come where wave 2 killed', () => {
    const dice = [...LANDS, ...LANDS, ...DODGED, LOW];
    expect(fight({ ...OFF_HAND, hp: 14 }, { ...NIMBLE, ...OFF_HAND }, dice).told).toEqual([
      '1 A>B main hit 10',
      '1 B>A main hit 10',
      '2 A>B off dodge 0',
      '2 B>A off hit 4',
    ]);
  });
});

describe('a forced exchange', () => {
  const allLow = Array(40).fill(LOW);
  const agile = { dodge: 1, parry: 1, counter: 1, accuracy: 1, ...OFF_HAND };

  test('has a dummy for a target: no dodge, parry, counter or off-hand', () => {
    expect(fight({}, agile, allLow, forced()).told).toEqual(['1 A>B main hit 10']);
  });

  test('has a dummy for a target: no block', () => {
    const action = { ...exchange({ attack_zones: ['head'] }, { block_zones: ['head'] }), is_forced: true };
    expect(fight({}, {}, [], action).told).toEqual(['1 A>B main hit 10']);
  });

  test('can miss and can be a crit, and resistance and armour apply', () => {
    expect(fight({ accuracy: 0.5 }, {}, [HIGH], forced()).told).toEqual(['1 A>B main miss 0']);
    const b = { resistance: 0.5, armour: 3 };
    expect(fight({ crit_chance: 0.5, crit_multiplier: 2 }, b, [LOW, LOW], forced()).told).toEqual([
      '1 A>B main crit 7',
    ]);
  });

  test("lets the source's own second weapon follow", () => {
    expect(fight(OFF_HAND, agile, [], forced()).told).toEqual(['1 A>B main hit 10', '2 A>B off hit 4']);
  });
});

describe('an outcome', () => {
  test('leaves the rest of the vitals as they were', () => {
    const view = viewOf({
      A: { stats: CERTAIN },
      B: { stats: { ...CERTAIN, items: { potion: { effect: 'heal', power: 1, charges: 3 } } }, vitals: { energy: 3 } },
    });
    const { vitals } = classic.resolve(exchange({}, null), view, loaded());
    expect(vitals.get('B')).toStrictEqual({ hp: 90, dead: false, energy: 3, charges: { potion: 3 } });
  });

  test('an exchange whose move names no target is an error', () => {
    const view = viewOf({ A: {}, B: {} });
    expect(() => classic.resolve(exchange({ target_id: null }), view, loaded())).toThrow('exchange m-A has no target');
  });
});

describe('a typical fight', () => {
  const FIGHTS = 500;
  const bots = (from: string, to: string, ordinal: number): JsonObject => {
    const request = { session_id: 's', bot_id: from, missing_targets: [to], request_id: `${from}@${ordinal}` };
    return weighted.choose(request, seeded(ordinal * 2 + (from === 'A' ? 0 : 1))).get(to)!;
  };
  const plain = (): JsonObject => ({});

  test.each([
    ['without zones', plain],
    ['between bots', bots],
  ])('%s is decided in 8 to 15 exchanges', (_, payload) => {
    const lengths: number[] = [];
    for (let n = 0; n < FIGHTS; n++) {
      let vitals: { A?: ClassicVitals; B?: ClassicVitals } = {};
      let step = 0;
      for (; !vitals.A?.dead && !vitals.B?.dead && step < 100; step++) {
        const view = viewOf({
          A: { stats: { hp: 100 }, vitals: vitals.A ?? {} },
          B: { stats: { hp: 100 }, vitals: vitals.B ?? {} },
        });
        const ordinal = n * 1_000 + step;
        const action = exchange(payload('A', 'B', ordinal), payload('B', 'A', ordinal));
        vitals = { ...vitals, ...Object.fromEntries(classic.resolve(action, view, seeded(ordinal)).vitals) };
      }
      lengths.push(step);
    }
    const mean = lengths.reduce((sum, length) => sum + length, 0) / FIGHTS;
    expect(mean).toBeGreaterThanOrEqual(8);
    expect(mean).toBeLessThanOrEqual(15);
  });
});
