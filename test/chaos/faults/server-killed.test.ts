// Proves that a nats-server that is killed (kill -9) and started again, again and again and under load, costs no acknowledged
// move: clients connect again, consumers go on, and what nobody knows the outcome of is looked up in the log.

import { afterAll, afterEach, expect, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';

const KILLS = depth({ slice: 1, full: 8 });
/** Blows between the restart and the next kill: none, so that it dies among the first of what comes back, and more. */
const RESULTS_BETWEEN = [1, 40, 5, 80];

const figures = new FaultFigures('server-killed');
let scene: Scene;

afterEach(async () => {
  await scene?.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

test(`the server is killed ${KILLS} times under load: nothing acknowledged is lost, nothing doubled`, {
  timeout: 2 * SCENE_LIMIT_MS,
}, async () => {
  scene = await Scene.open();
  const load = await scene.begin(depth({ slice: 4, full: 12 }));
  let faultEnd = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { pid } = scene.server;
    await scene.server.kill('SIGKILL');
    await scene.server.restart();
    faultEnd = Date.now();
    expect(scene.server.pid).not.toBe(pid);
    await load.results(RESULTS_BETWEEN[kill % RESULTS_BETWEEN.length]!);
  }
  await load.results(depth({ slice: 10, full: 50 }));
  for (const member of scene.members) expect(member.said(/^reconnected to NATS/)).toBeGreaterThan(0);
  const rest = await scene.rest();
  figures.add('server killed', KILLS, faultEnd, rest);
  expect(rest.breaches).toEqual([]);
});
