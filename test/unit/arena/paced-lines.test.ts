// Proves the pace of the account: a line at a time, those that go first before all others, blows left out and counted where
// they would have stood, and news never.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PacedLines } from '#tools/arena/paced-lines.ts';

const TICK_MS = 125;

let written: string[];
let lines: PacedLines;

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  lines = new PacedLines((line) => written.push(line));
});

afterEach(() => {
  lines.stop();
  vi.useRealTimers();
});

const line = (text: string, weight: 'blow' | 'news' = 'blow') => ({ text, weight, session: 's' });
const run = (count: number) => vi.advanceTimersByTime(count * TICK_MS);

test('one line at a time, what goes first before the rest', () => {
  lines.add(line('a'), false);
  lines.add(line('b'), false);
  lines.add(line('c'), true);
  run(1);
  expect(written).toEqual(['c']);
  run(5);
  expect(written).toEqual(['c', 'a', 'b']);
});

test('blows beyond what can be read are left out and counted, news are not', () => {
  for (let index = 0; index < 100; index++) lines.add(line(`blow ${index}`), false);
  lines.add(line('news', 'news'), false);
  for (let index = 0; index < 7; index++) lines.add(line('more'), false);
  run(200);
  const shown = written.filter((text) => text.startsWith('blow')).length;
  expect(shown).toBeLessThan(100);
  expect(written.slice(shown)).toEqual([
    expect.stringContaining(`... and ${100 - shown} more`),
    'news',
    expect.stringContaining('... and 7 more'),
  ]);
});

test('stopped, it writes no more', () => {
  lines.add(line('a'), false);
  lines.stop();
  run(10);
  expect(written).toEqual([]);
});
