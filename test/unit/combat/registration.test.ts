import { describe, expect, test } from 'vitest';
import { brief, codes, exchange, instant, LogBench, START } from './log-bench.ts';

const trio = () => LogBench.open({ teams: { blue: ['B', 'C', 'D'], red: ['A', 'E'] } });

describe('registration', () => {
  test('C6 of three moves the second is bad: two are accepted, one is refused with its code', () => {
    const bench = trio();
    const verdicts = bench.declare(exchange('m1', 'A', 'B'), exchange('m2', 'A', 'nobody'), exchange('m3', 'A', 'C'));
    expect(verdicts).toEqual([
      { session_id: 's1', move_id: 'm1', accepted: true, seq: 2, deadline: START + 60_000 },
      { session_id: 's1', move_id: 'm2', accepted: false, seq: 2, code: 'target_unknown' },
      { session_id: 's1', move_id: 'm3', accepted: true, seq: 2, deadline: START + 60_000 },
    ]);
    expect(bench.pool()).toEqual(['m1', 'm3']);
    expect(bench.queue('A')).toEqual(['D']);
  });

  test('C11 the same signal twice, and the same move_id in another signal: one action', () => {
    const bench = trio();
    const moves = [exchange('m1', 'A', 'B'), instant('i1', 'A', 'self')];
    expect(codes(bench.declare(...moves))).toEqual(['accepted', 'accepted']);
    expect(codes(bench.declare(...moves))).toEqual(['duplicate_move', 'duplicate_move']);
    expect(codes(bench.declare(exchange('m1', 'A', 'C'), exchange('m1', 'E', 'C')))).toEqual([
      'duplicate_move',
      'duplicate_move',
    ]);
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    expect(brief(bench.actions)).toEqual(['i1', 'm1!']);
    expect(codes(bench.declare(...moves))).toEqual(['duplicate_move', 'duplicate_move']);
    bench.settle();
    expect(brief(bench.actions)).toEqual(['i1', 'm1!']);
  });

  test('C11 the same move_id twice in one signal, and once as an integer: one is accepted', () => {
    const bench = trio();
    const verdicts = bench.declare(exchange(7, 'A', 'B'), exchange('7', 'A', 'C'), exchange(7, 'E', 'D'));
    expect(codes(verdicts)).toEqual(['accepted', 'duplicate_move', 'duplicate_move']);
    expect(verdicts.map((verdict) => verdict.move_id)).toEqual(['7', '7', '7']);
  });

  test('a refused move_id may be used again', () => {
    const bench = trio();
    expect(codes(bench.declare(exchange('m1', 'A', 'nobody')))).toEqual(['target_unknown']);
    expect(codes(bench.declare(exchange('m1', 'A', 'B')))).toEqual(['accepted']);
  });

  test('C13 a signal for a session that never opened: session_not_found, and nothing is to be done', () => {
    const bench = new LogBench();
    expect(codes(bench.declare(exchange('m1', 'A', 'B'), { move_id: 'bad' }))).toEqual([
      'session_not_found',
      'session_not_found',
    ]);
    expect(bench.decision()).toEqual({
      through: 1,
      actions: [],
      more: false,
      requests: [],
      dispatch: null,
      deadline: null,
      close: null,
      blocked: null,
    });
  });

  test('C18 two equal blows published at once, in either order, 100 times over: one is accepted each time', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] }, max_steps: 1000 });
    for (let round = 0; round < 100; round++) {
      const blows = [
        exchange(`one${round}`, 'A', 'B', { damage: 0 }),
        exchange(`two${round}`, 'A', 'B', { damage: 0 }),
      ];
      if (round % 2 === 1) blows.reverse();
      // On two connections they are two signals; from one client they may come in one.
      const verdicts = round % 3 === 0 ? bench.declare(...blows) : blows.flatMap((blow) => bench.declare(blow));
      expect(codes(verdicts)).toEqual(['accepted', 'target_not_in_queue']);
      bench.strike('B', 'A', { damage: 0 });
      bench.settle();
    }
    expect(bench.actions).toHaveLength(100);
    expect(bench.fight.step).toBe(100);
  });
});

