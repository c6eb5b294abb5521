import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { resolve } from '#combat/battle.ts';
import type { RuleBook } from '#combat/rules.ts';
import { ruleBook } from '#combat/rules.ts';
import { encodeResult } from '#contracts/result.ts';
import { brief, exchange, instant, LogBench, START, told } from './log-bench.ts';
import { bookOf, plain, resolvePlain } from './plain-rules.ts';

/** A bench with one forced blow of A at B waiting for the executor. */
function waiting(rules?: RuleBook, payload: object = {}, others: readonly string[] = []): LogBench {
  const bench = LogBench.open({ teams: { blue: ['B', ...others], red: ['A'] } }, rules);
  bench.strike('A', 'B', payload);
  bench.timeout({ move_id: 'm1' });
  bench.collect();
  return bench;
}

const vitals = (id: string, value: unknown) => ({ hits: [], vitals: new Map([[id, value]]) });
const HIT = { source_id: 'A', target_id: 'B', wave: 1, hand: 'main', outcome: 'hit', damage: 1 };

describe('batches', () => {
  test('C10 40 actors, 150 actions waiting: batches of 5, every action once, in emission order', () => {
    const blues = Array.from({ length: 20 }, (_, at) => `B${at}`);
    const reds = blues.map((id) => `R${id.slice(1)}`);
    const bench = LogBench.open({ teams: { blue: blues, red: reds } });
    for (let blow = 0; blow < 150; blow++) {
      const [source, target] = [blues[blow % 20]!, reds[(blow + Math.floor(blow / 20)) % 20]!];
      bench.declare(exchange(`x${blow}`, source, target, { damage: 0 }));
      bench.timeout({ move_id: `x${blow}` });
    }
    const order = bench.pool();
    let batches = 0;
    for (let decision = bench.collect(); decision.dispatch !== null; decision = bench.collect()) {
      expect(decision.dispatch).toEqual({ batchSize: 5 });
      expect(bench.execute({ size: decision.dispatch.batchSize })!.results).toHaveLength(5);
      batches += 1;
    }
    expect(batches).toBe(30);
    expect(brief(bench.actions)).toEqual(order.map((id) => `${id}!`));
    expect(told(bench.results)).toEqual(order.map((_, at) => `${at + 1} done`));
  });

  test.each([
    [1, 100],
    [2, 100],
    [3, 66],
    [7, 28],
    [39, 5],
    [40, 5],
    [41, 5],
    [100, 5],
  ])('the size is clamp(floor(200 / living), 5, 100): %i living, %i actions', (living, size) => {
    const bench = LogBench.open({ teams: { blue: Array.from({ length: 100 }, (_, at) => `B${at}`), red: ['A'] } });
    bench.declare(instant('i', 'A', 'self'));
    bench.collect();
    for (let at = 0; at <= 100 - living; at++) bench.leave(`B${at}`);
    expect(bench.fight.roster.living).toBe(living);
    expect(bench.decision().dispatch).toEqual({ batchSize: size });
  });

  test('how actions are cut into batches never changes an outcome', () => {
    const outcomes = [1, 2, 3, 5, 100].map((size) => {
      const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A', 'D'] } });
      bench.declare(instant('i', 'A', 'all_enemies', { damage: 60 }), exchange('ab', 'A', 'B', { damage: 50 }));
      bench.declare(
        exchange('ba', 'B', 'A'),
        exchange('bd', 'B', 'D'),
        exchange('db', 'D', 'B'),
        exchange('dc', 'D', 'C'),
      );
      bench.declare(instant('boom', 'C', 'self', { boom: true }), instant('late', 'B', 'all_enemies', { damage: 1 }));
      bench.timeout({ move_id: 'dc' });
      bench.collect();
      while (bench.execute({ size }) !== null);
      return {
        results: bench.results,
        vitals: [...bench.fight.roster.byId.values()].map(({ vitals }) => vitals),
        queues: ['A', 'B', 'C', 'D'].map((id) => bench.queue(id)),
        step: bench.fight.step,
      };
    });
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
    expect(told(outcomes[0]!.results)).toEqual([
      '1 done',
      '2 failed boom',
      '3 done',
      '4 done',
      '5 skipped source_dead',
      '6 done',
    ]);
  });

  test('a result takes fewer actions than asked rather than pass 256 KiB', () => {
    const bulky = { ...HIT, note: 'n'.repeat(60_000) };
    const bench = LogBench.open(
      { teams: { blue: ['B'], red: ['A'] } },
      bookOf(() => ({ hits: [bulky], vitals: new Map() })),
    );
    bench.declare(...Array.from({ length: 10 }, (_, at) => instant(`i${at}`, 'A', 'self')));
    bench.collect();
    const taken: number[] = [];
    for (let result = bench.execute(); result !== null; result = bench.execute()) {
      expect(encodeResult(result).length).toBeLessThanOrEqual(256 * 1024);
      taken.push(result.results.length);
    }
    expect(taken).toEqual([4, 4, 2]);
    expect(told(bench.results)).toEqual(Array.from({ length: 10 }, (_, at) => `${at + 1} done`));
  });

  test('an outcome that fits no message fails alone, and the next are played', () => {
    const bench = LogBench.open(
      { teams: { blue: ['B'], red: ['A'] } },
      bookOf((action) => ({
        hits: action.move.move_id === 'big' ? [{ ...HIT, note: 'n'.repeat(300_000) }] : [],
        vitals: new Map([['B', { hp: 1, dead: false, struck: 0 }]]),
      })),
    );
    bench.declare(instant('a', 'A', 'self'), instant('big', 'A', 'self'), instant('c', 'A', 'self'));
    bench.collect();
    while (bench.execute() !== null);
    expect(told(bench.results).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      '1 done',
      '2 failed',
      '3 done',
    ]);
    expect(bench.results[1]!.reason).toMatch(/bytes/);
  });

  test('a result stays within 256 KiB however many die in it', () => {
    const enemies = Array.from({ length: 1000 }, (_, at) => `b${String(at).padStart(63, '0')}`);
    for (const pad of [0, 40, 80, 120, 160]) {
      const rules = bookOf((action) => ({
        hits: [],
        vitals: new Map(
          (action.move.targets ?? []).map((id) => [id, { hp: 0, dead: true, struck: 0, pad: 'p'.repeat(pad) }]),
        ),
      }));
      const bench = LogBench.open({ teams: { blue: enemies, red: ['A'] } }, rules);
      bench.declare(instant('i', 'A', 'all_enemies'));
      bench.collect();
      const result = resolve(bench.battle, { size: 100 })!;
      expect([pad, encodeResult(result).length <= 256 * 1024]).toEqual([pad, true]);
    }
  });
});

