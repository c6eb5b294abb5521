// Proves that a session is passed over at a bounded pace: a crowd at once, a flood never faster than the pace, and nobody is
// made to wait for what was long ago.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { newPace, waitForPass } from '#services/collector/pace.ts';

const AT_ONCE = 100;
const PER_S = 400;

/** When passes begin that are called for at these times, one after the other, each of them taking no time. */
function begun(calls: readonly number[]): number[] {
  const pace = newPace();
  let now = 0;
  return calls.map((at) => {
    now = Math.max(now, at);
    now += waitForPass(pace, now);
    return now;
  });
}

/** The most passes that began within any so many milliseconds. */
function mostWithin(times: readonly number[], ms: number): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + ms).length));
}

test('a hundred passes at once do not wait; the next does', () => {
  const times = begun(Array(AT_ONCE + 1).fill(1_000));
  expect(times.slice(0, AT_ONCE)).toEqual(Array(AT_ONCE).fill(1_000));
  expect(times[AT_ONCE]).toBeGreaterThan(1_000);
});

test('however a session is woken, its passes keep to the pace, and come in order', () => {
  const calls = fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 600 });
  fc.assert(
    fc.property(calls, fc.integer({ min: 1, max: 3_000 }), (unordered, ms) => {
      const times = begun(unordered.sort((left, right) => left - right));
      expect(times).toEqual(times.toSorted((left, right) => left - right));
      expect(mostWithin(times, ms)).toBeLessThanOrEqual(Math.ceil(AT_ONCE + (ms * PER_S) / 1_000));
    }),
    { numRuns: 50 },
  );
});

test('a wait is never longer than the pace asks for between two passes, so a process that drains waits no longer', () => {
  const pace = newPace();
  for (let now = 0, pass = 0; pass < 1_000; pass++) {
    const wait = waitForPass(pace, now);
    expect(wait).toBeLessThanOrEqual(1_000 / PER_S);
    now += wait;
  }
});

test('a session that was flooded is like any other after a quarter of a second', () => {
  const pace = newPace();
  let now = 0;
  for (let pass = 0; pass < 5_000; pass++) now += waitForPass(pace, now);
  const later = now + (AT_ONCE / PER_S) * 1_000;
  expect(Array.from({ length: AT_ONCE }, () => waitForPass(pace, later))).toEqual(Array(AT_ONCE).fill(0));
});
