// Proves that a process that stands still past the lock's time to live and goes on does no harm (I5): others have taken over,
// its append is refused, and it frees nobody else's lock. Real processes, SIGSTOP and SIGCONT, under a load of fights.

import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { depth } from '../../harness/depth.ts';
import { strike } from '../../interop/outsider.ts';
import type { ActionMessage } from '../../interop/wire.ts';
import { FaultFigures } from './figures-of-faults.ts';
import { Hold } from './hold.ts';
import { type Member, SCENE_LIMIT_MS, Scene } from './scene.ts';

/** Longer than the others need from taking over to the end of the test's looking: their lock must still be there then. */
const LOCK_TTL_MS = 6_000;
/** Longer than the two seconds of FAST_CLOCKS, whatever the load does meanwhile. */
const PAST_THE_LOCK_MS = 2_500;
/** Under this load a stopped collector is in the middle of something nearly always; so often it is stopped until it was. */
const STOPS_MAX = 5;

const figures = new FaultFigures('zombies');
let hold: Hold;
let scene: Scene;

beforeEach(async () => {
  hold = new Hold();
}, SCENE_LIMIT_MS);

afterEach(async () => {
  await scene?.close();
  hold.close();
}, SCENE_LIMIT_MS);

afterAll(() => figures.record());

describe('I5 a zombie', () => {
  test("executor: its result is refused, and it does not free the lock of another's work", {
    timeout: SCENE_LIMIT_MS,
  }, async () => {
    scene = await Scene.open({ env: { ...hold.env, LOCK_TTL_MS: `${LOCK_TTL_MS}` } });
    const { game } = scene;
    const load = await scene.begin(depth({ slice: 4, full: 8 }));
    const actor = { kind: 'player', stats: { hp: 2 } };
    await game.open('held', {
      teams: { red: ['a'], blue: ['b'] },
      actors: { a: actor, b: actor },
      rules: { name: 'fated', version: 1 },
    });
    const exchange = async (fate: string): Promise<void> => {
      await Promise.all([
        game.submit('held', strike('a', 'b', { fate })),
        game.submit('held', strike('b', 'a', { damage: 0 })),
      ]);
    };
    const inTheMiddleOf = async (name: string, but?: Member): Promise<Member> => {
      let found: Member | undefined;
      await scene.until(`an executor in the middle of ${name}`, () => {
        const pids = hold.begun(name).filter((pid) => pid !== but?.process.pid);
        found = scene.of('executor').find(({ process }) => pids.includes(process.pid ?? 0));
        return found !== undefined;
      });
      return found!;
    };

    await exchange('hold:first');
    const zombie = await inTheMiddleOf('first');
    zombie.signal('SIGSTOP');
    const other = await inTheMiddleOf('first', zombie);
    hold.release('first', other.process.pid!);
    await scene.until('the first result', async () => (await game.state('held', 'a'))?.queue?.length === 1);
    await exchange('hold:second');
    expect(await inTheMiddleOf('second', zombie)).toBe(other);

    // The other is in the middle of the next action: the lock is its.
    const kv = await game.nc.jetstream().views.kv('locks');
    const before = await kv.get('sys.busy.held');
    const freed: { owner: string; state: string }[] = [];
    game.nc.subscribe('$KV.locks.sys.busy.held', { callback: (_, msg) => void freed.push(msg.json()) });
    await game.nc.flush();
    hold.release('first', zombie.process.pid!);
    zombie.signal('SIGCONT');
    const faultEnd = Date.now();
    await scene.until('the zombie to free what it takes for its lock', () => freed.length > 0);
    const after = await kv.get('sys.busy.held');
    expect(freed[0]).toMatchObject({ state: 'free' });
    expect(before?.json()).toMatchObject({ state: expect.stringMatching(/pending|running/) });
    expect(freed[0]!.owner).not.toBe(before!.json<{ owner: string }>().owner);
    expect(after).toMatchObject({ revision: before!.revision, operation: 'PUT' });

    for (const { process } of [zombie, other]) hold.release('second', process.pid!);
    await scene.until('the refused result in the metrics', () =>
      zombie.metric('appends_total', { subject_kind: 'result', outcome: 'conflict' }).then((count) => count > 0),
    );
    await load.results(depth({ slice: 10, full: 50 }));
    const rest = await scene.rest();
    figures.add('executor stopped past its lock', 1, faultEnd, rest);
    expect(rest.breaches).toEqual([]);
  });

  test.runIf(depth({ slice: false, full: true }))(
    'collector: its actions are refused, and its wakes are dealt with by others',
    {
      timeout: SCENE_LIMIT_MS,
    },
    async () => {
      scene = await Scene.open({ env: hold.env });
      const load = await scene.begin(16);
      const [zombie] = scene.of('collector');
      const { streams } = await scene.game.nc.jetstreamManager();
      const endOfLog = async () => (await streams.info('COMBAT')).state.last_seq;
      const refused = () => zombie!.metric('appends_total', { subject_kind: 'action', outcome: 'conflict' });
      // A subscriber hears what is published, stored or refused: a decision on what was long past is a zombie's.
      let longPast = 0;
      let isResumed = false;
      let stale = 0;
      scene.game.nc.subscribe('combat.action.*', {
        callback: (_, msg) => {
          if (isResumed && msg.json<ActionMessage>().through < longPast) stale += 1;
        },
      });
      let faultEnd = 0;
      let stops = 0;
      let before = 0;
      do {
        isResumed = false;
        before = await refused();
        zombie!.signal('SIGSTOP');
        await load.results(40);
        longPast = await endOfLog();
        await new Promise((resolve) => setTimeout(resolve, PAST_THE_LOCK_MS));
        await load.results(20);
        isResumed = true;
        zombie!.signal('SIGCONT');
        faultEnd = Date.now();
        stops += 1;
        await load.results(60);
      } while (stops < STOPS_MAX && (stale === 0 || (await refused()) === before));
      expect(stale).toBeGreaterThan(0);
      expect(await refused()).toBeGreaterThan(before);
      const rest = await scene.rest();
      figures.add('collector stopped past its lock', stops, faultEnd, rest);
      expect(rest.breaches).toEqual([]);
    },
  );
});