describe('what becomes of an action', () => {
  test('C15 rules throw on one of three: two done, one failed, the loop goes on, everything comes back', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C', 'D'], red: ['A'] } });
    bench.declare(exchange('ab', 'A', 'B'), exchange('ac', 'A', 'C', { boom: true }), exchange('ad', 'A', 'D'));
    bench.declare(exchange('ba', 'B', 'A'), exchange('ca', 'C', 'A'), exchange('da', 'D', 'A'));
    bench.settle();
    expect(told(bench.results)).toEqual(['1 done', '2 failed boom', '3 done']);
    expect(bench.results[1]).toEqual({ action_id: '2', status: 'failed', reason: 'boom', hits: [] });
    expect(['A', 'B', 'C', 'D'].map((id) => bench.hp(id))).toEqual([80, 90, 100, 90]);
    expect(bench.fight.step).toBe(2);
    expect(['A', 'B', 'C', 'D'].map((id) => bench.queue(id))).toEqual([['B', 'C', 'D'], ['A'], ['A'], ['A']]);
    expect(bench.strike('A', 'C').accepted).toBe(true);
  });

  test('exchanges: skipped where the source or the target is dead or gone, the source first', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C', 'D'], red: ['A', 'E', 'F'] } });
    bench.declare(
      exchange('kill', 'A', 'B', { damage: 1000 }),
      exchange('be', 'B', 'E'),
      exchange('eb', 'E', 'B'),
      exchange('fb', 'F', 'B'),
      exchange('fc', 'F', 'C'),
      exchange('ec', 'E', 'C'),
      exchange('bf', 'B', 'F'),
    );
    for (const id of ['kill', 'ec', 'fc']) bench.timeout({ move_id: id });
    const { through, actions } = bench.decision();
    expect(brief(actions)).toEqual(['be+eb', 'fb+bf', 'kill!', 'fc!', 'ec!']);
    const [pair, second, kill, fc, ec] = actions;
    const order = [
      kill!,
      pair!,
      { ...second!, move: second!.partner_move!, partner_move: second!.move },
      second!,
      fc!,
      ec!,
    ];
    bench.append('action', {
      session_id: 's1',
      through,
      actions: order.map((action, at) => ({ ...action, action_id: String(at + 1) })),
    });
    bench.leave('C');
    bench.leave('F');
    const result = bench.execute()!;
    expect(told(result.results)).toEqual([
      '1 done',
      '2 skipped source_dead', //  B strikes E
      '3 skipped source_dead', //  B strikes F, who is gone: the source comes first
      '4 skipped source_gone', //  F strikes B
      '5 skipped source_gone', //  F strikes C
      '6 skipped target_gone', //  E strikes C
    ]);
    expect(result.target_returns).toEqual([]);
    expect(result.deaths).toEqual(['B']);
    expect(result.step).toBe(1);
  });

  test('a target killed earlier in the batch: skipped, target_dead; nothing comes back', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A', 'E'] } });
    bench.declare(exchange('ab', 'A', 'B', { damage: 1000 }), exchange('eb', 'E', 'B'));
    bench.timeout({ move_id: 'ab' });
    bench.timeout({ move_id: 'eb' });
    bench.collect();
    const result = bench.execute()!;
    expect(told(result.results)).toEqual(['1 done', '2 skipped target_dead']);
    expect(result).toMatchObject({ executed: 2, step: 1, deaths: ['B'], target_returns: [] });
  });

  test('instants and items: over the targets that still live; step stays, nothing returns', () => {
    const seen: unknown[] = [];
    const bench = LogBench.open(
      { teams: { blue: ['B', 'C', 'D'], red: ['A'] } },
      bookOf((action, view) => {
        seen.push(action.move.targets);
        return resolvePlain(action, view);
      }),
    );
    bench.declare(
      instant('i1', 'A', 'all_enemies', { damage: 100 }),
      { ...instant('i2', 'A', 'all_enemies'), strategy: 'item' },
      instant('i3', 'B', 'A', { damage: 50 }),
    );
    bench.collect();
    bench.leave('D');
    const result = bench.execute()!;
    expect(seen).toEqual([['B', 'C']]);
    expect(told(result.results)).toEqual(['1 done', '2 skipped no_target', '3 skipped source_dead']);
    expect(result).toMatchObject({ step: 0, target_returns: [], deaths: ['B', 'C'] });
  });

  test('the target of an unanswered blow gets nothing back, the one of an answered blow does; the dead nothing', () => {
    const answered = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    answered.strike('A', 'B', { damage: 1000 });
    answered.strike('B', 'A');
    answered.collect();
    expect(answered.execute()!.target_returns).toEqual([]);
    expect(waiting().execute()!.target_returns).toEqual([['A', 'B']]);
    expect(waiting(undefined, { boom: true }).execute()!.target_returns).toEqual([['A', 'B']]);
  });

  test('the first action given up on is failed without being tried, unless it would be skipped; only the first', () => {
    const tried: string[] = [];
    const rules = bookOf((action, view) => {
      tried.push(action.action_id);
      return resolvePlain(action, view);
    });
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } }, rules);
    bench.declare(exchange('ab', 'A', 'B'), exchange('ac', 'A', 'C'));
    bench.timeout({ move_id: 'ab' });
    bench.timeout({ move_id: 'ac' });
    bench.collect();
    expect(told(bench.execute({ giveUpOnFirst: 'the rules\nhang' })!.results)).toEqual([
      '1 failed the rules hang',
      '2 done',
    ]);
    expect(tried).toEqual(['2']);
    expect(bench.queue('A')).toEqual(['B', 'C']);

    const gone = waiting(rules, {}, ['C']);
    gone.leave('B');
    expect(told(gone.execute({ giveUpOnFirst: 'hang' })!.results)).toEqual(['1 skipped target_gone']);
  });

  test('nothing waits, nothing is resolved; resolving changes nothing', () => {
    expect(resolve(new LogBench().battle, { size: 5 })).toBe(null);
    const bench = waiting();
    expect(resolve(bench.battle, { size: 5 })).toEqual(resolve(bench.battle, { size: 5 }));
    expect(bench.battle.melee).toMatchObject({ executed: 0, step: 0 });
    bench.execute();
    expect(resolve(bench.battle, { size: 5 })).toBe(null);
  });

  test('chance depends on seed and ordinal alone', () => {
    const rolls = (seed: string, size: number) => {
      const seen: number[] = [];
      const bench = LogBench.open(
        { teams: { blue: ['B'], red: ['A'] }, seed },
        bookOf((_action, _view, chance) => {
          seen.push(chance.roll(), chance.integer(1, 1000));
          return { hits: [], vitals: new Map() };
        }),
      );
      bench.declare(...Array.from({ length: 6 }, (_, at) => instant(`i${at}`, 'A', 'self')));
      bench.collect();
      while (bench.execute({ size }) !== null);
      return seen;
    };
    expect(rolls('s', 6)).toEqual(rolls('s', 1));
    expect(rolls('s', 6)).not.toEqual(rolls('t', 6));
    expect(new Set(rolls('s', 6)).size).toBe(12);
  });
});