describe('the first reason that applies, in order, is the code', () => {
  // Each pair of neighbours: a move to which both apply is refused with the earlier one.
  test('session before invalid_move', () => {
    expect(codes(new LogBench().declare({}))).toEqual(['session_not_found']);
    const closed = trio();
    closed.close();
    expect(codes(closed.declare({}))).toEqual(['session_closed']);
  });

  test('invalid_move before duplicate_move', () => {
    const bench = trio();
    bench.declare(exchange('m1', 'A', 'B'));
    expect(bench.declare({ move_id: 'm1', char_id: 'A', strategy: 'exchange', payload: {} })).toEqual([
      { session_id: 's1', move_id: 'm1', accepted: false, seq: 3, code: 'invalid_move' },
    ]);
  });

  test('duplicate_move before actor', () => {
    const bench = trio();
    bench.declare(exchange('m1', 'A', 'B'));
    expect(codes(bench.declare(exchange('m1', 'nobody', 'B')))).toEqual(['duplicate_move']);
  });

  test('actor before target', () => {
    const bench = trio();
    bench.strike('A', 'B', { damage: 1000 });
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    expect(codes(bench.declare(exchange('x', 'nobody', 'nobody'), exchange('y', 'B', 'nobody')))).toEqual([
      'actor_unknown',
      'actor_dead',
    ]);
  });

  test('target before queue', () => {
    const bench = trio();
    bench.strike('A', 'B', { damage: 1000 });
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    bench.leave('C');
    expect(
      codes(bench.declare(exchange('x', 'A', 'B'), exchange('y', 'A', 'C'), exchange('z', 'A', 'nobody'))),
    ).toEqual(['target_dead', 'target_unknown', 'target_unknown']);
  });

  test('of the actor: who left is unknown, even if it died before', () => {
    const bench = trio();
    bench.leave('E');
    bench.strike('A', 'B', { damage: 1000 });
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    bench.leave('B');
    expect(codes(bench.declare(exchange('x', 'E', 'C'), exchange('y', 'B', 'A')))).toEqual([
      'actor_unknown',
      'actor_unknown',
    ]);
  });

  test('of the queue: oneself, an ally, an open blow, an action not executed yet', () => {
    const bench = trio();
    expect(codes(bench.declare(exchange('a', 'A', 'A'), exchange('b', 'A', 'E')))).toEqual([
      'target_not_in_queue',
      'target_not_in_queue',
    ]);
    bench.declare(exchange('c', 'A', 'B'));
    expect(codes(bench.declare(exchange('d', 'A', 'B')))).toEqual(['target_not_in_queue']);
    bench.timeout({ move_id: 'c' });
    bench.collect();
    expect(codes(bench.declare(exchange('e', 'A', 'B')))).toEqual(['target_not_in_queue']);
    bench.execute();
    expect(codes(bench.declare(exchange('f', 'A', 'B')))).toEqual(['accepted']);
  });
});

describe('invalid_move', () => {
  const move = exchange('m1', 'A', 'B');
  const bad: [string, unknown][] = [
    ['null', null],
    ['a number', 7],
    ['a text', 'strike'],
    ['an array', [move]],
    ['no move_id', { ...move, move_id: undefined }],
    ['a move_id of 65 characters', { ...move, move_id: 'x'.repeat(65) }],
    ['a move_id with a dot', { ...move, move_id: 'a.b' }],
    ['an empty move_id', { ...move, move_id: '' }],
    ['a move_id that is no safe integer', { ...move, move_id: 2 ** 53 }],
    ['a move_id with a fraction', { ...move, move_id: 1.5 }],
    ['no char_id', { ...move, char_id: undefined }],
    ['a char_id that is an alias', { ...move, char_id: 'self' }],
    ['an unknown strategy', { ...move, strategy: 'wait' }],
    ['no payload', { ...move, payload: undefined }],
    ['a payload that is an array', { ...move, payload: ['B'] }],
    ['no target_id', { ...move, payload: {} }],
    ['an exchange with oneself by alias', exchange('m1', 'A', 'self')],
    ['an exchange with an alias', exchange('m1', 'A', 'all_enemies')],
    ['an exchange with random enemies', exchange('m1', 'A', 'random_enemy_1')],
    ['an instant on no random enemy', instant('m1', 'A', 'random_enemy_0')],
    ['an instant on random enemies without a number', instant('m1', 'A', 'random_enemy_')],
    ['an instant on random enemies with a word', instant('m1', 'A', 'random_enemy_x')],
    ['an instant on random enemies with a fraction', instant('m1', 'A', 'random_enemy_1.5')],
    ['an instant without a target', instant('m1', 'A', undefined)],
    ['an instant on a list', instant('m1', 'A', ['B'])],
    ['more than 2 KiB', exchange('m1', 'A', 'B', { pad: 'x'.repeat(2048) })],
  ];
  test.each(bad)('%s', (_, input) => {
    const bench = trio();
    const [first, second] = bench.declare(input, exchange('good', 'A', 'B'));
    expect(first).toMatchObject({ accepted: false, code: 'invalid_move' });
    expect(second).toMatchObject({ accepted: true, move_id: 'good' });
  });

  test('2 KiB exactly is valid, one byte more is not; bytes count, not characters', () => {
    const sized = (bytes: number, unit: string) => {
      const empty = JSON.stringify(exchange('m1', 'A', 'B', { pad: '' })).length;
      const pad = unit.repeat(Math.floor((bytes - empty) / Buffer.byteLength(unit)));
      const rest = 'x'.repeat(bytes - empty - Buffer.byteLength(pad));
      return exchange('m1', 'A', 'B', { pad: pad + rest });
    };
    for (const unit of ['x', 'é', '€', '😀']) {
      expect(codes(trio().declare(sized(2048, unit)))).toEqual(['accepted']);
      expect(codes(trio().declare(sized(2049, unit)))).toEqual(['invalid_move']);
    }
  });

  test('I10 a move nested deeper than any stack is refused like any other, and throws at nobody', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const bench = trio();
    const signal = `{"session_id":"s1","signal_type":"check_immediate","moves":[{"move_id":"m1","char_id":"A","strategy":"exchange","payload":{"target_id":"B","deep":${deep}}}]}`;
    const { verdicts } = bench.append('signal', new TextEncoder().encode(signal));
    expect(verdicts).toEqual([{ session_id: 's1', move_id: 'm1', accepted: false, seq: 2, code: 'invalid_move' }]);
  });

  test('what a client writes into `targets` is nobody’s', () => {
    const bench = trio();
    bench.declare({ ...instant('i', 'A', 'self'), targets: ['B', 'C'] });
    expect(bench.decision().actions.map(({ move }) => move.targets)).toEqual([['A']]);
  });
});

