// Proves who may have the `sys:busy` lock when, on the real bucket: that it is given once, freed by its own revision only,
// gone by itself after its time to live, and that whoever has taken it knows so even when the answer was lost.

import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encode } from '#contracts/decode.ts';
import { LOCKS_BUCKET } from '#contracts/streams.ts';
import { bucketSubject, lockKey } from '#contracts/subjects.ts';
import type { Effects } from '#jetstream/effects.ts';
import { claim, free, type LockTry, renew, takePending } from '#jetstream/lock.ts';
import { EffectFailed } from '#jetstream/receipt.ts';
import { lastMessage } from '#jetstream/stored-message.ts';
import { Link } from './link.ts';
import { freshSession, LOCK_TTL_MS, RIG_LIMIT_MS, Rig, until, within } from './rig.ts';

const STREAM = 'KV_locks';
const SHORT_TTL_MS = 2_000;

let rig: Rig;
let effects: Effects;

beforeAll(async () => {
  rig = await Rig.open();
  effects = rig.effects;
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

const subjectOf = (id: string): string => bucketSubject(LOCKS_BUCKET, lockKey(id));
const stateOf = async (id: string) => (await effects.readLock(id))?.value?.state ?? null;

/** The revision of a lock that was had. */
function had(attempt: LockTry): number {
  if (!attempt.held) throw new Error("the lock is another's");
  return attempt.revision;
}

/** Puts anything at all where the lock is, and resolves with its revision. */
async function put(id: string, body: Uint8Array): Promise<number> {
  const receipt = await rig.publisher.publish(subjectOf(id), body);
  if (receipt.kind !== 'stored') throw new Error(JSON.stringify(receipt));
  return receipt.seq;
}

describe.concurrent('a lock', () => {
  test('goes from absent to pending to running to free, and round again, by whoever knows its revision or not', async () => {
    const id = freshSession();
    const pending = had(await takePending(effects, id, 'c1', 0));
    expect(await effects.readLock(id)).toMatchObject({ revision: pending, value: { state: 'pending', owner: 'c1' } });
    const running = had(await claim(effects, id, 'e1', pending));
    expect(await effects.readLock(id)).toMatchObject({ revision: running, value: { state: 'running', owner: 'e1' } });
    const freed = await free(effects, id, 'e1', running);
    expect(await effects.readLock(id)).toMatchObject({ revision: freed, value: { state: 'free', owner: 'e1' } });
    // Once by the right belief, once by a wrong one.
    const again = had(await takePending(effects, id, 'c2', freed!));
    await free(effects, id, 'c2', again);
    had(await takePending(effects, id, 'c3', 0));
    expect(await stateOf(id)).toBe('pending');
  });

  test('that is pending or running is not given to a collector', async () => {
    const id = freshSession();
    const pending = had(await takePending(effects, id, 'c1', 0));
    // Its own revision is known to nobody but its owner.
    for (const belief of [0, pending - 1, pending + 1_000]) {
      expect(await takePending(effects, id, 'c2', belief)).toEqual({ held: false });
    }
    had(await claim(effects, id, 'e1', pending));
    for (const belief of [0, pending]) expect(await takePending(effects, id, 'c2', belief)).toEqual({ held: false });
    expect(await effects.readLock(id)).toMatchObject({ value: { state: 'running', owner: 'e1' } });
  });

  test('is claimed by an executor where it is absent, free, or pending of any revision, and not where it runs', async () => {
    const [absent, released, pending] = [freshSession(), freshSession(), freshSession()];
    had(await claim(effects, absent, 'e1', 12_345));
    await free(effects, released, 'e0', had(await claim(effects, released, 'e0', 0)));
    had(await claim(effects, released, 'e1', 1));
    had(await takePending(effects, pending, 'c1', 0));
    const first = had(await claim(effects, pending, 'e1', 12_345));
    for (const belief of [0, first - 1, 12_345]) {
      expect(await claim(effects, pending, 'e2', belief)).toEqual({ held: false });
    }
    expect(await effects.readLock(pending)).toMatchObject({ revision: first, value: { owner: 'e1' } });
  });

  test('I5 is freed and renewed by its own revision only: a zombie frees nobody', async () => {
    const id = freshSession();
    const zombie = had(await claim(effects, id, 'zombie', 0));
    await free(effects, id, 'zombie', zombie);
    const running = had(await claim(effects, id, 'e1', 0));
    expect(await free(effects, id, 'zombie', zombie)).toBeNull();
    expect(await renew(effects, id, 'zombie', zombie)).toBeNull();
    expect(await effects.readLock(id)).toMatchObject({ revision: running, value: { state: 'running', owner: 'e1' } });
    expect(await free(effects, id, 'e1', running)).toBeGreaterThan(running);
    expect(await free(effects, id, 'e1', running)).toBeNull();
  });

  test('that 16 want at once is given to one, 50 times over', async () => {
    const { effects: other } = await rig.replica();
    for (let round = 0; round < 50; round += 1) {
      const id = freshSession();
      const tries = Array.from({ length: 16 }, (_, n) => takePending(n % 2 === 0 ? effects : other, id, `c${n}`, 0));
      const held = (await Promise.all(tries)).map((attempt) => attempt.held);
      expect(held.filter(Boolean)).toHaveLength(1);
      expect((await effects.readLock(id))?.value?.owner).toBe(`c${held.indexOf(true)}`);
    }
  });

  test('that 8 executors want at once, pending as it is, is given to one, 50 times over', async () => {
    for (let round = 0; round < 50; round += 1) {
      const id = freshSession();
      const pending = had(await takePending(effects, id, 'c', 0));
      const tries = Array.from({ length: 8 }, (_, n) => claim(effects, id, `e${n}`, n % 2 === 0 ? pending : 0));
      expect((await Promise.all(tries)).filter((attempt) => attempt.held)).toHaveLength(1);
    }
  });

  test.each([
    ['bytes that are no JSON', Uint8Array.of(0xff)],
    ['nothing', new Uint8Array()],
    ['another shape', encode({ state: 'mine', owner: 'me' })],
  ])('I10 whose value nobody could have written does not lock a session for good: %s', async (_what, body) => {
    const [id, other] = [freshSession(), freshSession()];
    await put(id, body);
    had(await takePending(effects, id, 'c1', 0));
    await put(other, body);
    had(await claim(effects, other, 'e1', 0));
  });

  test('that was deleted by the means of a KV client is free', async () => {
    const id = freshSession();
    had(await takePending(effects, id, 'c1', 0));
    const bucket = await new Kvm(rig.nc).open(LOCKS_BUCKET);
    expect((await bucket.get(lockKey(id)))?.json()).toMatchObject({ state: 'pending' });
    await bucket.delete(lockKey(id));
    had(await takePending(effects, id, 'c2', 0));
  });
});

describe.concurrent('the time to live', () => {
  test('ends every state of it; then it is taken again, also by whoever believes in the old revision', async () => {
    const { effects: short } = await rig.replica(rig.server.url, SHORT_TTL_MS);
    const ids = [freshSession(), freshSession(), freshSession()] as const;
    const pending = had(await takePending(short, ids[0], 'c1', 0));
    const running = had(await claim(short, ids[1], 'e1', 0));
    const freed = await free(short, ids[2], 'e1', had(await claim(effects, ids[2], 'e1', 0)));
    for (const id of ids) await until(`the end of the lock of ${id}`, async () => (await short.readLock(id)) === null);
    expect(await free(short, ids[1], 'e1', running)).toBeNull();
    had(await takePending(short, ids[0], 'c2', pending));
    had(await claim(short, ids[1], 'e2', running));
    had(await takePending(short, ids[2], 'c2', freed!));
  });

  test('is on every write: taken, claimed, renewed and freed alike', async () => {
    const id = freshSession();
    const ttl = async () => (await lastMessage(rig.nc, STREAM, subjectOf(id)))!.header('Nats-TTL');
    const pending = had(await takePending(effects, id, 'c1', 0));
    expect(await ttl()).toBe(`${LOCK_TTL_MS / 1_000}s`);
    const running = had(await claim(effects, id, 'e1', pending));
    expect(await ttl()).toBe(`${LOCK_TTL_MS / 1_000}s`);
    const renewed = await renew(effects, id, 'e1', running);
    expect(await ttl()).toBe(`${LOCK_TTL_MS / 1_000}s`);
    await free(effects, id, 'e1', renewed!);
    expect(await ttl()).toBe(`${LOCK_TTL_MS / 1_000}s`);
  });

  test('is put off by renewing: a lock outlives the one that is not renewed, and ends when it is renewed no more', async () => {
    const { effects: short } = await rig.replica(rig.server.url, SHORT_TTL_MS);
    const { id, revision } = await renewedInTime(short);
    const witness = freshSession();
    had(await claim(short, witness, 'e1', 0));
    await until('the end of the witness', async () => (await short.readLock(witness)) === null);
    const last = await renew(short, id, 'e1', revision);
    expect(last).not.toBeNull();
    await until('the end of the lock', async () => (await short.readLock(id)) === null);
    expect(await renew(short, id, 'e1', last!)).toBeNull();
  });

  /** A lock that was claimed for a short time and renewed for a long one before that was over. */
  async function renewedInTime(short: Effects): Promise<{ id: string; revision: number }> {
    for (;;) {
      const id = freshSession();
      const revision = await renew(effects, id, 'e1', had(await claim(short, id, 'e1', 0)));
      if (revision !== null) return { id, revision };
    }
  }
});

describe.concurrent('an answer that is lost', () => {
  test.each([
    ['pending', takePending],
    ['running', claim],
  ])('does not lose the lock: whoever took it finds its own nonce (%s)', async (state, take) => {
    const link = await Link.to(rig.server.port);
    const { effects: behind } = await rig.replica(link.url);
    const id = freshSession();
    link.deafen();
    const attempt = take(behind, id, 'mine', 0);
    const standing = await until('the lock in the bucket', async () => (await effects.readLock(id)) ?? undefined);
    link.mend();
    expect(await within('the lock', attempt)).toEqual({ held: true, revision: standing.revision });
    expect(await effects.readLock(id)).toMatchObject({ value: { state, owner: 'mine' } });
    link.close();
  });

  test('does not give the lock to two: another took it meanwhile', async () => {
    const link = await Link.to(rig.server.port);
    const { effects: behind } = await rig.replica(link.url);
    const id = freshSession();
    link.deafen();
    const attempt = takePending(behind, id, 'mine', 0);
    const standing = await until('the lock in the bucket', async () => (await effects.readLock(id)) ?? undefined);
    had(await claim(effects, id, 'another', standing.revision));
    link.mend();
    expect(await within('the answer', attempt)).toEqual({ held: false });
    link.close();
  });
});

describe.concurrent('the bucket', () => {
  test('that is lost is made anew by whoever finds it missing, and the lock is given once', async () => {
    await using own = await Rig.open();
    const { effects: other } = await own.replica();
    for (let round = 0; round < 3; round += 1) {
      const id = freshSession();
      had(await takePending(own.effects, id, 'before', 0));
      await own.drop(STREAM);
      const tries = [own.effects, other].map((from, n) => takePending(from, id, `c${n}`, 0));
      expect((await Promise.all(tries)).filter((attempt) => attempt.held)).toHaveLength(1);
      const { config } = await own.api(`STREAM.INFO.${STREAM}`);
      expect(config).toMatchObject({ allow_msg_ttl: true, max_msgs_per_subject: 1, storage: 'file' });
    }
  });

  test('that is lost while a lock is held costs the lock and nothing else', async () => {
    await using own = await Rig.open();
    const id = freshSession();
    const running = had(await claim(own.effects, id, 'e1', 0));
    await own.drop(STREAM);
    expect(await renew(own.effects, id, 'e1', running)).toBeNull();
    expect(await free(own.effects, id, 'e1', running)).toBeNull();
    had(await claim(own.effects, id, 'e2', running));
  });

  test('that is there and does not answer is not made anew: the lock cannot be had, and that is said', async () => {
    await using own = await Rig.alone();
    const id = freshSession();
    had(await takePending(own.effects, id, 'c1', 0));
    await own.server.kill();
    await expect(within('a failure', takePending(own.effects, id, 'c2', 0))).rejects.toBeInstanceOf(EffectFailed);
    await own.server.restart();
    await own.reconnected();
    expect((await own.effects.readLock(id))?.value?.owner).toBe('c1');
  });
});
