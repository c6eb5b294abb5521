// Proves that the suite would notice: each guard is taken away, one at a time, in a copy of the project, and a test dies of it.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import { GUARDS, type Guard } from './guards.ts';
import { Workbench } from './workbench.ts';

const FULL = depth({ slice: false, full: true });
/** A run with the guard and one without it. */
const LIMIT_MS = 12 * 60_000;

const taken = FULL ? GUARDS : GUARDS.filter(({ quick }) => quick);

describe('without', () => {
  let caught = 0;

  test.each(taken)('$name ($invariant), a test dies', { timeout: LIMIT_MS }, async (guard) => {
    using bench = Workbench.open();
    await expectToPass(bench, guard);
    bench.takeAway(guard);
    const run = await bench.run(guard);
    if (!run.hung) expect(run.failed, run.said).toContainEqual(expect.stringContaining(guard.dies.test));
    caught += 1;
    if (FULL) recordFigures('mutation', { guards: GUARDS.length, caught, command: 'npm run test:chaos -- mutation' });
  });

  test('any of them, its text is still where it was', () => {
    using bench = Workbench.open();
    for (const guard of GUARDS) bench.takeAway(guard); // all at once: none is in another's way
  });
});

/** With the guard in its place the test passes in the copy: what dies later, dies of its absence. */
async function expectToPass(bench: Workbench, guard: Guard): Promise<void> {
  const { passed, failed, said } = await bench.run(guard);
  expect(failed, said).toEqual([]);
  expect(passed, said).toContainEqual(expect.stringContaining(guard.dies.test));
}

test('docs/reliability.md has every guard, and no other', () => {
  const rows = readFileSync(new URL('../../../docs/reliability.md', import.meta.url), 'utf8')
    .split('## The guards')[1]!
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => /^I\d+$/.test(cells[2] ?? ''));
  const listed = rows.map(([, name, invariant, keeps, dies]) => ({ name, invariant, keeps, dies }));
  expect(listed).toEqual(
    GUARDS.map(({ name, invariant, keeps, dies }) => ({
      name,
      invariant,
      keeps,
      dies: expect.stringContaining(dies.test),
    })),
  );
});
