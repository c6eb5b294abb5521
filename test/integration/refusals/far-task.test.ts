// Proves that a task which names a place the log has not reached stops nobody: not the session it speaks of, not the
// executor, not its shutdown (I10). Such tasks need no malice: a log that was lost and made anew leaves them in TASKS.

import { expect, test } from 'vitest';
import { strike } from '../../interop/outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from '../../interop/roles.ts';
import { Stage } from '../../interop/stage.ts';

const LIMIT_MS = 120_000;
const DUEL = { red: ['a'], blue: ['b'] };

test.each([
  ['just ahead of the log', (seq: number) => seq + 1_000],
  ['that no log will ever reach', () => Number.MAX_SAFE_INTEGER],
])(
  'a task with a place %s stops neither its session nor the executor',
  { timeout: LIMIT_MS },
  async (_where, through) => {
    const stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
    try {
      const session = stage.session();
      await session.open({ teams: DUEL });
      await session.pair(strike('a', 'b'), strike('b', 'a'));
      const seq = session.entries.at(-1)!.seq;
      const task = { session_id: session.id, batch_size: 5, through: through(seq), lock_rev: 0 };
      await stage.outsider.publish(`executor.batch.${session.id}`, task);
      for (let round = 0; round < 3; round += 1) await session.pair(strike('a', 'b'), strike('b', 'a'));
      expect(session.outcomes()).toEqual(['1 done', '2 done', '3 done', '4 done']);
    } finally {
      await stage.close();
    }
  },
);
