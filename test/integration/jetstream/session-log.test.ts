// Proves I1 and I7 of the cache of folds: a fold can always be made again, from the log, from a snapshot, or from both; it
// never has a hole and nothing in it twice, whatever happens while it is made; and snapshots never stand in the way.
//
// The fold of this file is the plainest there is: it keeps the sequence of every message of its session. A hole or a double
// shows at once.

import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { check, encode } from '#contracts/decode.ts';
import { CLOSED_SNAPSHOT_TTL_S, COMBAT, SESSIONS_BUCKET } from '#contracts/streams.ts';
import { bucketSubject, logSubject, sessionLogFilter } from '#contracts/subjects.ts';
import type { Effects } from '#jetstream/effects.ts';
import { Follower, type LogRecord } from '#jetstream/follower.ts';
import { provision } from '#jetstream/provision.ts';
import { EffectFailed } from '#jetstream/receipt.ts';
import { type Cached, SessionLog } from '#jetstream/session-log.ts';
import { lastMessage } from '#jetstream/stored-message.ts';
import { freshSession, Gate, Lines, nudge, nudges, RIG_LIMIT_MS, Rig, until, within } from './rig.ts';

const MEGABYTE = 1_024 * 1_024;
/** Sessions a cache keeps at the most. */
const SESSIONS_MAX = 10_000;

const Kept = z.object({ v: z.literal(1), seqs: z.array(z.int()), closed: z.boolean(), fat: z.string() });
type State = z.output<typeof Kept>;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open();
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

/** A log on effects of a test's choice, with lines of its own. */
class Bench {
  readonly lines = new Lines();
  readonly log: SessionLog<State>;
  readonly on: Rig;

  constructor(on: Rig = rig, effects: Effects = on.effects, followedFrom = 0) {
    this.on = on;
    this.log = new SessionLog<State>(
      {
        filter: sessionLogFilter,
        bucket: SESSIONS_BUCKET,
        initial: () => ({ v: 1, seqs: [], closed: false, fat: '' }),
        evolve(state, { seq, message }) {
          state.seqs.push(seq);
          if (message.kind === 'session' && message.body.type === 'closed') state.closed = true;
          if (message.kind === 'signal' && message.body.char_id === 'fat') state.fat = 'x'.repeat(2 * MEGABYTE);
        },
        position: (state) => state.seqs.at(-1) ?? 0,
        snapshot: (state) => state,
        restore: (_sessionId, value) => check(Kept, value),
        isSettled: (state) => state.closed,
        memo: () => null,
      },
      effects,
      this.lines.logger,
      followedFrom,
    );
  }

  /** Follows the log from its end on. */
  async follow(): Promise<this> {
    await this.followed();
    return this;
  }

  /** The same, for whoever wants to know how far it is. */
  async followed(): Promise<Follower> {
    const end = await this.on.effects.endOfLog();
    const take = (record: LogRecord) => this.log.take(record);
    const lost = (reason: string) => expect.unreachable(reason);
    return await Follower.start(this.on.nc, { filter: null, fromSeq: end, take, lost }, this.lines.logger);
  }

  /** The session, hydrated. */
  async hydrated(sessionId: string): Promise<Cached<State>> {
    const session = this.log.session(sessionId);
    await within(
      `${sessionId} hydrated`,
      this.log.use(session, async () => {}),
    );
    return session;
  }
}

async function keep(sessionId: string, value: unknown, on = rig): Promise<void> {
  const bytes = value instanceof Uint8Array ? value : encode(value);
  expect(await on.effects.writeSnapshot(SESSIONS_BUCKET, sessionId, bytes, false)).toMatchObject({ kind: 'stored' });
}

const snapshotOf = (seqs: readonly number[]): State => ({ v: 1, seqs: [...seqs], closed: false, fat: '' });

async function kept(sessionId: string, on = rig): Promise<State | null> {
  const read = check(Kept, await on.effects.readSnapshot(SESSIONS_BUCKET, sessionId));
  return read.ok ? read.value : null;
}

async function untilKept(sessionId: string, fits: (state: State) => boolean): Promise<State> {
  return await until(`a snapshot of ${sessionId}`, async () => {
    const state = await kept(sessionId);
    return state !== null && fits(state) && state;
  });
}

async function close(sessionId: string): Promise<number> {
  const body = encode({ type: 'closed', session_id: sessionId, winner: null, reason: 'cancelled' });
  const receipt = await rig.publisher.publish(logSubject('session', sessionId), body);
  if (receipt.kind !== 'stored') throw new Error(JSON.stringify(receipt));
  return receipt.seq;
}

