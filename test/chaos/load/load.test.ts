// Proves on the log alone that nothing is lost and nothing doubled under load: two processes of each role, many sessions of
// four bots, fought to the end; and the same while each role in turn is killed (kill -9) and started again.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violationsOf } from '#test/interop/history.ts';
import type { Session } from '#test/interop/outsider.ts';
import { FAST_CLOCKS, type RoleName } from '#test/interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '#test/interop/stage.ts';
import { depth } from '../../harness/depth.ts';

const SESSIONS = depth({ slice: 60, full: 200 });
const REPLICAS = 2;
const LOAD_LIMIT_MS = 120_000;
const TEST_LIMIT_MS = LOAD_LIMIT_MS + 30_000;

/** Results between one kill and the next: enough for every session to be in the middle of something. */
const RESULTS_BETWEEN_KILLS = SESSIONS;

const RED = ['r1', 'r2'];
const BLUE = ['b1', 'b2'];

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({
    collectors: REPLICAS,
    executors: REPLICAS,
    ais: REPLICAS,
    environment: FAST_CLOCKS,
  });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** Opens the sessions; the bots do the rest. */
async function openAll(name: string, hp: number): Promise<Session[]> {
  const sessions = Array.from({ length: SESSIONS }, (_, index) => stage.session(`${name}-${index}`));
  await Promise.all(
    sessions.map((session) =>
      session.open({
        teams: { red: RED, blue: BLUE },
        bots: [...RED, ...BLUE],
        stats: { hp },
        also: { rules: { name: 'classic', version: 1 }, seed: session.id },
      }),
    ),
  );
  return sessions;
}

async function allClosed(sessions: readonly Session[]): Promise<void> {
  const before = stage.outsider.closed - sessions.filter((session) => session.closed() !== undefined).length;
  const all = () => (stage.outsider.closed - before >= sessions.length ? true : undefined);
  await stage.outsider.until(`${sessions.length} sessions closed`, all, LOAD_LIMIT_MS);
}

/** Every session against its own log. */
function violations(sessions: readonly Session[]): string[] {
  return sessions.flatMap((session) => violationsOf(session.entries).map((what) => `${session.id}: ${what}`));
}

/** Each session was fought to its end by its bots, and by nothing but exchanges. */
function expectFought(sessions: readonly Session[]): void {
  expect(violations(sessions).slice(0, 20)).toEqual([]);
  const ends = sessions.map((session) => session.closed()?.reason);
  expect(ends.filter((reason) => reason !== 'victory' && reason !== 'draw')).toEqual([]);
  for (const session of sessions) {
    const ids = session.actions().map((action) => action.action_id);
    expect(ids).toEqual(ids.map((_, index) => `${index + 1}`));
    expect(session.results().map((result) => result.action_id)).toEqual(ids);
    expect(session.results().filter((result) => result.status === 'failed')).toEqual([]);
    expect(session.deadLetters).toEqual([]);
  }
}

describe('under load', { timeout: TEST_LIMIT_MS }, () => {
  test(`${SESSIONS} sessions of four bots are fought to the end: every action once, every result once, in order`, async () => {
    const sessions = await openAll('load', 40);
    await allClosed(sessions);
    expectFought(sessions);
  });

  test('the same while each role in turn is killed and started again: nothing lost, nothing doubled', async () => {
    const sessions = await openAll('kill', 100);
    const openAtKill: [RoleName, number][] = [];
    for (const role of ['collector', 'executor', 'ai'] as const) {
      const goal = stage.outsider.results + RESULTS_BETWEEN_KILLS;
      const reached = () => (stage.outsider.results >= goal ? true : undefined);
      await stage.outsider.until(`${goal} results`, reached, LOAD_LIMIT_MS);
      await stage.kill(role);
      openAtKill.push([role, sessions.filter((session) => session.closed() === undefined).length]);
      await Promise.all(Array.from({ length: REPLICAS }, () => stage.start(role)));
    }
    await allClosed(sessions);
    expectFought(sessions);
    // Otherwise the load was over before it was disturbed, and has proved nothing.
    expect(openAtKill.filter(([, open]) => open === 0)).toEqual([]);
  });
});
