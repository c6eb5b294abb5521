// Proves what rules can do that end their process, or never return (docs/adr/0006): the executor is started again each time, as
// a container's supervisor does; after five tries begun in vain the action is `failed`, the fight goes on to its end, and
// nobody else's action is failed with it.

import { afterAll, describe, expect, type TestContext, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { strike } from '../../interop/outsider.ts';
import type { Move, ResultMessage } from '../../interop/wire.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { FATED_RULES } from './hold.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';

const FULL = depth({ slice: false, full: true });
/** The first delivery, which nobody counts, and four that are counted (docs/adr/0006). */
const TRIES = 5;
/** A lock may expire meanwhile: the session's next task has a first delivery of its own. */
const FURTHER_TASKS_MAX = 2;
/** Rules that hang are ended by the watchdog after 30 s, five times. */
const HANG_LIMIT_MS = 6 * 60_000;
const EXITED = { code: 70, signal: null };
const KILLED = { code: null, signal: 'SIGKILL' };

const figures = new FaultFigures('deadly-rules');
afterAll(() => figures.record());

/**
 * A scene whose executors are supervised, and a way to open fights by the rules `fated` and to read their results.
 * @param context of the test that it ends with: of several at once, nothing else says which
 */
async function open({ onTestFinished }: TestContext, executors: number) {
  const scene = await Scene.open({ roles: ['collector', 'collector', 'ai'], env: FATED_RULES });
  onTestFinished(() => scene.close(), SCENE_LIMIT_MS);
  const exits = await Promise.all(Array.from({ length: executors }, () => scene.supervise('executor')));
  const results = new Map<string, ResultMessage[]>();
  scene.game.nc.subscribe('combat.result.*', {
    callback: (_, msg) => {
      const message = msg.json<ResultMessage>();
      const known = results.get(message.session_id);
      if (known === undefined) results.set(message.session_id, [message]);
      else known.push(message);
    },
  });
  const statuses = (id: string) =>
    (results.get(id) ?? []).flatMap((message) => message.results.map(({ status }) => status));
  return {
    scene,
    statuses,
    reasons: (id: string) => (results.get(id) ?? []).flatMap((message) => message.results.map(({ reason }) => reason)),
    exits: () => exits.flat(),
    /** Fighters of a team face those of the other one by one. */
    async fight(id: string, hp = 2, aSide = 1): Promise<void> {
      const team = (letter: string) => Array.from({ length: aSide }, (_, index) => `${letter}${index}`);
      const teams = { red: team('r'), blue: team('b') };
      const actors = Object.fromEntries(
        [...teams.red, ...teams.blue].map((actor) => [actor, { kind: 'player', stats: { hp } }]),
      );
      await scene.game.open(id, { teams, actors, rules: { name: 'fated', version: 1 } });
    },
    async pair(id: string, at: number, fate: Readonly<Record<string, unknown>> = {}): Promise<void> {
      const answer: Move = strike(`b${at}`, `r${at}`, { damage: 0 });
      const codes = await Promise.all([
        scene.game.submit(id, strike(`r${at}`, `b${at}`, fate)),
        scene.game.submit(id, answer),
      ]);
      expect(codes).toEqual(['accepted', 'accepted']);
    },
    resolved: (id: string, count: number, limitMs?: number) =>
      scene.until(`${count} results of ${id}`, () => statuses(id).length >= count, limitMs),
    queued: (id: string) =>
      scene.until(
        `a free target in ${id}`,
        async () => (await scene.game.state(id, 'r0'))?.queue?.includes('b0') === true,
      ),
  };
}

describe('I4 rules that end their process', { concurrent: true, timeout: HANG_LIMIT_MS }, () => {
  test(`every time: after ${TRIES} tries the action is failed, the fight goes on, and the others' are untouched`, async (context) => {
    const { scene, fight, pair, resolved, queued, statuses, reasons, exits } = await open(context, 2);
    const load = await scene.begin(depth({ slice: 2, full: 6 }));
    await fight('deadly');
    await pair('deadly', 0);
    await resolved('deadly', 1);
    await queued('deadly');
    await pair('deadly', 0, { fate: 'exit' });
    await resolved('deadly', 2);
    const faultEnd = Date.now();
    expect(exits().length).toBeGreaterThanOrEqual(TRIES);
    expect(exits()).toEqual(Array(Math.min(exits().length, TRIES + FURTHER_TASKS_MAX)).fill(EXITED));
    await queued('deadly');
    await pair('deadly', 0);
    await resolved('deadly', 3);
    await load.results(depth({ slice: 5, full: 20 }));
    const rest = await scene.rest();
    expect(statuses('deadly')).toEqual(['done', 'failed', 'done']);
    expect(reasons('deadly')[1]).toMatch(/never finished/);
    figures.add('rules that exit', exits().length, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
    expect(rest.failed).toBe(1);
  });

  test('together with others: whoever was in the same process is not failed with it', async (context) => {
    const OTHERS = depth({ slice: 3, full: 8 });
    const { scene, fight, pair, resolved, statuses, exits } = await open(context, 1);
    const ids = ['deadly', ...Array.from({ length: OTHERS }, (_, index) => `beside-${index}`)];
    await Promise.all(ids.map((id) => fight(id, 1)));
    const [executor] = scene.of('executor');
    executor!.signal('SIGSTOP');
    await Promise.all(ids.map((id) => pair(id, 0, id === 'deadly' ? { fate: 'exit' } : {})));
    executor!.signal('SIGCONT');
    await resolved('deadly', 1);
    for (const id of ids) await resolved(id, 1);
    expect(Object.fromEntries(ids.map((id) => [id, statuses(id)[0]]))).toEqual(
      Object.fromEntries(ids.map((id) => [id, id === 'deadly' ? 'failed' : 'done'])),
    );
    expect(exits().length).toBeGreaterThanOrEqual(TRIES);
    await scene.game.cancel('deadly');
    const rest = await scene.rest();
    figures.add('rules that exit beside others', exits().length, Date.now(), rest);
    expect(rest.breaches).toEqual([]);
  });

  test('not the first of a batch: what stands before it is done, and it alone is failed', async (context) => {
    const { scene, fight, resolved, statuses, exits } = await open(context, 1);
    await fight('batch', 1, 3);
    const pairs = [0, 1, 2].flatMap((at) => [
      strike(`r${at}`, `b${at}`, at === 1 ? { fate: 'exit' } : { damage: 0 }),
      strike(`b${at}`, `r${at}`, { damage: 0 }),
    ]);
    await scene.game.submitAll('batch', pairs);
    await resolved('batch', 3);
    expect(statuses('batch')).toEqual(['done', 'failed', 'done']);
    await scene.game.cancel('batch');
    const rest = await scene.rest();
    figures.add('rules that exit within a batch', exits().length, Date.now(), rest);
    expect(rest.breaches).toEqual([]);
  });
});

describe('I4 rules that never return', { concurrent: true, timeout: HANG_LIMIT_MS }, () => {
  test.runIf(FULL)(
    `the watchdog ends them, and after ${TRIES} tries the action is failed and the fight goes on`,
    async (context) => {
      const { scene, fight, pair, resolved, queued, statuses, exits } = await open(context, 2);
      const load = await scene.begin(6);
      await fight('endless');
      await pair('endless', 0, { fate: 'hang' });
      await resolved('endless', 1, HANG_LIMIT_MS / 2);
      const faultEnd = Date.now();
      // The other executor may have given up on what the last that tried still hangs in.
      await scene.until('the last to be killed', () => exits().length >= TRIES);
      expect(exits()).toEqual(Array(Math.min(exits().length, TRIES + FURTHER_TASKS_MAX)).fill(KILLED));
      await queued('endless');
      await pair('endless', 0);
      await resolved('endless', 2);
      await queued('endless');
      await pair('endless', 0);
      await resolved('endless', 3);
      await load.results(20);
      const rest = await scene.rest();
      expect(statuses('endless')).toEqual(['failed', 'done', 'done']);
      figures.add('rules that hang', exits().length, faultEnd, rest);
      expect(rest.breaches).toEqual([]);
      expect(rest.failed).toBe(1);
    },
  );
});
