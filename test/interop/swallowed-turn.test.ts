// Proves C23 where it takes its time: an AI that swallows a request is asked again after 30 s of log time. A file of its
// own, so that other files run meanwhile. No AI process: the requests are taken by hand and lost.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { strike } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage } from './stage.ts';

const ASKED_AGAIN_MS = 30_000;
const TEST_MS = 180_000;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

test('C23 a request that the AI swallows is made again after 30 s, and its answer counts', {
  timeout: TEST_MS,
}, async () => {
  const session = stage.session();
  const turns = await session.turns();
  const opened = await session.open({ teams: { red: ['r'], blue: ['x', 'y'] }, bots: ['r'] });
  const { timeMs } = await session.reached(opened);
  await turns.nth(1);
  const again = await turns.nth(2, TEST_MS);
  const due = session
    .signals()
    .find(({ entry, signal }) => signal.signal_type === 'check_timeout' && entry.timeMs >= timeMs + ASKED_AGAIN_MS);
  expect(turns.lines()).toEqual([`r@${opened}: x y`, `r@${due?.entry.seq}: x y`]);

  const [rx, xr] = [strike('r', 'x'), strike('x', 'r')];
  expect(again.missing_targets).toContain(rx.payload.target_id);
  await session.accept(rx);
  await session.accept(xr);
  await session.resultOf(xr);
  expect(session.decisions()).toEqual([`1 exchange ${rx.move_id} ${xr.move_id}`]);
});

test('C23 with no AI at all the session closes as abandoned in the end', { timeout: TEST_MS }, async () => {
  const session = stage.session();
  await session.open({ teams: { red: ['r'], blue: ['s'] }, bots: ['r', 's'], also: { idle_close_ms: 1_500 } });
  expect(await session.ended()).toMatchObject({ winner: null, reason: 'abandoned' });
  expect(session.decisions()).toEqual(['closed abandoned, winner null']);
  expect(session.deadLetters).toEqual([]);
});
