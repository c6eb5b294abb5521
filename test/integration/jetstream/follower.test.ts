// Proves that a follower hands on every message of the log once and in order, whatever happens to its consumer, its
// connection and its server.

import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { describe, expect, test } from 'vitest';
import { ACTIONS, COMBAT } from '#contracts/streams.ts';
import { BATTLE_LOG_FILTER, type LogKind, logSubject } from '#contracts/subjects.ts';
import { Follower, type LogRecord } from '#jetstream/follower.ts';
import { provision } from '#jetstream/provision.ts';
import { lastSequence } from '#jetstream/stored-message.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { TcpProxy } from '../../harness/tcp-proxy.ts';
import { Link } from './link.ts';
import { freshSession, nudge, nudges, type Replica, Rig, until } from './rig.ts';

const ALL: LogKind[] = ['session', 'signal', 'action', 'result'];

/** Follows, and keeps what it is given. */
async function follow(
  rig: Rig,
  replica: Replica,
  fromSeq: number,
  filter: string | null = null,
): Promise<[Follower, LogRecord[]]> {
  const records: LogRecord[] = [];
  const take = (record: LogRecord) => void records.push(record);
  const lost = (reason: string) => expect.unreachable(reason);
  return [await Follower.start(replica.nc, { filter, fromSeq, take, lost }, rig.lines.logger), records];
}

/** Follows from the first message on, and keeps why it could not go on. */
async function losable(rig: Rig, nc: NatsConnection): Promise<{ reasons: string[]; records: LogRecord[] }> {
  const reasons: string[] = [];
  const records: LogRecord[] = [];
  const take = (record: LogRecord) => void records.push(record);
  const lost = (reason: string) => void reasons.push(reason);
  await Follower.start(nc, { filter: null, fromSeq: 0, take, lost }, rig.lines.logger);
  return { reasons, records };
}

const seqsOf = (records: readonly LogRecord[]): number[] => records.map(({ seq }) => seq);
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n);

async function untilFollowed(records: readonly LogRecord[], seq: number): Promise<void> {
  await until(`message ${seq}, and not only ${records.at(-1)?.seq}`, () => records.at(-1)?.seq === seq);
}