describe.concurrent('hydration', () => {
  test('from the log alone: all of it, in order, over several batches', async () => {
    const id = freshSession();
    const [seqs] = await Promise.all([nudges(rig.publisher, id, 1_300), nudges(rig.publisher, freshSession(), 1_300)]);
    const session = await new Bench().hydrated(id);
    expect(session.state.seqs).toEqual(seqs);
    expect(session.through).toBeGreaterThanOrEqual(seqs.at(-1)!);
    expect(session.foldedFrom).toBe(0);
  });

  test('of a session that nobody knows is an empty fold', async () => {
    const session = await new Bench().hydrated('nobody');
    expect(session.state.seqs).toEqual([]);
    expect(session.phase).toBe('live');
  });

  test('C19 from snapshot and tail: what is after the snapshot is folded, and nothing else', async () => {
    const id = freshSession();
    const seqs = await nudges(rig.publisher, id, 1_000);
    await keep(id, snapshotOf(seqs.slice(0, 990)));
    const bench = new Bench();
    const session = await bench.hydrated(id);
    expect(session.state.seqs).toEqual(seqs);
    expect(bench.log.folded).toBe(10);
    expect(session.foldedFrom).toBe(seqs[989]);
  });

  test('from a snapshot that is at the end: nothing is folded', async () => {
    const id = freshSession();
    const seqs = await nudges(rig.publisher, id, 10);
    await keep(id, snapshotOf(seqs));
    const bench = new Bench();
    const session = await bench.hydrated(id);
    expect(session.state.seqs).toEqual(seqs);
    expect(session.through).toBeGreaterThanOrEqual(seqs.at(-1)!);
    expect(bench.log.folded).toBe(0);
  });

  test.each([
    ['bytes that are no JSON', Uint8Array.of(0xff, 0x00)],
    ['nothing', new Uint8Array()],
    ['JSON that is no object', encode(null)],
    ['another version', encode({ ...snapshotOf([1]), v: 2 })],
    ['fields of another shape', encode({ v: 1, seqs: 'many' })],
  ])('a snapshot that cannot be read is no snapshot: %s', async (_what, bytes) => {
    const id = freshSession();
    const seqs = await nudges(rig.publisher, id, 10);
    await keep(id, bytes);
    expect((await new Bench().hydrated(id)).state.seqs).toEqual(seqs);
  });

  test('a snapshot that was deleted by the means of a KV client is no snapshot', async () => {
    const id = freshSession();
    const seqs = await nudges(rig.publisher, id, 10);
    await keep(id, snapshotOf([1, 2, 3]));
    const bucket = await new Kvm(rig.nc).open(SESSIONS_BUCKET);
    expect((await bucket.get(id))?.json()).toMatchObject({ seqs: [1, 2, 3] });
    await bucket.delete(id);
    expect((await new Bench().hydrated(id)).state.seqs).toEqual(seqs);
  });

  test('a snapshot ahead of the log is of another log: it is dropped, with a warning', async () => {
    await using own = await Rig.open();
    const [id, later] = [freshSession(), freshSession()];
    const before = await nudges(own.publisher, id, 100);
    await keep(id, snapshotOf(before), own);
    await own.drop(COMBAT);
    await provision(own.nc, [], own.options, own.lines.logger);
    const seqs = await nudges(own.publisher, id, 3);
    await nudges(own.publisher, later, 3);
    const bench = new Bench(own);
    expect((await bench.hydrated(id)).state.seqs).toEqual(seqs);
    expect(bench.lines.saying(/of another log/)).toHaveLength(1);
  });

  test('a snapshot of what a power cut has taken from the log is dropped, however far the log has come since', async () => {
    await using own = await Rig.alone();
    const id = freshSession();
    const seqs = await nudges(own.publisher, id, 10);
    const cut = await own.cutLater();
    const before = new Bench(own);
    const follower = await before.followed();
    await before.hydrated(id);
    await nudges(own.publisher, id, 10);
    await until('a snapshot', async () => (await kept(id, own))?.seqs.length === 20);
    follower.stop();
    await before.log.close();
    await cut();
    // The very place of the snapshot is the session's again, and has another message.
    seqs.push(...(await nudges(own.publisher, id, 30)));
    const bench = new Bench(own);
    expect((await bench.hydrated(id)).state.seqs).toEqual(seqs);
    expect(bench.lines.saying(/of another log/)).toHaveLength(1);
  });

  test('a snapshot that is older than the log is that of another, where the stream was made after it', async () => {
    await using own = await Rig.open({ logMaxBytes: MEGABYTE });
    const id = freshSession();
    const before = await nudges(own.publisher, id, 2);
    await keep(id, { ...snapshotOf(before), at: Date.now() }, own);
    await own.drop(COMBAT);
    await provision(own.nc, [], own.options, own.lines.logger);
    await nudges(own.publisher, freshSession(), 40, 'x'.repeat(50_000));
    const seqs = await nudges(own.publisher, id, 3);
    const bench = new Bench(own);
    expect((await bench.hydrated(id)).state.seqs).toEqual(seqs);
    expect(bench.lines.saying(/of another log/)).toHaveLength(1);
  });

  test('I1 a session older than the log rests on its snapshot, and is folded on from there', async () => {
    await using own = await Rig.open({ logMaxBytes: MEGABYTE });
    const id = freshSession();
    const seqs = await nudges(own.publisher, id, 10);
    await keep(id, snapshotOf(seqs), own);
    // Others fill the log until nothing of the session is left in it.
    const pad = 'x'.repeat(50_000);
    for (let round = 0; round < 3; round += 1) await nudges(own.publisher, freshSession(), 10, pad);
    await until('a log without the session', async () => (await own.effects.lastInLog(sessionLogFilter(id))) === 0);
    const bench = new Bench(own);
    const session = await bench.hydrated(id);
    expect(session.state.seqs).toEqual(seqs);
    expect(bench.lines.saying(/./)).toEqual([]);
    const more = await nudges(own.publisher, id, 5);
    await bench.log.catchUp(session);
    expect(session.state.seqs).toEqual([...seqs, ...more]);
  });

  test('what arrives meanwhile is neither lost nor doubled, wherever hydration stands', async () => {
    const steps = ['readTail', 'readSnapshot', 'readLog'] as const;
    for (const [index, step] of steps.entries()) {
      for (const side of ['before', 'after'] as const) {
        const id = freshSession();
        const gate = new Gate();
        const held = async (...args: unknown[]): Promise<unknown> => {
          if (side === 'before') await gate.pass();
          const result = await (rig.effects[step] as (...given: unknown[]) => Promise<unknown>)(...args);
          if (side === 'after') await gate.pass();
          return result;
        };
        const bench = await new Bench(rig, { ...rig.effects, [step]: held }).follow();
        const first = await nudges(rig.publisher, id, 100);
        if (index === 1) await keep(id, snapshotOf(first.slice(0, 50)));
        const session = bench.log.session(id);
        const hydrated = bench.log.use(session, async () => {});
        await gate.reached;
        const meanwhile = await nudges(rig.publisher, id, 600);
        await until('the follower to have delivered', () => session.buffer.length >= 600);
        gate.open();
        await within('hydration', hydrated);
        const after = await nudges(rig.publisher, id, 100);
        await within('the fold', bench.log.foldTo(session, after.at(-1)!));
        expect(session.state.seqs).toEqual([...first, ...meanwhile, ...after]);
      }
    }
  });

  test('I1 asks for an answer that lacks nothing of what the follower has passed by already', async () => {
    await using own = await Rig.open();
    const asked: number[] = [];
    const readTail: Effects['readTail'] = (filter, atLeast) => {
      asked.push(atLeast);
      return own.effects.readTail(filter, atLeast);
    };
    const before = await nudges(own.publisher, freshSession(), 3);
    const bench = new Bench(own, { ...own.effects, readTail }, before.at(-1)!);
    const follower = await bench.followed();
    await bench.hydrated(freshSession());
    const [id, other] = [freshSession(), freshSession()];
    const seqs = await nudges(own.publisher, id, 3);
    const passed = await nudges(own.publisher, other, 1);
    await until('the follower', () => follower.position === passed[0]);
    expect((await bench.hydrated(id)).state.seqs).toEqual(seqs);
    expect(asked).toEqual([before.at(-1), passed[0]]);
  });

  test('40 sessions hydrated again and again under a flood of messages have no hole and no double', async () => {
    const ids = Array.from({ length: 40 }, freshSession);
    const expected = new Map(ids.map((id) => [id, [] as number[]]));
    let done = false;
    const flood = (async () => {
      while (!done) {
        await Promise.all(ids.map(async (id) => expected.get(id)!.push(...(await nudges(rig.publisher, id, 3)))));
      }
    })();
    const benches: Bench[] = [];
    for (let round = 0; round < 5; round += 1) {
      const bench = await new Bench().follow();
      await Promise.all(ids.map((id) => bench.hydrated(id)));
      benches.push(bench);
    }
    done = true;
    await flood;
    for (const bench of benches) {
      for (const [id, seqs] of expected) {
        const session = bench.log.session(id);
        await within('the fold', bench.log.foldTo(session, seqs.at(-1)!));
        expect(session.state.seqs).toEqual(seqs);
      }
    }
  });

  test('that cannot read the log fails, and the next one is a new one', async () => {
    await using own = await Rig.alone();
    const id = freshSession();
    const seqs = await nudges(own.publisher, id, 10);
    const bench = new Bench(own);
    await own.server.kill();
    const session = bench.log.session(id);
    await expect(
      within(
        'a failure',
        bench.log.use(session, async () => {}),
      ),
    ).rejects.toBeInstanceOf(EffectFailed);
    expect(bench.log.size).toBe(0);
    await own.server.restart();
    await own.reconnected();
    expect((await bench.hydrated(id)).state.seqs).toEqual(seqs);
  });
});

