import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { check } from '#contracts/decode.ts';
import { ActorId, Id, readActorId, readId } from '#contracts/ids.ts';
import { exchangeTarget, readDeclaredMove, readTarget } from '#contracts/move.ts';

describe('ids', () => {
  test.each([
    ['a', 'a'],
    ['A-Z_09', 'A-Z_09'],
    ['-', '-'],
    ['__proto__', '__proto__'],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['007', '007'],
    [0, '0'],
    [-0, '0'],
    [-7, '-7'],
    [101, '101'],
    [1e3, '1000'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [Number.MIN_SAFE_INTEGER, '-9007199254740991'],
  ])('%j is read as %j', (value, id) => {
    expect(readId(value)).toBe(id);
    expect(check(Id, value)).toEqual({ ok: true, value: id });
  });

  const none: unknown[] = [
    '',
    'x'.repeat(65),
    'a b',
    'a.b',
    'a*',
    '>',
    'ü',
    'a\n',
    '\na',
    'a\u0000',
    1.5,
    2 ** 53,
    -(2 ** 53),
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    true,
    ['a'],
    {},
    { toString: () => 'a' },
    new String('a'),
    1n,
  ];
  test.each(none.map((value) => [inspect(value), value]))('%s is none', (_, value) => {
    expect(readId(value)).toBe(null);
    expect(check(Id, value)).toMatchObject({ ok: false, reason: expect.stringContaining('expected an id') });
  });

  test.each(['self', 'all_enemies', 'all_allies', 'random_enemy_', 'random_enemy_3', 'random_enemy_x'])(
    '%s is an id and no actor’s',
    (name) => {
      expect(readId(name)).toBe(name);
      expect(readActorId(name)).toBe(null);
      expect(check(ActorId, name).ok).toBe(false);
    },
  );

  test.each(['Self', 'SELF', 'all_enemie', 'random_enemy', 'xrandom_enemy_1', 'constructor', '__proto__'])(
    '%s is an actor’s like any other',
    (name) => expect(readActorId(name)).toBe(name),
  );
});

describe('whom a move is aimed at', () => {
  test('an exchange names one actor, by a word or an integer', () => {
    expect(readTarget('exchange', 'B')).toEqual({ kind: 'actor', id: 'B' });
    expect(readTarget('exchange', -7)).toEqual({ kind: 'actor', id: '-7' });
    for (const alias of ['self', 'all_enemies', 'all_allies', 'random_enemy_1', '', null, undefined, 1.5, {}]) {
      expect(readTarget('exchange', alias)).toBe(null);
    }
  });

  test.each(['instant', 'item'] as const)('an %s may use an alias', (strategy) => {
    expect(readTarget(strategy, 'self')).toEqual({ kind: 'self' });
    expect(readTarget(strategy, 'all_enemies')).toEqual({ kind: 'all_enemies' });
    expect(readTarget(strategy, 'all_allies')).toEqual({ kind: 'all_allies' });
    expect(readTarget(strategy, 'random_enemy_12')).toEqual({ kind: 'random_enemy', count: 12 });
    expect(readTarget(strategy, 5)).toEqual({ kind: 'actor', id: '5' });
    for (const bad of [
      'random_enemy_0',
      'random_enemy_01',
      'random_enemy_-1',
      'random_enemy_1e2',
      'random_enemy_1\n',
    ]) {
      expect(readTarget(strategy, bad)).toBe(null);
    }
  });

  test('as many random enemies as a session can have may be asked for', () => {
    for (const count of [1, 64, 1023, 1024]) {
      expect(readTarget('instant', `random_enemy_${count}`)).toEqual({ kind: 'random_enemy', count });
    }
  });

  test('a move read back from an action aims at whom it was declared against', () => {
    const input = {
      move_id: 1,
      char_id: 2,
      strategy: 'exchange',
      payload: { target_id: 3 },
      extra: true,
      targets: ['9'],
    };
    const declared = readDeclaredMove(input)!;
    expect(declared.move).toEqual({ move_id: '1', char_id: '2', strategy: 'exchange', payload: { target_id: 3 } });
    expect(declared.move.payload).toBe(input.payload);
    expect(exchangeTarget(declared.move)).toBe('3');
    expect(declared.bytes).toBe(JSON.stringify(input).length);
  });
});
