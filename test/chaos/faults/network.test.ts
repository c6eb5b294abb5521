// Proves that what the network does between a role and the server costs nothing but time: publishes whose acknowledgement is
// lost (stored, and nobody knows), acknowledgements of deliveries that are lost (done, and delivered again), slow ways,
// connections that end in the middle of a message, connections that are there and silent. One collector and one executor of
// two each, and the AI, reach the server through a proxy.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { type Frame, TcpProxy } from '../../harness/tcp-proxy.ts';
import { FaultFigures } from './figures-of-faults.ts';
import type { Load } from './load.ts';
import { type Member, SCENE_LIMIT_MS, Scene } from './scene.ts';

const FULL = depth({ slice: false, full: true });
const AT_ONCE = depth({ slice: 4, full: 8 });
/** Blows after a fault. */
const BLOWS = depth({ slice: 10, full: 50 });
/** What the roles publish with an acknowledgement. */
const STORED = /^(combat|collector|executor|ai|timer|dead|\$KV)\./;
const APPENDED = /^combat\.(action|result)\./;
const DELIVERY_ACK = /^\$JS\.ACK\./;
/** The first to be lost is an append's in a slice: an outcome that nobody knows is known as such after five seconds. */
const PUBLISH_ACKS = depth({
  slice: { lost: 2, lostMax: 2, everyNth: 1, of: APPENDED },
  full: { lost: 30, lostMax: Number.POSITIVE_INFINITY, everyNth: 10, of: STORED },
});
const LOST_DELIVERY_ACKS = depth({ slice: 10, full: 100 });
const LATE = depth({ slice: { blows: 4, messages: 50 }, full: { blows: 100, messages: 500 } });
/** A way to a server on another continent. */
const FAR_MS = 150;
/** A silent connection is given up after two pings of five seconds. */
const SILENT_LIMIT_MS = 30_000;

const figures = new FaultFigures('network');
let scene: Scene;

