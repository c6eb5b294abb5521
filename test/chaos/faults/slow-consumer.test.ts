// Proves that a role that does not read costs nothing but time. A collector whose connection stands still (behind a proxy that does
// not read), while the server has more for it than sockets take: the server ends its connection as that of a slow consumer, and
// it connects again, follows the log again where it stood, and nothing is lost. An executor that stands still itself
// (SIGSTOP) meanwhile: flow control holds the log back for it, it keeps its connection, and goes on.

import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { TcpProxy } from '../../harness/tcp-proxy.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';

/** How long the server tries to write to a client that does not read; ten seconds by default. */
const IMPATIENT = 'write_deadline: "1s"';
/** Sockets between server and client take several megabytes before the server has to wait. */
const FAT_BYTES = 300_000;
const FAT_MESSAGES_MAX = 200;
const SLOW = /"[^"]*riposte-(collector|executor)-[^"]*" - Slow Consumer Detected/g;

const figures = new FaultFigures('slow-consumer');
let scene: Scene;

afterEach(async () => {
  await scene?.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

describe.runIf(depth({ slice: false, full: true }))('a slow consumer', { timeout: SCENE_LIMIT_MS }, () => {
  test('is disconnected by the server, or held back, and nothing is lost', async () => {
    scene = await Scene.open({ roles: ['collector', 'executor', 'executor', 'ai'], server: { config: IMPATIENT } });
    const proxy = await TcpProxy.open(scene.server.port);
    scene.closeWith(() => proxy.close());
    const collector = await scene.start('collector', { NATS_URL: proxy.url });
    const [executor] = scene.of('executor');
    const load = await scene.begin(8);
    const slow = () => [...readFileSync(scene.server.logFile, 'utf8').matchAll(SLOW)].map((match) => match[1]);
    proxy.readServer(false);
    executor!.signal('SIGSTOP');
    const actor = { kind: 'player', stats: { hp: 1 } };
    const beside = 'x'.repeat(FAT_BYTES);
    for (let fat = 0; fat < FAT_MESSAGES_MAX && slow().length === 0; fat++) {
      // Fields that nobody knows are ignored, but they are delivered to whoever follows the log.
      await scene.game.open(`fat-${fat}`, {
        teams: { red: ['a'], blue: ['b'] },
        actors: { a: actor, b: actor },
        beside,
      });
      await scene.game.cancel(`fat-${fat}`);
    }
    await scene.until('a slow consumer in the log of the server', () => slow().length > 0);
    proxy.readServer(true);
    executor!.signal('SIGCONT');
    const faultEnd = Date.now();
    await scene.until('the collector connected again', () => collector.said(/^reconnected to NATS/) > 0);
    await load.results(50);
    const rest = await scene.rest();
    figures.add('slow consumer disconnected', 1, faultEnd, rest);
    figures.add('follower held back', 1, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
    expect(new Set(slow())).toEqual(new Set(['collector']));
    expect(executor!.said(/^reconnected to NATS/)).toBe(0);
  });
});
