import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { RandomBench, randomLog, runs } from '#test/property/random-log.ts';
import { judged, streamsOf, told } from './record.ts';

// Many runs take long; how many is FC_RUNS' affair.
vi.setConfig({ testTimeout: 600_000 });

describe('of every log', () => {
  test('that its writers wrote, among whatever garbage, the judge finds nothing', () => {
    fc.assert(
      fc.property(randomLog(), (log) => {
        const bench = new RandomBench().play({ ...log, steps: log.steps.filter((step) => step.do !== 'replay') });
        const { breaches, sums } = judged(bench, streamsOf(bench));
        expect(told(breaches)).toEqual([]);
        expect([sums.actions, sums.results]).toEqual([bench.actions.length, bench.results.length]);
        expect(sums.unjudged).toBe(0);
      }),
      runs(250),
    );
  });

  test('where actions and results are published again as they were, the judge names these and nothing else', () => {
    fc.assert(
      fc.property(randomLog(), (log) => {
        const bench = new RandomBench().play(log);
        const known = new Set<Uint8Array>();
        const again = new Set<number>();
        for (const { seq, bytes } of bench.raw) {
          if (known.has(bytes)) again.add(seq);
          known.add(bytes);
        }
        const { breaches } = judged(bench, streamsOf(bench));
        expect(told(breaches.filter(({ seq }) => !again.has(seq)))).toEqual([]);
      }),
      runs(250),
    );
  });
});
