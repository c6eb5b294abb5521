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

test.each([undefined, null, () => 1, Symbol('hp'), { hp: 1n, dead: false }])(
  'vitals that are no JSON are refused: %s',
  (vitals) => {
    expect(admit({ ...plain, initial: () => vitals as never }, {})).toMatchObject({ ok: false });
  },
);
