// Proves I6 of the timer: whatever is armed, by whom and when, a session that has been told "you will be woken" is woken.
// Schedules are the server's, replicas have beliefs of their own, and a firing schedule takes with it whatever stands on its
// subject, as nats-server does.

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TIMERS } from '#contracts/streams.ts';
import { sessionOfSubject, timerDueSubject, timerSetSubject } from '#contracts/subjects.ts';
import type { Effects } from '#jetstream/effects.ts';
import { EffectFailed } from '#jetstream/receipt.ts';
import { type ArmedTimer, arm, forget, unknownTimer } from '#jetstream/timer.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { Link } from './link.ts';
import { freshSession, RIG_LIMIT_MS, Rig, until, within } from './rig.ts';

const HOUR_MS = 3_600_000;
const SEED = 20_261_122;
const WOKEN_LIMIT_MS = 60_000;

let rig: Rig;
let effects: Effects;
/** Due messages by session, in order; whoever listens hears of each as it comes. */
const due = new Map<string, number>();
const listening = new Map<string, () => void>();

beforeAll(async () => {
  rig = await Rig.open({}, ['timers']);
  effects = rig.effects;
  const consumer = await jetstream((await rig.replica()).nc).consumers.get(TIMERS, 'timers');
  await consumer.consume({
    callback: (message) => {
      const id = sessionOfSubject(message.subject);
      expect(message.json()).toEqual({ session_id: id });
      due.set(id, (due.get(id) ?? 0) + 1);
      message.ack();
      listening.get(id)?.();
    },
  });
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

async function fired(id: string, times = 1): Promise<void> {
  await until(`timer ${times} of ${id}`, () => (due.get(id) ?? 0) >= times);
}

const inHours = (hours: number): number => effects.now() + hours * HOUR_MS;
const standing = (id: string) => effects.readTimer(id);

async function armed(id: string, atMs: number, timer: ArmedTimer = unknownTimer(), anew = false): Promise<ArmedTimer> {
  await arm(effects, id, timer, atMs, anew);
  return timer;
}

describe.concurrent('a timer', () => {
  test('is armed as one schedule, to the millisecond, and fires once', async () => {
    const id = freshSession();
    const hour = inHours(1) + 1;
    const timer = await armed(id, hour);
    expect(timer.atMs).toBe(hour);
    expect(await standing(id)).toEqual({ seq: timer.seq, atMs: hour });
    const at = effects.now() + 500;
    await armed(id, at, timer);
    await fired(id);
    expect(effects.now()).toBeGreaterThanOrEqual(at);
    await until('nothing left of it', async () => (await standing(id)) === null);
    expect(due.get(id)).toBe(1);
  });

  test('in the past fires at once', async () => {
    const id = freshSession();
    await armed(id, effects.now() - HOUR_MS);
    await fired(id);
  });

  test('is not re-armed for a later time, nor for the same', async () => {
    const id = freshSession();
    const at = inHours(1);
    const timer = await armed(id, at);
    const before = await standing(id);
    await armed(id, at, timer);
    await armed(id, at + 1, timer);
    await armed(id, inHours(2), timer);
    expect(await standing(id)).toEqual(before);
    // A replica that knows nothing of it does no more.
    const other = await armed(id, inHours(2));
    expect(await standing(id)).toEqual(before);
    expect(other).toEqual({ seq: before!.seq, atMs: at });
  });

  test('is re-armed for an earlier time, by whoever knows of it and by whoever does not', async () => {
    const id = freshSession();
    const timer = await armed(id, inHours(3));
    const two = inHours(2);
    await armed(id, two, timer);
    expect((await standing(id))?.atMs).toBe(two);
    const one = inHours(1);
    await armed(id, one);
    expect((await standing(id))?.atMs).toBe(one);
    await armed(id, effects.now(), timer); // with a belief that is out of date
    await fired(id);
  });

  test('that two replicas arm at once stands at the earlier time, 100 times over', async () => {
    const { effects: other } = await rig.replica();
    for (let round = 0; round < 100; round += 1) {
      const id = freshSession();
      const [early, late] = [inHours(1), inHours(2)];
      const [mine, theirs] = [unknownTimer(), unknownTimer()];
      const both = [arm(effects, id, mine, late, false), arm(other, id, theirs, early, false)];
      await Promise.all(round % 2 === 0 ? both : both.reverse());
      expect((await standing(id))?.atMs).toBe(early);
      expect(theirs.atMs).toBe(early);
    }
  });

  test('that eight replicas arm at once stands at the earliest', async () => {
    const id = freshSession();
    const at = inHours(1);
    const tries = [5, 3, 8, 1, 7, 2, 6, 4].map((n) => arm(effects, id, unknownTimer(), at + n, false));
    const failed = (await Promise.allSettled(tries)).filter(({ status }) => status === 'rejected');
    // Whoever loses too often gives its wake back and comes again.
    for (const _ of failed) await arm(effects, id, unknownTimer(), at + 1, false);
    expect((await standing(id))?.atMs).toBe(at + 1);
  });

  test('after firing is armed anew, whatever is believed: also later than what stands, which is kept', async () => {
    const id = freshSession();
    const believed = await armed(id, inHours(1));
    const before = await standing(id);
    await armed(id, inHours(2), believed, true);
    // The earlier of the two, written again: what stood may have been about to go.
    const after = await standing(id);
    expect(after?.atMs).toBe(before?.atMs);
    expect(after?.seq).toBeGreaterThan(before!.seq);
    forget(believed);
    expect(believed).toEqual(unknownTimer());
  });

  test('whose time has passed is believed in no more: the next one is armed', async () => {
    const id = freshSession();
    const timer = await armed(id, effects.now() + 100);
    await fired(id);
    await armed(id, effects.now() + 100, timer);
    await fired(id, 2);
  });

  test('armed beside a foreign message on its subject is armed all the same', async () => {
    const bodies: [string, [string, string][]][] = [
      ['no schedule', []],
      [
        'a schedule that repeats',
        [
          ['Nats-Schedule', '@every 1h'],
          ['Nats-Schedule-Target', 'timer.due.nobody'],
        ],
      ],
      [
        'a far one',
        [
          ['Nats-Schedule', '@at 2099-01-01T00:00:00Z'],
          ['Nats-Schedule-Target', 'timer.due.nobody'],
        ],
      ],
    ];
    for (const [what, headers] of bodies) {
      const id = freshSession();
      const receipt = await rig.publisher.publish(timerSetSubject(id), new Uint8Array(1), { headers });
      expect([what, receipt.kind]).toEqual([what, 'stored']);
      await armed(id, effects.now());
      await fired(id);
    }
  });

  test('survives kill -9 of the server', async () => {
    await using own = await Rig.alone({}, ['timers']);
    const ids = Array.from({ length: 20 }, freshSession);
    const at = own.effects.now() + 2_000;
    await Promise.all(ids.map((id) => arm(own.effects, id, unknownTimer(), at, false)));
    await own.server.kill();
    await own.server.restart();
    await own.reconnected();
    const jsm = await jetstreamManager(own.nc, PATIENCE);
    await until('every due message', async () => {
      const { state } = await jsm.streams.info(TIMERS, { subjects_filter: 'timer.due.*' });
      return ids.every((id) => (state.subjects?.[timerDueSubject(id)] ?? 0) > 0);
    });
  });

  test('whose acknowledgement is lost is armed: its own schedule is found standing', async () => {
    const link = await Link.to(rig.server.port);
    const { effects: behind } = await rig.replica(link.url);
    const id = freshSession();
    const at = inHours(1);
    const timer = unknownTimer();
    link.deafen();
    const arming = arm(behind, id, timer, at, false);
    await until('the schedule', async () => (await standing(id)) !== null);
    link.mend();
    await within('the answer', arming);
    expect(timer.atMs).toBe(at);
    expect(await standing(id)).toEqual({ seq: timer.seq, atMs: at });
    link.close();
  });

  test('that cannot be armed is said to have failed', async () => {
    await using own = await Rig.alone();
    await own.server.kill();
    const arming = arm(own.effects, 's', unknownTimer(), inHours(1), false);
    await expect(within('a failure', arming)).rejects.toBeInstanceOf(EffectFailed);
    await own.server.restart();
  });
});

/** A pass that loses against others too often gives its wake back, and comes again. */
async function persistently(work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof EffectFailed)) throw error;
    }
  }
}

