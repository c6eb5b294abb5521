import { afterAll, describe, expect, test } from 'vitest';
import { depth } from '#test/harness/depth.ts';
import { recordFigures } from '#test/harness/figures.ts';
import { GUARDS, type Guard } from './guards.ts';
import { type Outcome, simulate } from './simulation.ts';
import { Tally } from './tally.ts';

/** The slice takes some fifteen seconds. */
const SEEDS = depth({ slice: 600, full: 10_000 });
/** A missing guard is found in the first few; this many is the limit. */
const SEEDS_TO_FIND_OUT = 300;
/** Limits against hanging. */
const LIMIT_MS = depth({ slice: 240_000, full: 3_600_000 });
const PROGRESS_EVERY = 1_000;

const replay = ({ seed, breach }: Outcome, without = ''): string =>
  `${breach}\n  replay it with: node test/chaos/simulation/replay.ts --seed ${seed}${without}`;

describe('the simulation', () => {
  const tally = new Tally();

  afterAll(() => {
    recordFigures('simulation', tally.figures());
  });

  test(`I1 to I8 hold at every step of ${SEEDS} seeds, and every session finishes when the faults stop`, {
    timeout: LIMIT_MS,
  }, async () => {
    const breaches: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await simulate(seed);
      tally.add(outcome);
      if (outcome.breach !== null) breaches.push(replay(outcome));
      if (seed % PROGRESS_EVERY === 0) process.stdout.write(`${seed} seeds, ${breaches.length} breaches\n`);
    }
    expect(breaches).toEqual([]);
  });

  test('has been through every kind of fault, on one replica and on three', () => {
    expect(tally.unseen()).toEqual([]);
  });

  test('is the same run for the same seed, to the last event', async () => {
    for (const seed of [3, 14, 159, 265]) {
      const [first, second] = [await simulate(seed), await simulate(seed)];
      expect(second).toEqual(first);
    }
    expect((await simulate(4)).hash).not.toBe((await simulate(3)).hash);
  });

  test('tells of everything that happens, and is no other run for that', async () => {
    const lines: string[] = [];
    const traced = await simulate(6, { trace: (line) => lines.push(line) });
    expect(traced).toEqual(await simulate(6));
    expect(lines.some((line) => line.includes('append combat.action.'))).toBe(true);
  });
});

describe('the simulation catches a missing guard', () => {
  for (const [guard, meaning] of Object.entries(GUARDS) as [Guard, string][]) {
    test(`${guard} (${meaning})`, { timeout: LIMIT_MS }, async () => {
      for (let seed = 1; seed <= SEEDS_TO_FIND_OUT; seed++) {
        const outcome = await simulate(seed, { guard });
        if (outcome.breach === null) continue;
        process.stdout.write(`without "${guard}", seed ${seed}: ${replay(outcome, ` --without "${guard}"`)}\n`);
        return;
      }
      expect.fail(`nothing was found in ${SEEDS_TO_FIND_OUT} seeds without "${guard}"`);
    });
  }
});
