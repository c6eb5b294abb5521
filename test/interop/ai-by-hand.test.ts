// Proves when a bot is asked to move, and for which targets. No AI process runs: this file takes the AiTurnRequests from
// TASKS by hand, as any program in any language may. One collector, one executor, the rule set `plain`.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Session, strike, type Turns } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';
import type { Move } from './wire.ts';

const FATAL = { damage: 1_000 };
const TARGETS_IN_REQUEST = 64;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

async function nudge(session: Session, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) await session.send({ signal_type: 'check_immediate' });
}

/** The place of the result message that holds a move's result. */
async function resultSeq(session: Session, move: Move): Promise<number> {
  await session.resultOf(move);
  return session.entries.findLast((entry) => entry.kind === 'result')?.seq ?? 0;
}

/** Plays bot `r` against `x` once more, and resolves with the place of the result. */
async function exchange(session: Session): Promise<number> {
  const [rx, xr] = [strike('r', 'x'), strike('x', 'r')];
  await session.accept(rx);
  await session.accept(xr);
  return await resultSeq(session, xr);
}

/** A session of the bot `r` against others, and its requests. */
async function against(blue: readonly string[], bots: readonly string[] = ['r']): Promise<[Session, Turns, number]> {
  const session = stage.session();
  const turns = await session.turns();
  const opened = await session.open({ teams: { red: ['r'], blue }, bots });
  return [session, turns, opened];
}