/** A generator of numbers from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('I6 re-arming around the moment of firing, 300 sessions three times over: each is always woken', async () => {
  const chance = random(SEED);
  const { effects: other } = await rig.replica();
  const ids = Array.from({ length: 300 }, freshSession);
  /** Two replicas share a session: one is woken and arms anew, the other re-arms for an earlier time as it comes. */
  const chase = async (id: string): Promise<void> => {
    const [mine, theirs] = [unknownTimer(), unknownTimer()];
    const rivals: Promise<void>[] = [];
    let at = effects.now() + 300 + Math.floor(chance() * 700);
    await arm(effects, id, mine, at, false);
    for (let times = 1; times <= 3; times += 1) {
      const early = at - Math.floor(chance() * 20);
      const moment = at - effects.now() + Math.floor(chance() * 40) - 10;
      rivals.push(
        new Promise((resolve) => setTimeout(resolve, Math.max(0, moment))).then(() => {
          forget(theirs);
          return persistently(() => arm(other, id, theirs, early, false));
        }),
      );
      const seen = due.get(id) ?? 0;
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`${id} was not woken, time ${times}, seed ${SEED}`)),
          WOKEN_LIMIT_MS,
        );
        const look = (): void => {
          if ((due.get(id) ?? 0) <= seen) return;
          clearTimeout(late);
          listening.delete(id);
          resolve();
        };
        listening.set(id, look);
        look();
      });
      // A pass that a timer woke arms anew, whatever it believes is armed.
      at = effects.now() + 300 + Math.floor(chance() * 300);
      await persistently(() => arm(effects, id, mine, at, true));
    }
    await Promise.all(rivals);
    await fired(id, 4);
  };
  await Promise.all(ids.map(chase));
});
