import { describe, expect, test } from 'vitest';
import { chanceOf } from '#combat/chance.ts';
import { encode } from '#contracts/decode.ts';
import { brief, exchange, instant, LogBench, told } from './log-bench.ts';

const item = (moveId: string, source: string, target: unknown) => ({
  ...instant(moveId, source, target),
  strategy: 'item',
});
const targetsOf = (bench: LogBench) => bench.decision().actions.map(({ move }) => move.targets);

describe('the order of emission', () => {
  test('instants and items in order of acceptance, then pairs as completed, then the forced as accepted', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C', 'D'], red: ['A'] } });
    bench.declare(exchange('ab', 'A', 'B'), exchange('ac', 'A', 'C'), exchange('ad', 'A', 'D'));
    bench.declare(item('it1', 'C', 'self'), exchange('da', 'D', 'A'), instant('in1', 'B', 'self'));
    bench.timeout({ move_id: 'ac' });
    bench.timeout({ move_id: 'ab' });
    bench.declare(item('it2', 'A', 'self'));
    const { actions } = bench.decision();
    expect(brief(actions)).toEqual(['it1', 'in1', 'it2', 'ad+da', 'ab!', 'ac!']);
    expect(actions.map(({ action_id, type }) => `${action_id} ${type}`)).toEqual([
      '1 item',
      '2 instant',
      '3 item',
      '4 exchange',
      '5 exchange',
      '6 exchange',
    ]);
  });

  test('ordinals go on where the last message ended', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    bench.declare(instant('i1', 'A', 'self'), instant('i2', 'A', 'self'));
    bench.collect();
    bench.declare(instant('i3', 'A', 'self'));
    expect(bench.decision().actions.map(({ action_id }) => action_id)).toEqual(['3']);
    bench.settle();
    expect(told(bench.results)).toEqual(['1 done', '2 done', '3 done']);
  });

  test('a payload is passed on exactly as it came', () => {
    const bench = LogBench.open({ teams: { blue: [-7], red: [101] } });
    const payload = '{"zone":{"b":1,"a":[null,1.50,"ü"]},"__proto__":{"x":1},"9":1,"target_id":-7,"1":2}';
    const signal = `{"session_id":"s1","signal_type":"check_immediate","moves":[{"move_id":1,"char_id":101,"strategy":"exchange","payload":${payload}}]}`;
    bench.append('signal', new TextEncoder().encode(signal));
    bench.timeout({ move_id: '1' });
    const { move } = bench.decision().actions[0]!;
    expect(move).toMatchObject({ move_id: '1', char_id: '101' });
    expect(JSON.stringify(move.payload)).toBe(JSON.stringify(JSON.parse(payload)));
  });
});

describe('targets', () => {
  test('C5 a fireball on all_enemies, one of three dead: one action, two targets', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C', 'D'], red: ['A'] } });
    bench.strike('A', 'C', { damage: 1000 });
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    bench.declare(instant('fireball', 'A', 'all_enemies', { damage: 30 }));
    expect(targetsOf(bench)).toEqual([['B', 'D']]);
    bench.settle();
    expect(brief(bench.actions)).toEqual(['m1!', 'fireball']);
    expect(['B', 'C', 'D'].map((id) => bench.hp(id))).toEqual([70, 0, 70]);
  });

  test('aliases stand for the living when the action is made, in roster order; allies include the source', () => {
    const bench = LogBench.open({ teams: { z: ['Z2', 'Z1'], red: ['A', 'B', 'C'], blue: ['D'] } });
    bench.leave('B');
    bench.declare(instant('1', 'C', 'all_allies'), instant('2', 'C', 'all_enemies'), instant('3', 'C', 'self'));
    bench.declare(instant('4', 'C', 'A'), instant('5', 'C', 'random_enemy_9'));
    const [allies, enemies, self, one, drawn] = targetsOf(bench);
    expect([allies, enemies, self, one]).toEqual([['A', 'C'], ['D', 'Z2', 'Z1'], ['C'], ['A']]);
    expect([...drawn!].sort()).toEqual(['D', 'Z1', 'Z2']);
    bench.leave('A');
    expect(targetsOf(bench).slice(0, 2)).toEqual([['C'], ['D', 'Z2', 'Z1']]);
  });

  test('a newcomer is among them, who died in between is not', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    bench.strike('A', 'B', { damage: 1000 });
    bench.timeout({ move_id: 'm1' });
    bench.collect();
    bench.declare(instant('i', 'A', 'all_enemies'));
    bench.join('N', 'blue');
    expect(targetsOf(bench)).toEqual([['B', 'C', 'N']]);
    bench.execute();
    expect(targetsOf(bench)).toEqual([['C', 'N']]);
  });

  test('random_enemy_<n> draws n distinct living enemies, or all where fewer live', () => {
    const enemies = Array.from({ length: 10 }, (_, at) => `B${at}`);
    const bench = LogBench.open({ teams: { blue: enemies, red: ['A', 'A2'] } });
    bench.declare(...[1, 3, 10, 11, 9999].map((count) => instant(`i${count}`, 'A', `random_enemy_${count}`)));
    const drawn = targetsOf(bench);
    expect(drawn.map((ids) => ids!.length)).toEqual([1, 3, 10, 10, 10]);
    for (const ids of drawn) {
      expect(new Set(ids).size).toBe(ids!.length);
      expect(ids!.every((id) => enemies.includes(id))).toBe(true);
    }
  });

  test('draws come of seed and ordinal alone: the same after other moves, others for another ordinal or seed', () => {
    const enemies = Array.from({ length: 50 }, (_, at) => `B${at}`);
    const draw = (seed: string, before: number) => {
      const bench = LogBench.open({ teams: { blue: enemies, red: ['A'] }, seed });
      bench.declare(...Array.from({ length: before }, (_, at) => instant(`x${at}`, 'A', 'self')));
      if (before > 0) bench.collect();
      bench.nudge();
      bench.declare(instant(`i${Math.floor(before)}`, 'A', 'random_enemy_10'));
      return bench.decision().actions.at(-1)!.move.targets!;
    };
    expect(draw('s', 0)).toEqual(draw('s', 0));
    expect(draw('s', 3)).toEqual(draw('s', 3));
    expect(draw('s', 0)).not.toEqual(draw('s', 3));
    expect(draw('s', 0)).not.toEqual(draw('t', 0));
    expect(draw('s', 3)).toEqual(chanceOf('s', '4', 'targets').draw(enemies, 10));
  });

  test('a move whose target went is dropped with it; an alias with nobody left goes out empty and is skipped', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    bench.declare(instant('one', 'A', 'B'), instant('all', 'A', 'all_enemies'), instant('two', 'A', 'random_enemy_2'));
    bench.leave('B');
    expect(bench.pool()).toEqual(['all', 'two']);
    bench.collect();
    bench.leave('C');
    expect(bench.execute()!.results).toMatchObject([
      { action_id: '1', status: 'skipped', reason: 'no_target' },
      { action_id: '2', status: 'skipped', reason: 'no_target' },
    ]);
  });
});