describe.concurrent('the AI check', { timeout: TEST_LIMIT_MS }, () => {
  test('C7 a bot with three enemies, one of them covered, is asked for the two that are missing', async () => {
    const [session, turns, opened] = await against(['x', 'y', 'z']);
    expect(await turns.nth(1)).toEqual({
      session_id: session.id,
      bot_id: 'r',
      missing_targets: ['x', 'y', 'z'],
      request_id: `r@${opened}`,
    });
    expect(turns.subjects).toEqual([`ai.turn.${session.id}.r`]);
    const { seq: covered } = await session.accept(strike('r', 'x'));
    await turns.nth(2);
    const answer = strike('x', 'r');
    await session.accept(answer);
    const returned = await resultSeq(session, answer);
    await turns.nth(3);
    expect(turns.lines()).toEqual([`r@${opened}: x y z`, `r@${covered}: y z`, `r@${returned}: y z x`]);
  });

  test('C7 a bot that covers all in one signal is asked nothing more', async () => {
    const [session, turns, opened] = await against(['x', 'y', 'z']);
    await turns.nth(1);
    await session.accept(strike('r', 'x'), strike('r', 'y'), strike('r', 'z'));
    await nudge(session, 3);
    const answer = strike('z', 'r');
    await session.accept(answer);
    const returned = await resultSeq(session, answer);
    await turns.nth(2);
    expect(turns.lines()).toEqual([`r@${opened}: x y z`, `r@${returned}: z`]);
  });

  test('C14 a bot that joins is asked to move, and so is a bot whose enemy joins', async () => {
    const [session, turns, opened] = await against(['x']);
    await turns.nth(1);
    const { seq: covered } = await session.accept(strike('r', 'x'));
    const actor = { kind: 'ai', stats: { hp: 100 } };
    const joined = await session.life({ type: 'joined', session_id: session.id, actor_id: 'b', team: 'blue', actor });
    await turns.nth(3);
    expect(covered).toBeLessThan(joined);
    expect([turns.lines()[0], ...turns.lines().slice(1).sort()]).toEqual([
      `r@${opened}: x`,
      `b@${joined}: r`,
      `r@${joined}: b`,
    ]);
    expect([...turns.subjects].sort()).toEqual(['b', 'r', 'r'].map((bot) => `ai.turn.${session.id}.${bot}`));
  });

  test('C17 ten nudges while a bot owes a blow are one request; one more after the result returns its target', async () => {
    const [session, turns, opened] = await against(['x']);
    await turns.nth(1);
    await nudge(session, 10);
    const [rx, xr] = [strike('r', 'x'), strike('x', 'r')];
    await session.accept(rx);
    await nudge(session, 10);
    await session.accept(xr);
    const first = await resultSeq(session, xr);
    await nudge(session, 10);
    await turns.nth(2);
    const second = await exchange(session);
    await turns.nth(3);
    expect(turns.lines()).toEqual([`r@${opened}: x`, `r@${first}: x`, `r@${second}: x`]);
  });

  test('a bot struck first is asked as before: its queue has not changed', async () => {
    const [session, turns, opened] = await against(['x']);
    await turns.nth(1);
    await session.accept(strike('x', 'r'));
    const blow = strike('r', 'x');
    await session.accept(blow);
    const returned = await resultSeq(session, blow);
    await turns.nth(2);
    expect(turns.lines()).toEqual([`r@${opened}: x`, `r@${returned}: x`]);
  });

  test('the dead are not asked for, and a dead bot is not asked', async () => {
    const session = stage.session();
    const turns = await session.turns();
    const opened = await session.open({ teams: { red: ['r', 's'], blue: ['x', 'y'] }, bots: ['r', 's'] });
    await turns.nth(2);
    const [sy, ys] = [strike('s', 'y', FATAL), strike('y', 's')];
    const { seq: struck } = await session.accept(sy, ys);
    const killed = await resultSeq(session, sy);
    await turns.nth(4);
    const [xs, sx] = [strike('x', 's', FATAL), strike('s', 'x')];
    await session.accept(xs, sx);
    await session.resultOf(xs);
    const [rx, xr] = [strike('r', 'x'), strike('x', 'r')];
    await session.accept(rx, xr);
    const returned = await resultSeq(session, rx);
    await turns.nth(5);
    // What y's death took out of r's queue is a new situation; s had struck y itself.
    expect(turns.lines().sort()).toEqual(
      [`r@${opened}: x y`, `s@${opened}: x y`, `s@${struck}: x`, `r@${killed}: x`, `r@${returned}: x`].sort(),
    );
  });

  test('players are never asked', async () => {
    const session = stage.session();
    const turns = await session.turns();
    const opened = await session.open({ teams: { red: ['p', 'r'], blue: ['x'] }, bots: ['r'] });
    await turns.nth(1);
    await session.pair(strike('p', 'x'), strike('x', 'p'));
    const { seq: covered } = await session.accept(strike('r', 'x'));
    const answer = strike('x', 'r');
    await session.accept(answer);
    const returned = await resultSeq(session, answer);
    await turns.nth(2);
    expect(covered).toBeLessThan(returned);
    expect(turns.lines()).toEqual([`r@${opened}: x`, `r@${returned}: x`]);
  });

  test(`a request names at most ${TARGETS_IN_REQUEST} targets, the rest when these are covered`, async () => {
    const blue = Array.from({ length: 100 }, (_, index) => `x${index}`);
    const [session, turns, opened] = await against(blue);
    const { missing_targets } = await turns.nth(1);
    expect(missing_targets).toEqual(blue.slice(0, TARGETS_IN_REQUEST));
    const { seq: covered } = await session.accept(...missing_targets.map((target) => strike('r', target)));
    await turns.nth(2);
    expect(turns.lines()).toEqual([
      `r@${opened}: ${blue.slice(0, TARGETS_IN_REQUEST).join(' ')}`,
      `r@${covered}: ${blue.slice(TARGETS_IN_REQUEST).join(' ')}`,
    ]);
  });

  test('answering a request twice, with moves named after it, changes nothing', async () => {
    const [session, turns, opened] = await against(['x']);
    const { request_id } = await turns.nth(1);
    const blow = { ...strike('r', 'x'), move_id: request_id.replace('@', '_') };
    await session.accept(blow);
    expect(await session.refusal(blow)).toBe('duplicate_move');
    const answer = strike('x', 'r');
    await session.accept(answer);
    const returned = await resultSeq(session, answer);
    await turns.nth(2);
    expect(await session.refusal(blow)).toBe('duplicate_move');
    expect(session.decisions()).toEqual([`1 exchange ${blow.move_id} ${answer.move_id}`]);
    expect(turns.lines()).toEqual([`r@${opened}: x`, `r@${returned}: x`]);
  });
});
