import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { ActionMessage, quickActions } from '#contracts/action.ts';
import { check, checkQuickly } from '#contracts/decode.ts';
import { CombatMove, quickMove } from '#contracts/move.ts';
import { encodeResult, Hit, quickHits, quickResult, quickVitals, ResultMessage, Vitals } from '#contracts/result.ts';
import { CollectorSignal, quickSignal } from '#contracts/signal.ts';
import { ExecutorBatch, quickBatch } from '#contracts/tasks.ts';
import { runs } from './random-log.ts';

const move = {
  move_id: 'm1',
  char_id: '101',
  strategy: 'exchange',
  payload: { target_id: '-7', attack_zones: ['head'], block_zones: ['body', 'legs'] },
};
const hit = { source_id: '101', target_id: '-7', wave: 1, hand: 'main', outcome: 'hit', damage: 12 };
const result = {
  session_id: 's1',
  through: 5,
  executed: 2,
  step: 1,
  results: [
    { action_id: '1', status: 'done', hits: [hit, { ...hit, outcome: 'crit', spark: true }] },
    { action_id: '2', status: 'skipped', hits: [] },
  ],
  actors: { '-7': { hp: 8, dead: false }, '101': { hp: 0, dead: true, tokens: [1, 2] } },
  deaths: ['101'],
  target_returns: [['101', '-7']],
};

/** Every quick reader, with the schema it stands for and a message it knows. */
const READERS: [name: string, quick: (value: unknown) => unknown, schema: z.ZodType, known: object][] = [
  [
    'a signal with moves',
    quickSignal,
    CollectorSignal,
    { session_id: 's1', signal_type: 'check_immediate', char_id: '101', moves: [move], reply_to: 'x' },
  ],
  ['a heartbeat', quickSignal, CollectorSignal, { session_id: 's1', signal_type: 'heartbeat', lock_rev: 7 }],
  ['a timeout', quickSignal, CollectorSignal, { session_id: 's1', signal_type: 'check_timeout', move_id: 'm1' }],
  ['a move', quickMove, CombatMove.omit({ targets: true }), move],
  [
    'exchanges',
    quickActions,
    ActionMessage,
    {
      session_id: 's1',
      through: 4,
      actions: [
        { action_id: '1', type: 'exchange', move, partner_move: { ...move, char_id: '-7' }, is_forced: false },
        { action_id: '2', type: 'exchange', move, partner_move: null, is_forced: true },
      ],
    },
  ],
  ['a result', quickResult, ResultMessage, result],
  ['hits', quickHits, Hit.array(), [hit]],
  ['vitals', quickVitals, Vitals, { hp: 3, dead: false, energy: 2 }],
  ['a batch', quickBatch, ExecutorBatch, { session_id: 's1', batch_size: 5, through: 9, lock_rev: 3 }],
];

/** What stands in a message where something else should. */
const ODD = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    undefined,
    null,
    -1,
    0,
    1.5,
    1e308 * 10,
    '',
    'self',
    'random_enemy_2',
    '10 1',
    'x'.repeat(65),
    7,
    [],
    {},
  ),
  fc.constant(JSON.parse('{"__proto__":{"hp":1}}')),
);

/** A value as a message brings it; a number too large for JSON comes as an infinite one. */
function asJson(value: unknown): unknown {
  const text = JSON.stringify(value, (_key, item: unknown) =>
    item === Number.POSITIVE_INFINITY ? '<infinite>' : item,
  );
  return text === undefined ? undefined : JSON.parse(text.replaceAll('"<infinite>"', '1e999'));
}

/** The paths of everything in a value, itself included. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function withAt(value: unknown, [key, ...rest]: readonly string[], odd: unknown): unknown {
  if (key === undefined) return odd;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  Object.defineProperty(copy, key, {
    value: withAt(copy[key], rest, odd),
    enumerable: true,
    configurable: true,
    writable: true,
  });
  return copy;
}

describe('I10 what a quick reader reads, the schema reads alike', () => {
  test.each(READERS)('%s', (_name, quick, schema, known) => {
    expect(quick(known)).not.toBeNull();
    const paths = pathsOf(known);
    const inserted = paths.flatMap((path) => ['__proto__', 'targets', 'extra', '0'].map((key) => [...path, key]));
    fc.assert(
      fc.property(fc.constantFrom(...paths, ...inserted), ODD, (path, odd) => {
        const message = asJson(withAt(known, path, odd));
        const read = quick(message);
        if (read !== null) expect({ ok: true, value: read }).toEqual(check(schema, message));
        expect(checkQuickly(quick, schema, message)).toEqual(check(schema, message));
      }),
      runs(2_000),
    );
  });

  test('a result is read as it was written', () => {
    const read = quickResult(result)!;
    expect(quickResult(JSON.parse(new TextDecoder().decode(encodeResult(read))))).toEqual(read);
  });
});
