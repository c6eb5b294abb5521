// Proves what a book of rules takes, and that vitals which no message can carry let nobody in.

import { expect, test } from 'vitest';
import { admit, ruleBook } from '#combat/rules.ts';
import { plain } from './plain-rules.ts';

test('two rule sets of one name and version are an error; another version is another set', () => {
  expect(() => ruleBook([plain, { ...plain }])).toThrow('two rule sets are called plain@1');
  const book = ruleBook([plain, { ...plain, version: 2 }]);
  expect(book.find({ name: 'plain', version: 2 })?.version).toBe(2);
  expect(book.find({ name: 'plain', version: 3 })).toBeUndefined();
});

test.each([
  ['nothing', undefined, 'expected object, received null'],
  ['null', null, 'expected object, received null'],
  ['a function', () => 1, 'expected object, received null'],
  ['a BigInt', { hp: 1n, dead: false }, 'BigInt'],
])('vitals that are no JSON are refused, and it is said what they are: %s', (_, vitals, reason) => {
  expect(admit({ ...plain, initial: () => vitals as never }, {})).toEqual({
    ok: false,
    reason: expect.stringContaining(reason),
  });
});