/** Publishes at both ends of the time in which `work` is done, and all through it where the server can be reached. */
async function whilePublishing(rig: Rig, work: () => Promise<void>): Promise<number> {
  const id = freshSession();
  let done = false;
  const publishing = (async () => {
    while (!done) {
      await rig.publisher.publish(logSubject('signal', id), nudge(id, 0));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  await nudges(rig.publisher, id, 100);
  await work();
  done = true;
  await publishing;
  await rig.reconnected();
  await nudges(rig.publisher, id, 100);
  return lastSequence(rig.nc, COMBAT);
}

describe.concurrent('a follower', () => {
  test('begins after the sequence it is given, with the part of the log it is given', async () => {
    await using rig = await Rig.open();
    const id = freshSession();
    for (const kind of [...ALL, ...ALL]) await rig.publisher.publish(logSubject(kind, id), nudge(id, 0));
    const [all, records] = await follow(rig, rig.first, 2);
    const [, battle] = await follow(rig, rig.first, 0, BATTLE_LOG_FILTER);
    await untilFollowed(records, 8);
    await untilFollowed(battle, 8);
    expect(seqsOf(records)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(records.map(({ kind }) => kind)).toEqual(['action', 'result', ...ALL]);
    expect(seqsOf(battle)).toEqual([1, 3, 4, 5, 7, 8]);
    expect(all.position).toBe(8);
  });

  test('that begins where nothing stands yet begins with the next message', async () => {
    await using rig = await Rig.open();
    const id = freshSession();
    await nudges(rig.publisher, id, 10);
    const [, records] = await follow(rig, rig.first, 10);
    await nudges(rig.publisher, id, 10);
    await untilFollowed(records, 20);
    expect(seqsOf(records)).toEqual(upTo(20, 11));
  });

  test('gives every message once and in order across kill -9 of the server', async () => {
    await using rig = await Rig.alone();
    const [, records] = await follow(rig, await rig.replica(), 0);
    const last = await whilePublishing(rig, async () => {
      await rig.server.kill();
      await rig.server.restart();
      await rig.reconnected();
    });
    await untilFollowed(records, last);
    expect(seqsOf(records)).toEqual(upTo(last));
  });

  test('gives every message once and in order when its consumer is deleted, three times over', async () => {
    await using rig = await Rig.open();
    const [, records] = await follow(rig, await rig.replica(), 0);
    const jsm = await jetstreamManager(rig.nc, PATIENCE);
    const consumers = async (): Promise<string[]> => {
      const names: string[] = [];
      for await (const { name } of jsm.consumers.list(COMBAT)) names.push(name);
      return names;
    };
    const last = await whilePublishing(rig, async () => {
      for (let round = 0; round < 3; round += 1) {
        const name = await until('its consumer', async () => (await consumers())[0]);
        await jsm.consumers.delete(COMBAT, name);
        await until('another consumer in its place', async () => {
          const [next] = await consumers();
          return next !== undefined && next !== name;
        });
      }
    });
    await untilFollowed(records, last);
    expect(seqsOf(records)).toEqual(upTo(last));
    expect(rig.lines.saying(/following the log: resuming/).length).toBeGreaterThan(0);
  });

  test('gives every message once and in order across a link that is cut again and again', async () => {
    await using rig = await Rig.open();
    const link = await Link.to(rig.server.port);
    const [, records] = await follow(rig, await rig.replica(link.url), 0);
    const last = await whilePublishing(rig, async () => {
      for (let round = 0; round < 5; round += 1) {
        const seen = records.length;
        await until('messages over the link', () => records.length > seen);
        if (round % 2 === 0) link.deafen();
        link.mend();
      }
    });
    await untilFollowed(records, last);
    expect(seqsOf(records)).toEqual(upTo(last));
    link.close();
  });

  test('gives every message once and in order where some that were pushed never reached it, the last one too', async () => {
    await using rig = await Rig.open();
    await using proxy = await TcpProxy.open(rig.server.port);
    const id = freshSession();
    const [, records] = await follow(rig, await rig.replica(proxy.url), 0);
    let seen = 0;
    proxy.judge = ({ from, verb, subject }) => {
      if (from !== 'server' || !verb.endsWith('MSG') || subject !== logSubject('signal', id)) return 'pass';
      seen += 1;
      return seen === 50 || seen === 100 ? 'drop' : 'pass'; // the second of them is in what comes instead of the first
    };
    const seqs = await nudges(rig.publisher, id, 100);
    await untilFollowed(records, seqs.at(-1)!);
    seen = 0;
    proxy.judge = ({ from, verb, subject }) =>
      from === 'server' && verb.endsWith('MSG') && subject === logSubject('signal', id) && ++seen === 10
        ? 'drop'
        : 'pass';
    await nudges(rig.publisher, id, 10);
    await untilFollowed(records, 110);
    expect(proxy.counts.dropped).toBe(3);
    expect(seqsOf(records)).toEqual(upTo(110));
  });

  test('goes on after more than a server pushes without being told that it has been taken', async () => {
    await using rig = await Rig.open();
    await using proxy = await TcpProxy.open(rig.server.port);
    let told = 0;
    proxy.judge = ({ from, subject }) => {
      if (from === 'client' && subject.startsWith('$JS.FC.')) told += 1;
      return 'pass';
    };
    const [, records] = await follow(rig, await rig.replica(proxy.url), 0);
    const id = freshSession();
    const size = 64 * 1024;
    await nudges(rig.publisher, id, 1_000, 'x'.repeat(size)); // 64 MiB; flow control stops at 32
    await untilFollowed(records, 1_000);
    expect(seqsOf(records)).toEqual(upTo(1_000));
    expect(told).toBeGreaterThan(0);
  });

  test('that has received nothing yet outlives a server that has no log for it, however often it tries', async () => {
    await using rig = await Rig.alone();
    const [follower, records] = await follow(rig, await rig.replica(), 0);
    await rig.server.restart({ jetstream: false });
    await until('a few tries', () => rig.lines.saying(/cannot resume yet/).length >= 8);
    expect(follower.fault).not.toBeNull();
    await rig.server.restart({ jetstream: '' });
    await rig.reconnected();
    await nudges(rig.publisher, freshSession(), 100);
    await untilFollowed(records, 100);
    expect(seqsOf(records)).toEqual(upTo(100));
    expect(follower.fault).toBeNull();
  });

  test('gives what was under way on a lost connection, even where nothing comes after it', async () => {
    await using rig = await Rig.open();
    const link = await Link.to(rig.server.port);
    const [, records] = await follow(rig, await rig.replica(link.url), 0);
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 10);
    link.deafen();
    await nudges(rig.publisher, freshSession(), 10);
    link.mend();
    await untilFollowed(records, 20);
    expect(seqsOf(records)).toEqual(upTo(20));
    link.close();
  });

  test('says that it is lost, and hands on nothing more, where the log was made anew', async () => {
    await using rig = await Rig.open();
    const { reasons, records } = await losable(rig, (await rig.replica()).nc);
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 10);
    await rig.drop(ACTIONS);
    await rig.drop(COMBAT);
    await provision(rig.nc, [], rig.options, rig.lines.logger);
    await nudges(rig.publisher, freshSession(), 20);
    await until('the loss', () => reasons.length > 0);
    expect(reasons).toEqual(['the log has been made anew']);
    expect(seqsOf(records)).toEqual(upTo(10));
  });

  test('says that it is lost where the log no longer has what comes next: a fold has no hole', async () => {
    await using rig = await Rig.open({ logMaxBytes: 1024 * 1024 });
    const link = await Link.to(rig.server.port);
    const { reasons, records } = await losable(rig, (await rig.replica(link.url)).nc);
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 10);
    link.deafen();
    await nudges(rig.publisher, freshSession(), 200, 'x'.repeat(16 * 1024));
    link.mend();
    await until('the loss', () => reasons.length > 0);
    expect(reasons).toEqual([expect.stringMatching(/^the log begins at \d+, and the last message seen is 10$/)]);
    expect(seqsOf(records)).toEqual(upTo(10));
    link.close();
  });

  test('says that it is lost where a power cut has taken the end of the log', async () => {
    await using rig = await Rig.alone();
    await nudges(rig.publisher, freshSession(), 10);
    const cut = await rig.cutLater();
    const { reasons, records } = await losable(rig, (await rig.replica()).nc);
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 20);
    await cut();
    await until('the loss', () => reasons.length > 0);
    expect(reasons).toEqual(['the log ends at 10, and the last message seen is 20']);
  });

  test('says that it is lost where the end of the log was lost and written again: it has another message there', async () => {
    await using rig = await Rig.alone();
    const link = await Link.to(rig.server.port);
    await nudges(rig.publisher, freshSession(), 10);
    const cut = await rig.cutLater();
    const { reasons, records } = await losable(rig, (await rig.replica(link.url)).nc);
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 20);
    link.deafen();
    await cut();
    await nudges(rig.publisher, freshSession(), 20);
    link.mend();
    await until('the loss', () => reasons.length > 0);
    expect(reasons).toEqual(['the log has another message at 20 than was seen there']);
    expect(seqsOf(records)).toEqual(upTo(20));
    link.close();
  });

  test('doubts what it has seen from when its connection is lost until the log has shown it again', async () => {
    await using rig = await Rig.open();
    const link = await Link.to(rig.server.port);
    const [follower, records] = await follow(rig, await rig.replica(link.url), 0);
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 10);
    expect(follower.isInDoubt(10)).toBe(false);
    link.deafen();
    link.mend();
    await until('doubt', () => follower.isInDoubt(10));
    expect(follower.isInDoubt(11)).toBe(false);
    await until('certainty', () => !follower.isInDoubt(10));
    expect(seqsOf(records)).toEqual(upTo(10));
    link.close();
  });

  test('says that it is lost where the log has rolled past it while it was not told of anything', async () => {
    await using rig = await Rig.open({ logMaxBytes: 16 * 1024 * 1024 });
    await using proxy = await TcpProxy.open(rig.server.port);
    const { reasons, records } = await losable(rig, (await rig.replica(proxy.url)).nc);
    // The server pushes until it wants to be told that what it has pushed was taken, and waits then.
    let isMute = true;
    proxy.judge = ({ from, subject }) =>
      isMute && from === 'client' && subject.startsWith('$JS.FC.') ? 'drop' : 'pass';
    const id = freshSession();
    for (let round = 0; round < 20; round += 1) await nudges(rig.publisher, id, 100, 'x'.repeat(64 * 1024));
    isMute = false;
    await until('the loss', () => reasons.length > 0);
    expect(reasons).toEqual([expect.stringMatching(/^the log begins at \d+, and the last message seen is \d+$/)]);
    expect(seqsOf(records)).toEqual(upTo(records.length));
  });

  test('goes on where the last message seen has expired, and nothing after it', async () => {
    await using rig = await Rig.open();
    const link = await Link.to(rig.server.port);
    const [, records] = await follow(rig, await rig.replica(link.url), 0);
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 10);
    link.deafen();
    const jsm = await jetstreamManager(rig.nc, PATIENCE);
    const { config } = await jsm.streams.info(COMBAT);
    const second = 1e9;
    await jsm.streams.update(COMBAT, { ...config, max_age: second, duplicate_window: second });
    await until('the log to be empty', async () => (await jsm.streams.info(COMBAT)).state.first_seq === 11);
    await jsm.streams.update(COMBAT, config);
    link.mend();
    await nudges(rig.publisher, freshSession(), 10);
    await untilFollowed(records, 20);
    expect(seqsOf(records)).toEqual(upTo(20));
    link.close();
  });

  test('goes on after whoever takes a message has thrown', async () => {
    await using rig = await Rig.open();
    const seen: number[] = [];
    const take = ({ seq }: LogRecord): void => {
      seen.push(seq);
      if (seq === 3) throw new Error('cannot take this one');
    };
    const options = { filter: null, fromSeq: 0, take, lost: () => {} };
    const follower = await Follower.start(rig.nc, options, rig.lines.logger);
    await nudges(rig.publisher, freshSession(), 10);
    await until('all messages', () => seen.length === 10);
    expect(seen).toEqual(upTo(10));
    expect(rig.lines.saying(/a message was not taken/)).toHaveLength(1);
    await follower.stop();
  });

  test('does not hand on what is on no session: a last token that is no id', async () => {
    await using rig = await Rig.open();
    const [follower, records] = await follow(rig, rig.first, 0);
    for (const token of ['no%id', 'x'.repeat(65), 's1']) {
      await rig.publisher.publish(`collector.signal.${token}`, new Uint8Array(1));
    }
    await untilFollowed(records, 3);
    expect(seqsOf(records)).toEqual([3]);
    expect(follower.position).toBe(3);
  });
});
