// Proves that an iteration gives every message once and in order, even if a side is slow or restarts. Each test has a
// server of its own, and waits most of the time: they run beside each other.

import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { describe, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { LOOK_MS, makeLog, oneTo, ResultsLog, read } from './results-log.ts';
import { freshId } from './stage.ts';

/** As many messages as are held for a slow reader (following.ts). */
const HELD_MAX = 4_096;

/** A request to a server that is down is sent again each second, five times at most (stored-message.ts). */
const MORE_THAN_ONE_REQUEST = 6;

/** Resolves when so many requests of a connection have failed. */
function failures(of: NatsConnection, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const request = of.request.bind(of);
  let failed = 0;
  of.request = (...asked) => {
    const answer = request(...asked);
    answer.catch(() => {
      failed += 1;
      if (failed === count) resolve();
    });
    return answer;
  };
  return promise;
}

/**
 * Holds back the nth question for the state of the log that a connection asks from now on, until it is released; and all that it
 * asks at all until `begin`. `answered` resolves when nothing that the connection has asked for is without an answer, nor
 * what was asked because of an answer.
 */
function holdBack(of: NatsConnection, nth: number) {
  const [begun, held, released] = Array.from({ length: 3 }, () => Promise.withResolvers<void>()) as [
    PromiseWithResolvers<void>,
    PromiseWithResolvers<void>,
    PromiseWithResolvers<void>,
  ];
  const request = of.request.bind(of);
  let [asked, waiting] = [0, 0];
  of.request = async (subject, ...rest) => {
    waiting += 1;
    try {
      await begun.promise;
      if (subject === '$JS.API.STREAM.INFO.COMBAT' && ++asked === nth) {
        held.resolve();
        await released.promise;
      }
      return await request(subject, ...rest);
    } finally {
      waiting -= 1;
    }
  };
  const answered = async (): Promise<void> => {
    do await breathe();
    while (waiting > 0);
  };
  return { begin: begun.resolve, held: held.promise, release: released.resolve, answered };
}

describe.concurrent('following', () => {
  test('a reader slower than the log gets every result once and in order, and does not hold them all', async () => {
    await using log = await ResultsLog.open();
    const sessionId = freshId();
    const total = 12_000;
    const results = await log.client.followResults({ sessionId, from: 'now' });
    await log.write(sessionId, oneTo(total));
    // Nobody has read yet: the consumer was given up when enough of them waited, and is gone from the server.
    await log.forgotten();
    expect(await read(results, total)).toEqual(oneTo(total));
  });

  test('a server that is killed and comes back is followed on from where it was', async () => {
    await using log = await ResultsLog.open();
    const sessionId = freshId();
    const results = await log.client.followResults({ sessionId, from: 'now' });
    await log.write(sessionId, oneTo(50));
    const seen = await read(results, 100, async (ordinal) => {
      if (ordinal !== 25) return;
      const back = log.reconnected();
      await log.server.kill();
      await log.server.restart();
      await back;
      await log.write(sessionId, oneTo(100).slice(50));
    });
    expect(seen).toEqual(oneTo(100));
  });

  test('a slow reader who has read all there is while the server is down goes on when it is back', async () => {
    await using log = await ResultsLog.open();
    const sessionId = freshId();
    const total = HELD_MAX + 100;
    const results = await log.client.followResults({ sessionId, from: 'now' });
    await log.write(sessionId, oneTo(total));
    await log.forgotten();
    const back = log.reconnected();
    await log.server.kill();
    const unanswered = failures(log.nc, MORE_THAN_ONE_REQUEST);
    const reading = read(results, total);
    // The reader has read what was held, and has asked a server that is not there.
    await unanswered;
    await log.server.restart();
    await back;
    expect(await reading).toEqual(oneTo(total));
  });

  test('a log that was made anew is another, though it is longer than what was read of the old one', async () => {
    await using log = await ResultsLog.open();
    const sessionId = freshId();
    await log.write(sessionId, oneTo(3));
    const results = await log.client.followResults({ sessionId, from: 'start' });
    const reading = (async () => {
      const seen: number[] = [];
      try {
        for await (const { body } of results) {
          seen.push(body.executed);
          if (seen.length !== 3) continue;
          await log.nc.request('$JS.API.STREAM.DELETE.COMBAT', '', PATIENCE);
          await makeLog(log.nc);
          await log.write(sessionId, oneTo(10));
        }
      } catch (error) {
        return { seen, error };
      }
      return { seen };
    })();
    expect(await reading).toMatchObject({ seen: [1, 2, 3], error: { code: 'refused', retryable: false } });
  });

  test('is taken up once where two ask for it at the same time, and leaves nothing behind', async () => {
    await using log = await ResultsLog.open({ deny_purge: false });
    const sessionId = freshId();
    const own = await connect({ servers: log.server.url });
    const reader = new RiposteClient(own);
    await log.write(sessionId, oneTo(3));
    const results = await reader.followResults({ sessionId, from: 'start' });
    const manager = await jetstreamManager(log.nc, PATIENCE);
    const [consumer] = await manager.consumers.list('COMBAT').next();
    while ((await manager.consumers.info('COMBAT', consumer!.name)).num_pending > 0) await pause(LOOK_MS);
    await own.flush(); // what was pushed has come
    // Its consumer is taken away, and what comes next is gone before it looks again: it is lost, and asks where the log begins.
    const { begin, held, release, answered } = holdBack(own, 2);
    await manager.consumers.delete('COMBAT', consumer!.name);
    await log.write(sessionId, oneTo(8).slice(3));
    await manager.streams.purge('COMBAT', { seq: 7 });
    begin();
    await held;
    // Meanwhile the reader has read all that was held for it, and asks as well.
    const seen: number[] = [];
    for await (const { body } of results) {
      seen.push(body.executed);
      if (seen.length === 3) void breathe().then(release);
      if (seen.length !== 5) continue;
      await answered();
      break;
    }
    expect(seen).toEqual([1, 2, 3, 7, 8]);
    await log.forgotten();
    await reader.disconnect();
    await own.close();
  });
});