describe.concurrent('folding on', () => {
  test('I7 a follower that lags is overtaken by reading, and what it brings later is ignored', async () => {
    const id = freshSession();
    const bench = new Bench(); // nobody follows
    const session = await bench.hydrated(id);
    const end = await rig.effects.endOfLog();
    const seqs = await nudges(rig.publisher, id, 100);
    await within('the fold', bench.log.foldTo(session, seqs.at(-1)!));
    expect(session.state.seqs).toEqual(seqs);
    const take = (record: LogRecord) => bench.log.take(record);
    const late = await Follower.start(rig.nc, { filter: null, fromSeq: end, take, lost: () => {} }, rig.lines.logger);
    const more = await nudges(rig.publisher, id, 100);
    await until('the late follower', () => late.position >= more.at(-1)!);
    expect(session.state.seqs).toEqual([...seqs, ...more]);
    expect(bench.log.folded).toBe(200);
  });

  test('I7 a wake at a place that is not of the session is reached all the same', async () => {
    const [id, other] = [freshSession(), freshSession()];
    const bench = new Bench();
    const session = await bench.hydrated(id);
    const seqs = await nudges(rig.publisher, id, 3);
    const elsewhere = await nudges(rig.publisher, other, 3);
    await within('the fold', bench.log.foldTo(session, elsewhere.at(-1)!));
    expect(session.state.seqs).toEqual(seqs);
  });

  test('after a conflict: catchUp reads to the end of the log as the leader has it', async () => {
    const id = freshSession();
    const bench = new Bench();
    const session = await bench.hydrated(id);
    const seqs = await nudges(rig.publisher, id, 700);
    await bench.log.catchUp(session);
    expect(session.state.seqs).toEqual(seqs);
    expect(session.through).toBeGreaterThanOrEqual(seqs.at(-1)!);
    await bench.log.catchUp(session);
    expect(bench.log.folded).toBe(700);
  });

  test('I7 whoever begins to wait while it is caught up with the log is not given up by that', async () => {
    const id = freshSession();
    const gate = new Gate();
    const readLog: Effects['readLog'] = async (...asked) => {
      const count = await rig.effects.readLog(...asked);
      await gate.pass();
      return count;
    };
    const bench = new Bench(rig, { ...rig.effects, readLog });
    const session = await bench.hydrated(id);
    await nudges(rig.publisher, id, 1);
    const caughtUp = bench.log.catchUp(session);
    await gate.reached;
    const [later] = await nudges(rig.publisher, id, 1);
    const folded = bench.log.foldTo(session, later!).then(() => session.state.seqs.at(-1));
    gate.open();
    await caughtUp;
    expect(await within('the fold', folded)).toBe(later);
  });

  test('catching up and following at once fold every message once', async () => {
    const id = freshSession();
    const bench = await new Bench().follow();
    const session = await bench.hydrated(id);
    const all: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const published = nudges(rig.publisher, id, 50);
      await Promise.all([bench.log.catchUp(session), bench.log.catchUp(session)]);
      all.push(...(await published));
    }
    await within('the fold', bench.log.foldTo(session, all.at(-1)!));
    expect(session.state.seqs).toEqual(all);
    expect(bench.log.folded).toBe(all.length);
  });

  test('what cannot be read is folded too: a place in the log is a place', async () => {
    const id = freshSession();
    await rig.publisher.publish(logSubject('signal', id), Uint8Array.of(0xff));
    await rig.publisher.publish(logSubject('action', id), nudge(id, 0));
    await rig.publisher.publish(logSubject('session', id), nudge('another', 0));
    const last = await nudges(rig.publisher, id, 1);
    const session = await new Bench().hydrated(id);
    expect(session.state.seqs).toHaveLength(4);
    expect(session.state.seqs.at(-1)).toBe(last[0]);
  });
});

