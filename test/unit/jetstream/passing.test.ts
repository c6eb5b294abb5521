// Proves that what many things pass through is a Map and a Set for whoever uses it, and that what has passed through it is young
// garbage and not old: V8 itself says what it has promoted.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PassingMap, PassingSet } from '#jetstream/passing.ts';

const PROMOTED = / promoted=(\d+) /g;
/** A tenth: with a plain Map it is a third, and more in a process that runs for longer. */
const PROMOTED_PART_MAX = 0.1;

/** Few keys and many steps: it is begun anew over and over. */
const steps = fc.array(fc.tuple(fc.constantFrom('put', 'put', 'remove', 'remove', 'remove'), fc.nat({ max: 40 })), {
  minLength: 1_000,
  maxLength: 3_000,
});

describe('collections that many things pass through', () => {
  test('are a Map and a Set, in their order', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const [map, set] = [new Map<number, number>(), new Set<number>()];
        const [passing, passingSet] = [new PassingMap<number, number>(), new PassingSet<number>()];
        for (const [at, [step, key]] of taken.entries()) {
          if (step === 'put') {
            map.set(key, at);
            passing.set(key, at);
            set.add(key);
            passingSet.add(key);
          } else {
            expect(passing.delete(key)).toBe(map.delete(key));
            expect(passingSet.delete(key)).toBe(set.delete(key));
          }
          expect([passing.size, passing.get(key), passing.has(key)]).toEqual([map.size, map.get(key), map.has(key)]);
          expect([passingSet.size, passingSet.has(key)]).toEqual([set.size, set.has(key)]);
        }
        expect([[...passing], [...passing.keys()], [...passing.values()], [...passingSet]]).toEqual([
          [...map],
          [...map.keys()],
          [...map.values()],
          [...set],
        ]);
      }),
      { numRuns: 30 },
    );
  });

  test('may lose what is being looked at while they are gone through', () => {
    const passing = new PassingMap<number, number>();
    for (let key = 0; key < 1_000; key++) passing.set(key, key);
    const seen: number[] = [];
    for (const [key] of passing) {
      seen.push(key);
      passing.delete(key);
    }
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, key) => key));
    expect(passing.size).toBe(0);
  });

  test('keep nothing of what has passed through them', { timeout: 60_000 }, async () => {
    const fixture = fileURLToPath(new URL('./fixtures/passing-through.ts', import.meta.url));
    const args = ['--expose-gc', '--trace-gc', '--trace-gc-nvp', fixture];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
    const passedBytes = Number(/passed (\d+) bytes/.exec(stdout)?.[1]);
    const promotedBytes = [...stdout.matchAll(PROMOTED)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
    expect(passedBytes).toBeGreaterThan(0);
    expect(promotedBytes / passedBytes).toBeLessThan(PROMOTED_PART_MAX);
  });
});
