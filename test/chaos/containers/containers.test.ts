// Proves that nothing is lost and nothing doubled where every role is a container of its own: replicas come and go, are killed,
// stand still past the lock's time to live and are cut off from the network, under a load of fights. The streams are audited
// after every fault while the load goes on, and at rest in the end.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { docker } from '#tools/containers/docker.ts';
import { buildImages, IMAGES_LIMIT_MS, sayEngineFault, type TestImages } from '../../harness/containers.ts';
import { depth } from '../../harness/depth.ts';
import type { Load } from '../faults/load.ts';
import { ContainerFigures, type Fault } from './figures-of-containers.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';
import { pauseOnce } from './zombie.ts';

const fault = await sayEngineFault();

const CREW = ['collector', 'collector', 'executor', 'executor', 'ai'] as const;
/** As many rounds as there are in full depth, each of a dozen faults, on a machine that is busy with other tests. */
const TEST_LIMIT_MS = depth({ slice: SCENE_LIMIT_MS, full: 30 * 60_000 });
const FIGHTS_AT_ONCE = 8;
/** So many that a role always has something in hand: whenever it is paused, it is in the middle of it. */
const FIGHTS_IN_HAND = 24;
const FULL = depth({ slice: false, full: true });
const ROUNDS = depth({ slice: 1, full: 5 });
/** So many blows between one fault and the next. */
const BLOWS = depth({ slice: 20, full: 40 });
/** Nothing makes sure of it, though: so often a container is paused until it was a zombie. */
const PAUSES_MAX = 5;
/** A role that was cut off knows it within 15 s, when pings have gone unanswered: the slice ends the cut before that, the full run after. */
const SHORT_CUT_MS = 3_000;

/** As the roles log it. */
const DISCONNECTED = /^disconnected from NATS/;
const RECONNECTED = /^reconnected to NATS/;

const figures = new ContainerFigures();
let images: TestImages;
let scene: Scene | undefined;
let load: Load;

async function open(fightsAtOnce = FIGHTS_AT_ONCE): Promise<Scene> {
  scene = await Scene.open(images, CREW);
  load = await scene.begin(fightsAtOnce);
  return scene;
}

/** The fights go on, and nothing that the streams say by then is wrong. */
async function goesOn(since: string, audit = () => scene!.audit()): Promise<void> {
  await load.results(BLOWS);
  expect(await audit(), since).toBe('');
  figures.audit();
}

async function goesOnAfter(fault: Fault, audit?: () => Promise<string>): Promise<void> {
  figures.fault(fault);
  await goesOn(fault, audit);
}

async function comesToRest(): Promise<void> {
  const rest = await scene!.rest();
  figures.add(rest);
  expect(rest.breaches).toEqual([]);
}

/** The servers and networks that there are of scenes. A role of somebody else has its label from the image. */
async function standing(): Promise<string[]> {
  const filter = ['--quiet', '--filter', 'label=org.testcontainers=true'];
  const servers = docker(['ps', '--all', ...filter, '--filter', `ancestor=${images.nats}`]);
  return await Promise.all([servers, docker(['network', 'ls', ...filter])]);
}

describe.skipIf(fault !== null)('roles in containers', { timeout: TEST_LIMIT_MS }, () => {
  beforeAll(async () => {
    images = await buildImages();
  }, IMAGES_LIMIT_MS);

  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  }, SCENE_LIMIT_MS);

  afterAll(() => figures.record());

  test('a scene that cannot be opened leaves nothing', async () => {
    const before = await standing();
    await expect(Scene.open({ ...images, riposte: 'localhost/riposte:none' }, ['collector'])).rejects.toThrow();
    expect(await standing()).toEqual(before);
  });

  test('I4 I6 replicas are added, drained and killed under load, the server too: nothing is lost or doubled', async () => {
    const opened = await open();
    for (let round = 1; round <= ROUNDS; round++) {
      for (const role of ['collector', 'executor', 'ai'] as const) {
        await opened.start(role);
        await goesOnAfter('added');
        const [first, second] = opened.of(role);
        await first!.kill();
        await goesOnAfter('killed');
        if (role === 'ai') continue;
        expect(await second!.stop()).toBe(0);
        await goesOnAfter('drained');
        await opened.start(role);
        await goesOnAfter('added');
      }
      await opened.restartServer();
      await goesOnAfter('server_killed', () => opened.auditFromWithin());
    }
    await comesToRest();
  });

  test('I5 containers that are paused past the lock are zombies when they go on, and are refused: nothing is lost or doubled', async () => {
    const opened = await open(FIGHTS_IN_HAND);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const role of ['collector', 'executor'] as const) {
        const [member] = opened.of(role);
        let wasZombie = false;
        for (let pauses = 0; !wasZombie && pauses < PAUSES_MAX; pauses++) {
          wasZombie = await pauseOnce(opened, role, member!, {
            paused: () => goesOn('paused'),
            resumed: () => goesOnAfter('paused'),
          });
        }
        expect(wasZombie, `the ${role} was a zombie`).toBe(true);
      }
    }
    await comesToRest();
  });

  test('I5 I6 containers that are cut off from the network and come back: nothing is lost or doubled', async () => {
    const opened = await open();
    for (let round = 1; round <= ROUNDS; round++) {
      for (const role of ['collector', 'executor', 'ai'] as const) {
        const [lonely] = opened.of(role);
        if (role === 'ai') await opened.start(role);
        const lost = lonely!.said(DISCONNECTED);
        const found = lonely!.said(RECONNECTED);
        await lonely!.cut();
        if (FULL) await opened.until(`the ${role} to notice its cut`, () => lonely!.said(DISCONNECTED) > lost);
        else await pause(SHORT_CUT_MS);
        await goesOn('cut off');
        await lonely!.mend();
        if (FULL) await opened.until(`the ${role} to be back`, () => lonely!.said(RECONNECTED) > found);
        await goesOnAfter('cut_off');
      }
    }
    await comesToRest();
  });
});