describe('outcomes that are none make the action failed, and leave the state alone', () => {
  const alive = { hp: 50, dead: false, struck: 1 };
  const bad: [string, () => unknown][] = [
    ['undefined', () => undefined],
    ['null', () => null],
    ['a number', () => 7],
    ['a function', () => () => 0],
    ['a promise', () => Promise.resolve({ hits: [], vitals: new Map() })],
    ['no hits', () => ({ vitals: new Map() })],
    ['no vitals', () => ({ hits: [] })],
    ['vitals as a list', () => ({ hits: [], vitals: [['B', alive]] })],
    ['hits of nonsense', () => ({ hits: 'nonsense', vitals: new Map() })],
    ['a hit without damage', () => ({ hits: [{ ...HIT, damage: undefined }], vitals: new Map() })],
    ['a hit of NaN', () => ({ hits: [{ ...HIT, damage: Number.NaN }], vitals: new Map() })],
    ['a hit of Infinity', () => ({ hits: [{ ...HIT, damage: Number.POSITIVE_INFINITY }], vitals: new Map() })],
    ['a hit by nobody’s id', () => ({ hits: [{ ...HIT, source_id: 'no one' }], vitals: new Map() })],
    ['a hit with an unknown outcome', () => ({ hits: [{ ...HIT, outcome: 'kiss' }], vitals: new Map() })],
    ['a BigInt in hits', () => ({ hits: [{ ...HIT, more: 1n }], vitals: new Map() })],
    [
      'a cycle in hits',
      () => ({
        hits: [
          Object.assign(
            { ...HIT },
            {
              self: HIT,
              get loop() {
                return this;
              },
            },
          ),
        ],
        vitals: new Map(),
      }),
    ],
    ['vitals without hp', () => vitals('B', { dead: false })],
    ['vitals of NaN', () => vitals('B', { ...alive, hp: Number.NaN })],
    ['vitals of BigInt', () => vitals('B', { ...alive, hp: 1n })],
    ['vitals that are undefined', () => vitals('B', undefined)],
    ['vitals of an unknown actor', () => vitals('nobody', alive)],
    ['vitals of a number for an id', () => vitals(7 as never, alive)],
    ['vitals of __proto__', () => vitals('__proto__', alive)],
    [
      'one good and one bad vitals',
      () => ({
        hits: [],
        vitals: new Map<string, unknown>([
          ['A', alive],
          ['B', {}],
        ]),
      }),
    ],
    [
      'vitals whose hp throws',
      () =>
        vitals('B', {
          get hp() {
            throw new Error('trap');
          },
        }),
    ],
    [
      'nesting deeper than any stack',
      () => {
        let deep: unknown = 1;
        for (let at = 0; at < 100_000; at++) deep = [deep];
        return vitals('B', { ...alive, deep });
      },
    ],
    [
      'a thrown text',
      () => {
        throw 'text';
      },
    ],
    [
      'a thrown null',
      () => {
        throw null;
      },
    ],
    [
      'a thrown object that cannot be shown',
      () => {
        throw Object.create(null);
      },
    ],
    [
      'a thrown error of many lines',
      () => {
        throw new Error(`a\nb\u0000${'c'.repeat(10_000)}`);
      },
    ],
    [
      'an endless recursion',
      () => {
        const again = (): number => again() + 1;
        return again();
      },
    ],
  ];
  test.each(bad)('%s', (_, resolution) => {
    const bench = waiting(bookOf(resolution));
    const result = bench.execute()!;
    expect(result.results).toMatchObject([{ action_id: '1', status: 'failed', hits: [] }]);
    expect(result.results[0]!.reason).toMatch(/^[^\n]{1,240}$/);
    expect(result).toMatchObject({ executed: 1, step: 0, actors: [], deaths: [], target_returns: [['A', 'B']] });
    expect(bench.fight.executed).toBe(1);
    expect(bench.hp('B')).toBe(100);
    expect(bench.queue('A')).toEqual(['B']);
  });

  test.each([1_000, 1_190, 1_200, 1_500, 3_000])(
    'I4 an outcome nested %i deep gets a result that every fold can read',
    (depth) => {
      let deep: unknown = 1;
      for (let at = 0; at < depth; at++) deep = [deep];
      for (const outcome of [
        { hits: [], vitals: { B: { ...alive, deep } } },
        { hits: [{ ...HIT, deep }], vitals: {} },
      ]) {
        const bench = waiting(bookOf(() => outcome));
        bench.execute();
        expect([bench.fight.executed, bench.battle.melee!.executed]).toEqual([1, 1]);
      }
    },
  );

  test('raising the dead; but vitals of the dead may change otherwise, and are no second death', () => {
    const bench = LogBench.open(
      { teams: { blue: ['B', 'C'], red: ['A'] } },
      bookOf((action) => vitals('B', action.move.payload.give)),
    );
    const dead = { hp: 0, dead: true, struck: 1 };
    bench.declare(
      instant('1', 'A', 'self', { give: dead }),
      instant('2', 'A', 'self', { give: alive }),
      instant('3', 'A', 'self', { give: { ...dead, struck: 9 } }),
    );
    bench.collect();
    const result = bench.execute()!;
    expect(told(result.results)).toEqual([
      '1 done',
      '2 failed invalid outcome: B is dead, and death is final',
      '3 done',
    ]);
    expect(result.deaths).toEqual(['B']);
    expect(result.actors).toEqual([['B', { ...dead, struck: 9 }]]);
  });

  test('one who left may not be given vitals', () => {
    const bench = LogBench.open(
      { teams: { blue: ['B', 'C'], red: ['A'] } },
      bookOf(() => vitals('C', alive)),
    );
    bench.declare(instant('i', 'A', 'self'));
    bench.collect();
    bench.leave('C');
    expect(told(bench.execute()!.results)).toEqual([
      '1 failed invalid outcome: vitals of "C", who is not in the session',
    ]);
  });

  test('vitals may come as an object as well as in a Map, and mean the same', () => {
    const results = [new Map([['B', alive]]), { B: alive }].map((given) =>
      waiting(bookOf(() => ({ hits: [], vitals: given }))).execute(),
    );
    expect(results[0]!.actors).toEqual([['B', alive]]);
    expect(results[1]).toEqual(results[0]);
  });

  test('vitals of the rules’ own travel as they are', () => {
    const own = { ...alive, statuses: [{ name: 'burn', until: 7 }], tokens: { fury: 2 }, note: 'ü' };
    const bench = waiting(bookOf(() => vitals('B', own)));
    bench.execute();
    expect(bench.actor('B').vitals).toEqual(own);
    expect(bench.battle.melee!.byId.get('B')!.seen.vitals).toEqual(own);
  });
});