describe('one message', () => {
  test('has at most 256 actions; the rest waits until it is folded', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    for (let signal = 0; signal < 3; signal++) {
      bench.declare(...Array.from({ length: 200 }, (_, at) => instant(`i${signal}x${at}`, 'A', 'self')));
    }
    bench.declare(exchange('ab', 'A', 'B'), exchange('ba', 'B', 'A'));
    const expected = bench.pool().filter((id) => id.startsWith('i'));
    const passes = [bench.collect(), bench.collect(), bench.collect(), bench.collect()];
    expect(passes.map(({ actions, more }) => [actions.length, more])).toEqual([
      [256, true],
      [256, true],
      [89, false],
      [0, false],
    ]);
    expect(brief(bench.actions)).toEqual([...expected, 'ab+ba']);
    bench.settle();
    expect(told(bench.results)).toEqual(bench.actions.map((_, at) => `${at + 1} done`));
  });

  test.each(['x', 'é', '€', '😀', '"', '\n'])('has at most 256 KiB, and no less than is sensible (%j)', (unit) => {
    const ids = Array.from({ length: 100 }, (_, at) => `${'b'.repeat(60)}${at}`);
    const reds = ids.map((id) => `r${id.slice(1)}`);
    const bench = LogBench.open({ teams: { blue: ids, red: reds } });
    const size = Buffer.byteLength(JSON.stringify(unit)) - 2;
    const payload = { pad: unit.repeat(Math.floor(1750 / size)) };
    for (const [at, id] of ids.entries()) {
      expect(bench.strike(id, reds[at]!, payload).accepted).toBe(true);
      expect(bench.strike(reds[at]!, id, payload).accepted).toBe(true);
    }
    let emitted = 0;
    for (let pass = 0; emitted < 100 && pass < 10; pass++) {
      const { actions, through } = bench.collect();
      const bytes = encode({ session_id: bench.id, through, actions }).length;
      expect(bytes).toBeLessThanOrEqual(256 * 1024);
      emitted += actions.length;
      if (emitted < 100) expect(bytes).toBeGreaterThan(200 * 1024);
    }
    expect(bench.actions.map(({ action_id }) => action_id)).toEqual(ids.map((_, at) => String(at + 1)));
  });

  test('with the largest rosters and the longest ids stays within 256 KiB too', () => {
    const enemies = Array.from({ length: 1023 }, (_, at) => `b${String(at).padStart(63, '0')}`);
    const bench = LogBench.open({ teams: { blue: enemies, red: ['A'] } });
    bench.declare(...Array.from({ length: 8 }, (_, at) => instant(`i${at}`, 'A', 'all_enemies')));
    let passes = 0;
    for (; bench.pool().length > 0 && passes < 10; passes++) {
      const { actions, through } = bench.collect();
      expect(actions.length).toBeGreaterThan(0);
      expect(encode({ session_id: bench.id, through, actions }).length).toBeLessThanOrEqual(256 * 1024);
    }
    expect(brief(bench.actions)).toEqual(['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7']);
  });

  test('a decision changes nothing: made twice, it is the same twice', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    bench.declare(exchange('ab', 'A', 'B'), exchange('ba', 'B', 'A'), instant('i', 'A', 'random_enemy_1'));
    bench.timeout();
    expect(bench.decision()).toEqual(bench.decision());
  });
});

test('forced blows that do not fit into one message wait for the next', () => {
  const ids = Array.from({ length: 257 }, (_, at) => `b${at}`);
  const bench = LogBench.open({ teams: { blue: ids, red: ['A'] } });
  for (const id of ids) bench.strike(id, 'A');
  bench.wait(60_000).timeout();
  expect(bench.collect()).toMatchObject({ more: true });
  expect(bench.collect()).toMatchObject({ more: false });
  expect(brief(bench.actions)).toEqual(ids.map((_, at) => `m${at + 1}!`));
});
