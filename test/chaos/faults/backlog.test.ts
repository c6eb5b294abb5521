// Proves what a backlog longer than the lock's time to live costs: every executor is stopped while tasks pile up, then one that
// is slow works them off, and they wait several times as long as the lock lives. At most one further task a session and TTL,
// and every action has one result (I4, I6).

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { FAST_CLOCKS } from '../../harness/roles.ts';
import { strike } from '../../interop/outsider.ts';
import type { Signal } from '../../interop/wire.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { FATED_RULES } from './hold.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';

const SESSIONS = depth({ slice: 9, full: 30 });
/** Of the slow fights: the first piles up while every executor stands still, the next while one is at work. */
const ROUNDS = depth({ slice: 1, full: 2 });
const TTL_MS = Number(FAST_CLOCKS.LOCK_TTL_MS);
/** A lock expires by the server's clock, in whole seconds; what is heard of it comes a little later or earlier. */
const TOLERANCE_MS = 1_200;
const NUDGE_EVERY_MS = 300;

interface SentTask {
  readonly at: number;
  readonly msgId: string;
}

const figures = new FaultFigures('backlog');
let scene: Scene;

afterEach(async () => {
  await scene?.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

/** Hears the tasks of each session, cut where a heartbeat has freed its lock. */
function hearTasks(): Map<string, SentTask[][]> {
  const heard = new Map<string, SentTask[][]>();
  const stretchesOf = (subject: string): SentTask[][] => {
    const id = subject.split('.')[2]!;
    const known = heard.get(id);
    if (known !== undefined) return known;
    const fresh = [[]];
    heard.set(id, fresh);
    return fresh;
  };
  scene.game.nc.subscribe('executor.batch.*', {
    callback: (_, msg) => {
      const last = stretchesOf(msg.subject).at(-1)!;
      const msgId = msg.headers?.get('Nats-Msg-Id') ?? '';
      if (last.every((task) => task.msgId !== msgId)) last.push({ at: performance.now(), msgId });
    },
  });
  scene.game.nc.subscribe('collector.signal.*', {
    callback: (_, msg) => {
      if (msg.json<Signal>().signal_type === 'heartbeat') stretchesOf(msg.subject).push([]);
    },
  });
  return heard;
}

describe('a backlog longer than the lock lives', { timeout: 2 * SCENE_LIMIT_MS }, () => {
  test('every action has one result, and a session has at most one further task in the time that its lock lives', async () => {
    scene = await Scene.open({ env: FATED_RULES });
    const { game } = scene;
    const load = await scene.begin(4);
    const tasks = hearTasks();
    const stopped = scene.of('executor');
    for (const executor of stopped) executor.signal('SIGSTOP');
    const ids = Array.from({ length: SESSIONS }, (_, index) => `slow-${index}`);
    const actor = { kind: 'player', stats: { hp: ROUNDS } };
    const rules = { name: 'fated', version: 1 };
    await Promise.all(
      ids.map((id) => game.open(id, { teams: { red: ['a'], blue: ['b'] }, actors: { a: actor, b: actor }, rules })),
    );
    const pairUp = async (id: string): Promise<void> => {
      await scene.until('a free target', async () => (await game.state(id, 'a'))?.queue?.length === 1, SCENE_LIMIT_MS);
      await Promise.all([
        game.submit(id, strike('a', 'b', { fate: 'slow' })),
        game.submit(id, strike('b', 'a', { damage: 0 })),
      ]);
    };
    await Promise.all(ids.map(pairUp));
    let over = false;
    const nudging = (async () => {
      // Each nudge is an occasion to send one task too many.
      for (; !over; await new Promise((resolve) => setTimeout(resolve, NUDGE_EVERY_MS))) {
        await Promise.all(ids.map((id) => game.nudge(id)));
      }
    })();
    const further = () => ids.filter((id) => tasks.get(id)?.some((stretch) => stretch.length > 1));
    await scene.until('a second task for every session', () => further().length === SESSIONS);
    await Promise.all(stopped.map((executor) => executor.kill()));
    await scene.start('executor');
    const faultEnd = Date.now();
    for (let round = 1; round < ROUNDS; round++) await Promise.all(ids.map(pairUp));
    await scene.until(
      'every slow fight over',
      async () =>
        (await Promise.all(ids.map((id) => game.state(id, 'a')))).every((state) => state?.status === 'closed'),
      SCENE_LIMIT_MS,
    );
    over = true;
    await nudging;
    await load.results(depth({ slice: 5, full: 20 }));
    const rest = await scene.rest();
    figures.add('backlog longer than the lock lives', SESSIONS, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
    expect(rest.failed).toBe(0);
    const tooSoon = ids.flatMap((id) =>
      tasks.get(id)!.flatMap((stretch) => {
        const gaps = stretch.slice(1).map((task, index) => Math.round(task.at - stretch[index]!.at));
        return gaps.filter((gap) => gap < TTL_MS - TOLERANCE_MS).map((gap) => `${id}: a further task after ${gap} ms`);
      }),
    );
    expect(tooSoon).toEqual([]);
  });
});