describe.concurrent('snapshots', () => {
  test('are written behind: a session in use is kept within seconds, whoever asks for it or not', async () => {
    const id = freshSession();
    const bench = await new Bench().follow();
    await bench.hydrated(id);
    const seqs = await nudges(rig.publisher, id, 10);
    const state = await untilKept(id, ({ seqs: ours }) => ours.length === 10);
    expect(state.seqs).toEqual(seqs);
    const message = await lastMessage(rig.nc, 'KV_sessions', bucketSubject(SESSIONS_BUCKET, id));
    expect(message!.header('Nats-TTL')).toBe('');
  });

  test('of a closed session go by themselves: they carry a time to live of a day', async () => {
    const id = freshSession();
    const bench = await new Bench().follow();
    await bench.hydrated(id);
    await nudges(rig.publisher, id, 3);
    await close(id);
    await untilKept(id, ({ closed }) => closed);
    const message = await lastMessage(rig.nc, 'KV_sessions', bucketSubject(SESSIONS_BUCKET, id));
    expect(message!.header('Nats-TTL')).toBe(`${CLOSED_SNAPSHOT_TTL_S}s`);
  });

  test('too large for the server are skipped with a warning, and the session goes on', async () => {
    const id = freshSession();
    const bench = await new Bench().follow();
    const session = await bench.hydrated(id);
    const fat = encode({ session_id: id, signal_type: 'check_immediate', char_id: 'fat' });
    await rig.publisher.publish(logSubject('signal', id), fat);
    await until('the warning', () => bench.lines.saying(/snapshot was refused/).length > 0);
    const seqs = await nudges(rig.publisher, id, 10);
    await within('the fold', bench.log.foldTo(session, seqs.at(-1)!));
    expect(session.state.seqs).toHaveLength(11);
    expect(await kept(id)).toBeNull();
  });

  test('of all that is dirty are written when the log is closed', async () => {
    const ids = Array.from({ length: 50 }, freshSession);
    const bench = await new Bench().follow();
    const sessions = await Promise.all(ids.map((id) => bench.hydrated(id)));
    const seqs = await Promise.all(ids.map((id) => nudges(rig.publisher, id, 5)));
    await Promise.all(sessions.map((session, n) => bench.log.foldTo(session, seqs[n]!.at(-1)!)));
    await within('the log closed', bench.log.close());
    for (const [n, id] of ids.entries()) expect((await kept(id))?.seqs).toEqual(seqs[n]);
  });

  test('are written when a session leaves a full cache, and it comes back from there', async () => {
    const id = freshSession();
    const bench = await new Bench().follow();
    const session = await bench.hydrated(id);
    for (let n = 1; n < SESSIONS_MAX; n += 1) {
      bench.log.session(`filler${n}`);
      if (n % 500 === 0) await until('hydration', () => bench.log.session(`filler${n}`).phase === 'live');
    }
    await bench.hydrated(`filler${SESSIONS_MAX - 1}`);
    const seqs = await nudges(rig.publisher, id, 5);
    await within('the fold', bench.log.foldTo(session, seqs.at(-1)!));
    await bench.hydrated('one-too-many');
    expect(bench.log.size).toBe(SESSIONS_MAX);
    await untilKept(id, (state) => state.seqs.length === 5);
    const before = bench.log.folded;
    const again = await bench.hydrated(id);
    expect(again).not.toBe(session);
    expect(again.state.seqs).toEqual(seqs);
    expect(bench.log.folded).toBe(before);
  });

  test('I1 larger than a message of the log, and not too large for the server, are written and read back', async () => {
    const id = freshSession();
    const seqs = await nudges(rig.publisher, id, 10);
    await keep(id, { ...snapshotOf(seqs), fat: 'x'.repeat(700 * 1_024) });
    const bench = new Bench();
    const session = await bench.hydrated(id);
    expect(bench.log.folded).toBe(0);
    expect(session.state.seqs).toEqual(seqs);
  });

  test('that are lost with their bucket are written again', async () => {
    await using own = await Rig.open();
    const id = freshSession();
    const bench = await new Bench(own).follow();
    await bench.hydrated(id);
    await own.drop('KV_sessions');
    await nudges(own.publisher, id, 5);
    await bench.hydrated(freshSession()); // whose snapshot is looked for
    await until('a snapshot', async () => (await kept(id, own))?.seqs.length === 5);
  });
});
