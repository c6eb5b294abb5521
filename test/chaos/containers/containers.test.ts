// Proves that nothing is lost and nothing doubled where every role is a container of its own: replicas come and go, are killed,
// stand still past the lock's time to live and are cut off from the network, under a load of fights.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { docker } from '#tools/containers/docker.ts';
import { buildImages, IMAGES_LIMIT_MS, sayEngineFault, type TestImages } from '../../harness/containers.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import { FAST_CLOCKS } from '../../harness/roles.ts';
import type { Rest } from '../faults/rest.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';

const fault = await sayEngineFault();

const CREW = ['collector', 'collector', 'executor', 'executor', 'ai'] as const;
const FIGHTS_AT_ONCE = 8;
const ROUNDS = depth({ slice: 1, full: 5 });
/** So many blows between one fault and the next. */
const BLOWS = depth({ slice: 20, full: 40 });
/** A role that was cut off knows it within 15 s, when pings have gone unanswered: the slice ends the cut before that, the full run after. */
const CUT_MS = depth({ slice: 3_000, full: 25_000 });
const PAST_THE_LOCK_MS = 1.5 * Number(FAST_CLOCKS.LOCK_TTL_MS);

const totals = { faults: 0, messages: 0, moves_acknowledged: 0, lost: 0, doubled: 0 };
let images: TestImages;
let scene: Scene | undefined;

function count(faults: number, rest: Rest): void {
  totals.faults += faults;
  totals.messages += rest.messages;
  totals.moves_acknowledged += rest.acknowledged;
  totals.lost += rest.lost.length;
  totals.doubled += rest.doubled.length;
}

/** The servers and networks that there are of scenes. A role of somebody else has its label from the image. */
async function standing(): Promise<string[]> {
  const filter = ['--quiet', '--filter', 'label=org.testcontainers=true'];
  const servers = docker(['ps', '--all', ...filter, '--filter', `ancestor=${images.nats}`]);
  return await Promise.all([servers, docker(['network', 'ls', ...filter])]);
}

describe.skipIf(fault !== null)('roles in containers', { timeout: SCENE_LIMIT_MS }, () => {
  beforeAll(async () => {
    images = await buildImages();
  }, IMAGES_LIMIT_MS);

  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  }, SCENE_LIMIT_MS);

  afterAll(() => {
    recordFigures('containers', { ...totals, command: 'npm run test:chaos -- test/chaos/containers' });
  });

  test('a scene that cannot be opened leaves nothing', async () => {
    const before = await standing();
    await expect(Scene.open({ ...images, riposte: 'localhost/riposte:none' }, ['collector'])).rejects.toThrow();
    expect(await standing()).toEqual(before);
  });

  test('I4 I6 replicas are added, drained and killed under load, the server too: nothing is lost or doubled', async () => {
    scene = await Scene.open(images, CREW);
    const load = await scene.begin(FIGHTS_AT_ONCE);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const role of ['collector', 'executor', 'ai'] as const) {
        await scene.start(role);
        await load.results(BLOWS);
        const [first, second] = scene.of(role);
        await first!.kill();
        await load.results(BLOWS);
        if (role === 'ai') continue;
        expect(await second!.stop()).toBe(0);
        await scene.start(role);
      }
      await scene.restartServer();
      await load.results(BLOWS);
    }
    const rest = await scene.rest();
    count(6 * ROUNDS, rest);
    expect(rest.breaches).toEqual([]);
  });

  test('I5 containers that are paused past the lock are zombies when they go on: nothing is lost or doubled', async () => {
    scene = await Scene.open(images, CREW);
    const load = await scene.begin(FIGHTS_AT_ONCE);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const role of ['collector', 'executor'] as const) {
        const [zombie] = scene.of(role);
        await zombie!.pause();
        await pause(PAST_THE_LOCK_MS);
        await load.results(BLOWS);
        await zombie!.resume();
        await load.results(BLOWS);
      }
    }
    const rest = await scene.rest();
    count(2 * ROUNDS, rest);
    expect(rest.breaches).toEqual([]);
  });

  test('I5 I6 containers that are cut off from the network and come back: nothing is lost or doubled', async () => {
    scene = await Scene.open(images, CREW);
    const load = await scene.begin(FIGHTS_AT_ONCE);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const role of ['collector', 'executor', 'ai'] as const) {
        const [lonely] = scene.of(role);
        if (role === 'ai') await scene.start(role);
        await lonely!.cut();
        await pause(CUT_MS);
        await load.results(BLOWS);
        await lonely!.mend();
        await load.results(BLOWS);
      }
    }
    const rest = await scene.rest();
    count(3 * ROUNDS, rest);
    expect(rest.breaches).toEqual([]);
  });
});
