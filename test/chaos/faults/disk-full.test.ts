// Proves what a server without room does: publishes are refused or not answered, and none is acknowledged and lost; roles say so,
// and neither crash nor give up; when there is room again, everything goes on. Twice: JetStream's own limit, and a disk that
// is really full, after which nats-server has JetStream off until it is started again.

import { readFileSync } from 'node:fs';
import type { NatsError } from 'nats';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { ensureNatsServer } from '#tools/nats-server/ensure.ts';
import { depth } from '../../harness/depth.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';
import { SmallDisk, whyNoSmallDisk } from './small-disk.ts';

const FULL = depth({ slice: false, full: true });
const NO_DISK = whyNoSmallDisk();
/** Some tries; in full long enough for deadlines to pass and for several tries of everything. */
const WITHOUT_ROOM_MS = depth({ slice: 1_000, full: 6_000 });
const AT_ONCE = depth({ slice: 4, full: 8 });
const BLOWS = depth({ slice: 10, full: 50 });
const DISK_MB = 48;
const FILLER_BYTES = 256 * 1024;
/** The server's code for it. */
const INSUFFICIENT_RESOURCES = 10_023;

const figures = new FaultFigures('disk-full');
let scene: Scene;

afterEach(async () => {
  await scene?.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

const withoutRoom = () => new Promise((resolve) => setTimeout(resolve, WITHOUT_ROOM_MS));

describe('no room on the server', { timeout: SCENE_LIMIT_MS }, () => {
  test.runIf(FULL)("JetStream's own limit: refused, said, and everything goes on when there is room", async () => {
    scene = await Scene.open({ server: { jetstream: 'max_file_store: 32MB' } });
    const load = await scene.begin(AT_ONCE);
    const js = scene.game.nc.jetstream();
    const { streams } = await scene.game.nc.jetstreamManager();
    await streams.add({ name: 'FILLER', subjects: ['filler'] });
    const filler = new Uint8Array(FILLER_BYTES);
    const refused: unknown[] = [];
    while (refused.length === 0) {
      await js.publish('filler', filler).catch((error: NatsError) => refused.push(error.api_error?.err_code));
    }
    expect(refused).toEqual([INSUFFICIENT_RESOURCES]);
    // What is left between the filler's last and the limit is little, and the fights take it.
    const isRefused = () => scene.members.some((member) => member.said(/insufficient resources/) > 0);
    await scene.until('a role that is refused, and says so', isRefused);
    await withoutRoom();
    await streams.delete('FILLER');
    const faultEnd = Date.now();
    await load.results(BLOWS);
    const rest = await scene.rest();
    // What the server had no room to fire, it would never have fired again.
    expect(scene.of('collector').some((member) => member.said(/^timers were overdue/) > 0)).toBe(true);
    figures.add('storage limit reached', 1, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
  });

  test.skipIf(NO_DISK !== null)(
    `a disk that is full: nothing acknowledged is lost${NO_DISK === null ? '' : ` (skipped: ${NO_DISK})`}`,
    async () => {
      const disk = await SmallDisk.mount(DISK_MB);
      const binary = disk.program(await ensureNatsServer());
      scene = await Scene.open({ server: { binary, storeDir: disk.dir } });
      scene.closeLast(() => disk.close());
      const load = await scene.begin(AT_ONCE);
      disk.fill();
      expect(disk.freeBytes).toBe(0);
      const log = () => readFileSync(scene.server.logFile, 'utf8');
      await scene.until('a server that says so', () => /no space left on device/i.test(log()));
      await withoutRoom();
      disk.makeRoom();
      await scene.server.restart();
      const faultEnd = Date.now();
      await load.results(BLOWS);
      const rest = await scene.rest();
      figures.add('disk full', 1, faultEnd, rest);
      expect(rest.breaches).toEqual([]);
    },
  );
});