describe('I9 rules that change what they are shown change nothing', () => {
  type Loose = Record<string, never> & { vitals: Record<string, unknown>; stats: Record<string, unknown> };
  // Each mutation is tried by the first action, which then throws or not; the second looks and hurts.
  const mutations: [string, (view: { actor(id: string): unknown; step: number }, action: unknown) => void][] = [
    [
      'vitals',
      (view) => {
        (view.actor('B') as Loose).vitals.hp = 1;
      },
    ],
    [
      'stats',
      (view) => {
        (view.actor('B') as Loose).stats.damage = 999;
      },
    ],
    [
      'the vitals of an actor as a whole',
      (view) => {
        (view.actor('B') as Loose).vitals = { hp: 1, dead: false, struck: 0 };
      },
    ],
    [
      'the stats of an actor as a whole',
      (view) => {
        (view.actor('B') as Loose).stats = { hp: 1, damage: 999 };
      },
    ],
    [
      'who is gone',
      (view) => {
        Object.assign(view.actor('B') as object, { gone: true });
      },
    ],
    [
      'the step',
      (view) => {
        view.step = 99;
      },
    ],
    [
      'the action',
      (_view, action) => {
        (action as { move: { payload: Record<string, unknown> } }).move.payload.target_id = 'C';
      },
    ],
  ];
  for (const [what, mutate] of mutations) {
    for (const throwing of [false, true]) {
      test(`${what}${throwing ? ', and then throw' : ''}`, () => {
        const rules = (mutating: boolean) =>
          bookOf((action, view) => {
            if (action.move.payload.mutate === true) {
              try {
                if (mutating) mutate(view as never, action);
              } catch {
                // refused, as it should be
              }
              if (throwing) throw new Error('thrown');
              return { hits: [], vitals: new Map() };
            }
            return resolvePlain(action, view);
          });
        const fight = (mutating: boolean) => {
          const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } }, rules(mutating));
          bench.declare(exchange('ab', 'A', 'B', { mutate: true }), exchange('ac', 'A', 'C'), exchange('ca', 'C', 'A'));
          bench.declare(exchange('ba', 'B', 'A'), instant('i', 'A', 'B', { damage: 1, mutate: true }));
          bench.declare(instant('j', 'A', 'B', { damage: 1 }));
          bench.collect();
          const results = bench.execute();
          return { results, hp: ['A', 'B', 'C'].map((id) => bench.hp(id)), battle: bench.battle.melee!.teams };
        };
        expect(fight(true)).toEqual(fight(false));
      });
    }
  }

  test('stats, even where their schema froze the outside of them', () => {
    const stats = z
      .object({ hp: z.number().default(100), skills: z.object({ power: z.number() }).default({ power: 1 }) })
      .readonly();
    const rules = ruleBook([
      {
        ...plain,
        stats: stats as never,
        initial: () => ({ hp: 100, dead: false, struck: 0 }),
        resolve: (_action, view) => {
          const { skills } = view.actor('A').stats as unknown as { skills: { power: number } };
          try {
            skills.power += 1;
          } catch {
            // refused, as it should be
          }
          return { hits: [], vitals: new Map([['B', { hp: skills.power, dead: false, struck: 0 }]]) };
        },
      },
    ]);
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } }, rules);
    bench.declare(instant('i', 'A', 'self'), instant('j', 'A', 'self'));
    bench.collect();
    expect(bench.execute()!.actors).toEqual([['B', { hp: 1, dead: false, struck: 0 }]]);
  });

  test('the view has everybody in roster order, the dead included and the gone not', () => {
    const seen: string[][] = [];
    const bench = LogBench.open(
      { teams: { white: ['W'], blue: ['C', 'B'], red: ['A'] }, actors: { W: { stats: { dead: true } } } },
      bookOf((_action, view) => {
        seen.push([...view.actors.values()].map(({ id, team, vitals }) => `${id} ${team} ${vitals.hp}`));
        expect(() => view.actor('nobody')).toThrow();
        expect(() => view.actor('C')).toThrow();
        return { hits: [], vitals: new Map([['B', { hp: 7, dead: false, struck: 0 }]]) };
      }),
    );
    bench.join('N', 'blue');
    bench.leave('C');
    bench.declare(instant('i', 'A', 'self'), instant('j', 'A', 'self'));
    bench.collect();
    bench.execute();
    expect(seen).toEqual([
      ['B blue 100', 'N blue 100', 'A red 100', 'W white 100'],
      ['B blue 7', 'N blue 100', 'A red 100', 'W white 100'],
    ]);
    expect(bench.time).toBe(START);
  });
});

