// Proves what the judge's parts do at their limits: what they still remember, what they cut short, and how they say it.

import { describe, expect, test } from 'vitest';
import { listed } from '#cli/audit/books/action-name.ts';
import { Ends } from '#cli/audit/books/ends.ts';
import { summaryOf } from '#cli/audit/command.ts';
import { differenceOf } from '#cli/audit/content.ts';
import { Lagging } from '#cli/audit/lagging.ts';

test('a line names six, and says how many more there are', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  expect(listed(names)).toBe('a, b, c, d, e, f');
  expect(listed([...names, 'g', 'h'])).toBe('a, b, c, d, e, f and 2 more');
});

test('the first difference of two values is told by its place', () => {
  expect(differenceOf({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toBeNull();
  expect(differenceOf({ b: 2, a: 1 }, { a: 1, b: 2 })).toBeNull();
  expect(differenceOf(1, null)).toBe('it is 1, not null');
  expect(differenceOf({}, { hp: 5 })).toBe('hp is nothing, not 5');
  expect(differenceOf({ hp: 5 }, {})).toBe('hp is 5, not nothing');
  expect(differenceOf({ a: [1] }, { a: [1, 2] })).toBe('a is [1], not [1,2]');
  expect(differenceOf('z'.repeat(80), '')).toBe(`it is "${'z'.repeat(56)}..., not ""`);
});

test('of the ends of moves the oldest is forgotten first', () => {
  const ends = new Ends();
  for (let move = 0; move <= 65_536; move++) ends.note(`m${move}`, 'I2', 'was dropped');
  expect(ends.find('m0')).toBeUndefined();
  expect(ends.find('m1')).toEqual({ invariant: 'I2', what: 'was dropped' });
});

describe('a fold that lags', () => {
  function lagging() {
    const folded: number[] = [];
    return { folded, fold: new Lagging<{ seq: number }>(({ seq }) => void folded.push(seq)) };
  }
  const upTo = (end: number): number[] => Array.from({ length: end }, (_, at) => at + 1);

  test('folds each message once and in order, however it is asked', () => {
    const { folded, fold } = lagging();
    for (const seq of upTo(1_500)) fold.push({ seq });
    for (const seq of [1, 600, 600, 599, 1_200, 1_499]) fold.foldTo(seq);
    expect(folded).toEqual(upTo(1_499));
    fold.push({ seq: 1_501 });
    fold.foldTo(2_000);
    expect(folded).toEqual(upTo(1_501));
    expect(fold.position).toBe(1_501);
  });

  test('lets no more than ten thousand wait', () => {
    const { folded, fold } = lagging();
    for (const seq of upTo(10_002)) fold.push({ seq });
    expect(folded).toEqual([1, 2]);
  });
});

test('the summary of an audit says what was not judged, and how far the public record is behind', () => {
  const sums = { sessions: 2, closed: 1, messages: 9, moves: 4, actions: 3, results: 2 };
  const line = '2 sessions (1 closed), 9 messages, 4 moves, 3 actions, 2 results:';
  expect(summaryOf({ ...sums, unjudged: 0, lag: 0, breaches: [] })).toEqual([`${line} no breach`]);
  const breach = { session: 's1', seq: 3, invariant: 'I2', what: 'twice' };
  expect(summaryOf({ ...sums, unjudged: 1, lag: 5, breaches: [breach] })).toEqual([
    `${line} 1 breaches`,
    expect.stringMatching(/^not judged: 1 decisions or results/),
    expect.stringMatching(/^ACTIONS is 5 messages behind COMBAT/),
  ]);
});
