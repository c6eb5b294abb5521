// Proves I1 on real processes under load: each bucket is deleted while fights go on, and all of them at once; what they held
// is made again from the log, by roles in use and by roles that start without any of it.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { BATTLES_BUCKET, type BucketName, bucketStream, LOCKS_BUCKET, SESSIONS_BUCKET } from '#contracts/streams.ts';
import { depth } from '../../harness/depth.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { SCENE_LIMIT_MS, Scene } from './scene.ts';

const ALL: readonly BucketName[] = [SESSIONS_BUCKET, BATTLES_BUCKET, LOCKS_BUCKET];
const SETS = depth({ slice: [ALL], full: [...ALL.map((bucket) => [bucket]), ALL] });
const AT_ONCE = depth({ slice: 4, full: 12 });
const BLOWS = depth({ slice: 10, full: 40 });

const figures = new FaultFigures('buckets');
let scene: Scene;

afterEach(async () => {
  await scene?.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

describe('the buckets', () => {
  test.each(SETS.map((buckets) => ({ buckets, list: buckets.join(', ') })))(
    'I1 deleted under load, $list: there again, and nothing is lost with them',
    { timeout: SCENE_LIMIT_MS },
    async ({ buckets }) => {
      scene = await Scene.open();
      const load = await scene.begin(AT_ONCE);
      const { streams } = await scene.game.nc.jetstreamManager();
      const createdOf = async (name: string): Promise<string | null> =>
        streams.info(name).then(
          ({ created }) => created,
          () => null,
        );
      const names = buckets.map(bucketStream);
      const before = await Promise.all(names.map(createdOf));
      await load.results(BLOWS);
      await Promise.all(names.map((name) => streams.delete(name)));
      const faultEnd = Date.now();
      // Two that know nothing: whatever they fold, they fold from what is left.
      const [old] = scene.of('collector');
      await old!.kill();
      await Promise.all([scene.start('collector'), scene.start('executor')]);
      await load.results(BLOWS);
      for (const [index, name] of names.entries()) {
        await scene.until(`${name}, made anew`, async () => {
          const created = await createdOf(name);
          return created !== null && created !== before[index];
        });
      }
      const rest = await scene.rest();
      figures.add(
        names.length === 1 ? `bucket ${buckets[0]} deleted` : 'all buckets deleted',
        names.length,
        faultEnd,
        rest,
      );
      expect(rest.breaches).toEqual([]);
    },
  );
});