describe('results that do not follow are ignored by both folds', () => {
  const result = (over: object) => ({
    session_id: 's1',
    through: 4,
    executed: 1,
    step: 1,
    results: [{ action_id: '1', status: 'done', hits: [] }],
    actors: { B: { hp: 1, dead: false } },
    deaths: [],
    target_returns: [['A', 'B']],
    ...over,
  });
  test.each([
    ['an ordinal that is not the next', { results: [{ action_id: '2', status: 'done', hits: [] }] }],
    ['an ordinal with a leading zero', { results: [{ action_id: '01', status: 'done', hits: [] }] }],
    [
      'more results than actions',
      { executed: 2, results: ['1', '2'].map((action_id) => ({ action_id, status: 'done', hits: [] })) },
    ],
    ['a total that does not add up', { executed: 2 }],
    ['no results', { executed: 0, results: [] }],
    ['a step that is no number', { step: '1' }],
    ['another session’s id', { session_id: 's2' }],
  ])('%s', (_, over) => {
    const bench = waiting();
    const { refused } = bench.append('result', result(over));
    expect(refused).toEqual(expect.any(String));
    expect([bench.fight.executed, bench.battle.melee!.executed, bench.hp('B')]).toEqual([0, 0, 100]);
    expect(bench.battle.melee!.byId.get('B')!.seen.vitals.hp).toBe(100);
    expect([bench.session.last.result, bench.battle.lastResult]).toEqual([bench.seq, bench.seq]);
    bench.execute();
    expect(told(bench.results)).toEqual(['1 done']);
  });

  test('a step that goes back', () => {
    const bench = waiting();
    bench.execute();
    bench.strike('A', 'B');
    bench.timeout({ move_id: 'm2' });
    bench.collect();
    bench.append('result', result({ executed: 2, step: 0, results: [{ action_id: '2', status: 'done', hits: [] }] }));
    expect([bench.fight.executed, bench.battle.melee!.executed, bench.fight.step]).toEqual([1, 1, 1]);
  });

  test('the same result twice', () => {
    const bench = waiting();
    const once = resolve(bench.battle, { size: 5 })!;
    bench.append('result', once);
    bench.append('result', once);
    expect(told(bench.results)).toEqual(['1 done']);
    expect([bench.fight.executed, bench.hp('B')]).toEqual([1, 90]);
  });

  test('actions whose ordinals do not go on are ignored by both folds, whole', () => {
    const bench = waiting();
    const action = {
      action_id: '2',
      type: 'exchange',
      move: exchange('x', 'A', 'B'),
      partner_move: null,
      is_forced: true,
    };
    for (const ids of [['1'], ['3'], ['2', '4'], ['2', '2'], ['02']]) {
      const actions = ids.map((action_id) => ({ ...action, action_id }));
      const { refused } = bench.append('action', { session_id: 's1', through: 1, actions });
      expect(refused).toMatch(/do not continue/);
    }
    expect([bench.fight.emitted, bench.battle.melee!.emitted, bench.actor('B').afkLevel]).toEqual([1, 1, 1]);
  });
});

test('an instant that names no targets, as a stranger may write it, is skipped', () => {
  const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
  const action = {
    action_id: '1',
    type: 'instant',
    move: instant('i1', 'A', 'B'),
    partner_move: null,
    is_forced: false,
  };
  bench.append('action', { session_id: 's1', through: 1, actions: [action] });
  expect(told(bench.execute()!.results)).toEqual(['1 skipped no_target']);
});