afterEach(async () => {
  await scene?.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

/** A scene with some of its roles behind a proxy, under load. */
async function open(): Promise<{ proxy: TcpProxy; load: Load; behind: Member[] }> {
  scene = await Scene.open({ roles: ['collector', 'executor'] });
  const proxy = await TcpProxy.open(scene.server.port);
  scene.closeWith(() => proxy.close());
  const env = { NATS_URL: proxy.url };
  const roles = ['collector', 'executor', 'ai'] as const;
  const behind = await Promise.all(roles.map((name) => scene.start(name, env)));
  return { proxy, behind, load: await scene.begin(AT_ONCE) };
}

const unknownAppends = async (behind: readonly Member[]): Promise<number> => {
  const kinds = { collector: 'action', executor: 'result', ai: null };
  const counts = behind.map(({ name }, index) => {
    const kind = kinds[name];
    return kind === null ? 0 : behind[index]!.metric('appends_total', { subject_kind: kind, outcome: 'unknown' });
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
};

/** True for every nth operation that fits. */
function everyNth(n: number, fits: (frame: Frame) => boolean): (frame: Frame) => boolean {
  let count = 0;
  return (frame) => fits(frame) && ++count % n === 0;
}

const isPublishAck = ({ answers }: Frame): boolean => PUBLISH_ACKS.of.test(answers);
const isDeliveryAck = ({ from, subject }: Frame): boolean => from === 'client' && DELIVERY_ACK.test(subject);
const isPublish = ({ from, subject }: Frame): boolean => from === 'client' && STORED.test(subject);
const isMessage = ({ from, subject }: Frame): boolean => from === 'server' && subject !== '';

describe('between a role and the server', { timeout: SCENE_LIMIT_MS }, () => {
  test('acknowledgements of publishes are lost, and only they: what was stored is found in the log', async () => {
    const { proxy, load, behind } = await open();
    const isLost = everyNth(PUBLISH_ACKS.everyNth, isPublishAck);
    proxy.judge = (frame) => (proxy.counts.dropped < PUBLISH_ACKS.lostMax && isLost(frame) ? 'drop' : 'pass');
    await scene.until('lost acknowledgements', () => proxy.counts.dropped >= PUBLISH_ACKS.lost);
    await scene.until('appends of which nobody knows', async () => (await unknownAppends(behind)) > 0);
    proxy.judge = () => 'pass';
    const faultEnd = Date.now();
    await load.results(BLOWS);
    const rest = await scene.rest();
    figures.add('publish acks dropped', proxy.counts.dropped, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
    expect(proxy.counts.connections).toBe(behind.length);
  });

  test('acknowledgements of deliveries are lost: what was done comes again, and nothing is left to do', async () => {
    const { proxy, load, behind } = await open();
    const isLost = everyNth(3, isDeliveryAck);
    const redelivered = () => behind[0]!.metric('redeliveries_total');
    const before = await redelivered();
    proxy.judge = (frame) => (isLost(frame) ? 'drop' : 'pass');
    await scene.until('lost acknowledgements', () => proxy.counts.dropped >= LOST_DELIVERY_ACKS);
    await scene.until('redeliveries', async () => (await redelivered()) > before);
    proxy.judge = () => 'pass';
    const faultEnd = Date.now();
    await load.results(BLOWS);
    const rest = await scene.rest();
    figures.add('delivery acks dropped', proxy.counts.dropped, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
  });

  test('connections end in the middle of a message, in both directions: what had no whole is nothing', async () => {
    const cuts = depth({ slice: 4, full: 20 });
    const { proxy, load, behind } = await open();
    const isCutOut = everyNth(40, isPublish);
    const isCutIn = everyNth(40, isMessage);
    for (let cut = 0; cut < cuts; cut++) {
      const { connections } = proxy.counts;
      const hits = cut % 2 === 0 ? isCutOut : isCutIn;
      // One at a time: a connection is cut when the one before is there again.
      proxy.judge = (frame) => (proxy.counts.cut === cut && hits(frame) ? 'cut' : 'pass');
      await scene.until('a connection cut, and made again', () => proxy.counts.connections > connections);
    }
    proxy.judge = () => 'pass';
    const faultEnd = Date.now();
    await load.results(BLOWS);
    expect(proxy.counts).toMatchObject({ cut: cuts, connections: behind.length + cuts });
    expect(behind.some((member) => member.said(/^disconnected from NATS/) > 0)).toBe(true);
    const rest = await scene.rest();
    figures.add('connection cut in mid-message', cuts, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
  });

  test('everything arrives late, and what is published at the very end of the delay, too', async () => {
    const { proxy, load } = await open();
    proxy.delayMs = FAR_MS;
    const { passed } = proxy.counts;
    await load.results(LATE.blows);
    await scene.until('messages that came late', () => proxy.counts.passed - passed > LATE.messages);
    proxy.delayMs = 0;
    const faultEnd = Date.now();
    await load.results(BLOWS);
    const rest = await scene.rest();
    figures.add(`delay of ${FAR_MS} ms`, 1, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
  });

  test.runIf(FULL)(
    'connections are there and silent: they are given up, others take over, and new ones are made',
    async () => {
      const { proxy, load, behind } = await open();
      const { connections } = proxy.counts;
      proxy.judge = () => 'drop';
      await load.results(BLOWS); // by the two that do not go through the proxy
      await scene.until(
        'every silent connection to be given up',
        () => behind.every((member) => member.said(/^disconnected from NATS/) > 0),
        SILENT_LIMIT_MS,
      );
      const silenced = proxy.counts.dropped;
      proxy.judge = () => 'pass';
      const faultEnd = Date.now();
      await scene.until('new connections', () => proxy.counts.connections >= connections + behind.length);
      await load.results(BLOWS);
      expect(silenced).toBeGreaterThan(0);
      const rest = await scene.rest();
      figures.add('half-open connection', behind.length, faultEnd, rest);
      expect(rest.breaches).toEqual([]);
    },
  );
});
