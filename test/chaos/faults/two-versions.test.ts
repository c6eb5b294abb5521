// Proves what happens while two versions of a rule set run side by side, as in a rolling deploy: a session of the new version
// waits for an executor that knows it and is never cancelled by one that does not; a collector that does not know it leaves it to
// the others as soon as the log shows that they do (docs/adr/0018-new-rules-reach-collectors-first.md).

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { strike } from '../../interop/outsider.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { FATED_RULES, FATED_TWO_VERSIONS } from './hold.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';

const SESSIONS = depth({ slice: 2, full: 8 });
/** An executor that does not know the rules looks at a task again after five seconds. */
const DELAYED_LIMIT_MS = 60_000;
const ASKED = depth({ slice: 10, full: 40 });
const BLOWS = depth({ slice: 5, full: 20 });

const figures = new FaultFigures('two-versions');
let scene: Scene;

afterEach(async () => {
  await scene?.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

const idsOf = (version: number): string[] => Array.from({ length: SESSIONS }, (_, index) => `v${version}-${index}`);

async function open(id: string, version: number, hp: number): Promise<void> {
  const actor = { kind: 'player', stats: { hp } };
  const teams = { red: ['a'], blue: ['b'] };
  await scene.game.open(id, { teams, actors: { a: actor, b: actor }, rules: { name: 'fated', version } });
}

async function exchange(id: string): Promise<void> {
  await scene.until(
    `a free target in ${id}`,
    async () => (await scene.game.state(id, 'a'))?.queue?.includes('b') === true,
  );
  const blow = scene.game.submit(id, strike('a', 'b'));
  for (const verdict of await Promise.all([blow, scene.game.submit(id, strike('b', 'a', { damage: 0 }))])) {
    expect(['accepted', 'unknown']).toContain(verdict);
  }
}

const results = async (id: string): Promise<number> => (await scene.game.state(id, 'a'))?.step ?? 0;

const closedAs = async (ids: readonly string[]): Promise<unknown[]> => {
  const states = await Promise.all(ids.map((id) => scene.game.state(id, 'a')));
  return states.map((state) => `${state?.status} ${state?.winner}`);
};

describe('two versions of a rule set', { timeout: 2 * SCENE_LIMIT_MS }, () => {
  test.runIf(depth({ slice: false, full: true }))(
    'an executor that knows the old one alone delays tasks of the new one and cancels none; one that knows both runs them',
    async () => {
      scene = await Scene.open({ roles: ['collector', 'collector', 'ai'], env: FATED_TWO_VERSIONS });
      const old = await scene.start('executor', FATED_RULES);
      const load = await scene.begin(4);
      const [first, second] = [idsOf(1), idsOf(2)];
      await Promise.all([...first.map((id) => open(id, 1, 2)), ...second.map((id) => open(id, 2, 2))]);
      await Promise.all([...first, ...second].map(exchange));
      await scene.until(
        'every task of the new version delayed',
        () => old.said(/^rules unknown: task delayed/) >= SESSIONS,
      );
      await scene.until('the old version done', async () =>
        (await Promise.all(first.map(results))).every((step) => step > 0),
      );
      expect(await Promise.all(second.map(results))).toEqual(second.map(() => 0));
      await scene.start('executor', FATED_TWO_VERSIONS);
      const faultEnd = Date.now();
      const all = async () => (await Promise.all(second.map(results))).every((step) => step > 0);
      await scene.until('the new version done', all, DELAYED_LIMIT_MS);
      await Promise.all([...first, ...second].map(exchange));
      const over = async () => (await closedAs([...first, ...second])).every((state) => state === 'closed red');
      await scene.until('every fight won', over, DELAYED_LIMIT_MS);
      await old.stop(); // the deploy is over: nothing is delayed any more
      await load.results(BLOWS);
      const rest = await scene.rest();
      figures.add('executors of two versions', SESSIONS, faultEnd, rest);
      expect(rest.breaches).toEqual([]);
      expect(rest.failed).toBe(0);
    },
  );

  test('collectors are replaced one by one, then sessions of the new version open; a late old one leaves them alone', async () => {
    scene = await Scene.open({ roles: ['executor', 'ai'], env: FATED_TWO_VERSIONS });
    const olds = [await scene.start('collector', FATED_RULES), await scene.start('collector', FATED_RULES)];
    const load = await scene.begin(4);
    for (const old of olds) {
      await scene.start('collector');
      await old.stop();
      await load.results(BLOWS / 2);
    }
    const ids = idsOf(2);
    await Promise.all(ids.map((id) => open(id, 2, 3)));
    await Promise.all(ids.map(exchange));
    await scene.until('first results', async () => (await Promise.all(ids.map(results))).every((step) => step > 0));

    const late = await scene.start('collector', FATED_RULES);
    // Without a snapshot to start from, the old one has nothing but the log to tell it that others know the rules.
    await (await scene.game.nc.jetstreamManager()).streams.delete('KV_sessions');
    const faultEnd = Date.now();
    const answers = await Promise.all(
      Array.from({ length: ASKED }, (_, index) => scene.game.state(ids[index % SESSIONS]!, 'a')),
    );
    const errors = answers.map((answer) => (answer as { error?: string } | null)?.error);
    expect(errors.filter((error) => error !== undefined && error !== 'unavailable')).toEqual([]);
    await Promise.all(ids.map(exchange));
    await scene.until(
      'a wake that the late one left to the others',
      () => late.said(/unknown rules fated, version 2/) > 0,
    );
    await Promise.all(ids.map(exchange));
    const over = async () => (await closedAs(ids)).every((state) => state === 'closed red');
    await scene.until('every fight won', over, DELAYED_LIMIT_MS);
    await late.stop(); // or it would go on giving wakes back that it is given again
    await load.results(BLOWS);
    const rest = await scene.rest();
    figures.add('collectors of two versions', 3, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
    expect(rest.failed).toBe(0);
  });
});
