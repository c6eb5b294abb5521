import { expect, test } from 'vitest';
import { LineBudget } from '#process/line-budget.ts';

test('lines over the bound are counted and told with the next one that is let through', () => {
  const budget = new LineBudget(2, 1000);
  expect([0, 10, 20, 999, 1000, 1001, 1002, 5000].map((ms) => budget.take(ms))).toEqual([
    0,
    0,
    null,
    null,
    2,
    0,
    null,
    1,
  ]);
});