describe('instants and items', () => {
  test('pop nothing, have no deadline, and an actor may have several', () => {
    const bench = trio();
    const verdicts = bench.declare(instant('i1', 'A', 'B'), instant('i2', 'A', 'B'), {
      ...instant('i3', 'A', 'B'),
      strategy: 'item',
    });
    expect(verdicts).toEqual(
      ['i1', 'i2', 'i3'].map((move_id) => ({ session_id: 's1', move_id, accepted: true, seq: 2 })),
    );
    expect(bench.queue('A')).toEqual(['B', 'C', 'D']);
    expect(codes(bench.declare(exchange('m', 'A', 'B')))).toEqual(['accepted']);
  });

  test('may aim at an ally or at oneself; the dead, the gone and the unknown are refused', () => {
    const bench = trio();
    bench.strike('A', 'B', { damage: 1000 });
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    bench.leave('C');
    const verdicts = bench.declare(
      instant('a', 'A', 'E'),
      instant('b', 'A', 'A'),
      instant('c', 'A', 'B'),
      instant('d', 'A', 'C'),
      instant('e', 'A', 'nobody'),
      instant('f', 'B', 'A'),
    );
    expect(codes(verdicts)).toEqual([
      'accepted',
      'accepted',
      'target_dead',
      'target_unknown',
      'target_unknown',
      'actor_dead',
    ]);
  });
});

describe('the last accepted ids of a session', () => {
  const spend = (bench: LogBench, count: number, prefix: string) => {
    for (let done = 0; done < count; done += 128) {
      const batch = Math.min(128, count - done);
      bench.declare(...Array.from({ length: batch }, (_, at) => instant(`${prefix}${done + at}`, 'A', 'self')));
      bench.settle();
    }
  };

  test('are 1,024: the 1,024th last is still a duplicate, the one before it is not', () => {
    const bench = trio();
    spend(bench, 1025, 'i');
    expect(codes(bench.declare(instant('i1', 'A', 'self')))).toEqual(['duplicate_move']);
    expect(codes(bench.declare(instant('i0', 'A', 'self')))).toEqual(['accepted']);
    expect(bench.fight.recent.size).toBe(1024);
  });

  test('are four times the actors where that is more', () => {
    const enemies = Array.from({ length: 299 }, (_, at) => `B${at}`);
    const bench = LogBench.open({ teams: { blue: enemies, red: ['A'] } });
    spend(bench, 1201, 'i');
    expect(codes(bench.declare(instant('i1', 'A', 'self')))).toEqual(['duplicate_move']);
    expect(codes(bench.declare(instant('i0', 'A', 'self')))).toEqual(['accepted']);
  });
});
