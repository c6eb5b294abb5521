// Proves what an iteration promises: every message once and in order, whoever is slow and whatever restarts, and nothing
// left on the server afterwards. Results are written by the test itself: what matters is how they are read.

import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import type { ResultEvent } from '#client/combat-event.ts';
import type { Following } from '#client/following.ts';
import { streamDefinitions } from '#contracts/streams.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { freshId, STAGE_LIMIT_MS } from './stage.ts';

const HOUR_MS = 3_600_000;
const FORGOTTEN_LOOK_MS = 100;
/** As many messages as are held for a slow reader (following.ts). */
const HELD_MAX = 4_096;
/** Longer than one request to a server that is down is waited for (stored-message.ts). */
const UNANSWERED_MS = 7_000;

let server: TestServer;
let nc: NatsConnection;
let client: RiposteClient;

beforeAll(async () => {
  server = await startTestServer();
  nc = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  await makeLog(nc);
  client = new RiposteClient(nc);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await client?.disconnect();
  await nc?.close();
  await server?.stop();
}, STAGE_LIMIT_MS);

/** Creates the log, as provisioning does but for what is named. */
async function makeLog(by: NatsConnection, more: object = {}): Promise<void> {
  const [combat] = streamDefinitions({ replicas: 1, logMaxAgeMs: HOUR_MS, logMaxBytes: -1 });
  await by.request('$JS.API.STREAM.CREATE.COMBAT', JSON.stringify({ ...combat, ...more }));
}

/** Writes results with the given ordinals. */
async function write(sessionId: string, ordinals: readonly number[], by = nc): Promise<void> {
  const written = ordinals.map((ordinal) => {
    const results = [{ action_id: `${ordinal}`, status: 'done', hits: [] }];
    const body = { session_id: sessionId, through: 1, executed: ordinal, step: ordinal, results };
    const rest = { actors: {}, deaths: [], target_returns: [] };
    return by.request(`combat.result.${sessionId}`, JSON.stringify({ ...body, ...rest }), { timeout: 20_000 });
  });
  await Promise.all(written);
}

const oneTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

type Results = Following<ResultEvent>;

/** The ordinals an iteration gives, until it has given `count`. */
async function read(results: Results, count: number, each = async (_ordinal: number) => {}): Promise<number[]> {
  const seen: number[] = [];
  for await (const { body } of results) {
    seen.push(body.executed);
    await each(body.executed);
    if (seen.length === count) break;
  }
  return seen;
}

/** Resolves when the test's own connection is there again. */
async function reconnected(): Promise<void> {
  for await (const { type } of nc.status()) if (type === 'reconnect') return;
}

/** Resolves when the server has forgotten all consumers on the log but so many: it does within seconds. */
async function forgotten(all: number, of = nc): Promise<void> {
  while ((await consumers(of)) > all) await pause(FORGOTTEN_LOOK_MS);
}

/**
 * Holds back the nth question for the state of the log that a connection asks from now on, until it is released. `answered` resolves
 * when nothing that the connection has asked for is without an answer, nor what was asked because of an answer.
 */
function holdBack(of: NatsConnection, nth: number) {
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const request = of.request.bind(of);
  let [asked, waiting] = [0, 0];
  of.request = async (subject, ...rest) => {
    waiting += 1;
    try {
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
  return { held: held.promise, release: released.resolve, answered };
}

/** Consumers on the log. */
async function consumers(of = nc): Promise<number> {
  const manager = await jetstreamManager(of);
  return (await manager.streams.info('COMBAT')).state.consumer_count;
}

describe('following', () => {
  test('begins at the start, at a sequence, or now', async () => {
    const sessionId = freshId();
    await write(sessionId, [1, 2, 3]);
    const now = await client.followResults({ sessionId, from: 'now' });
    await write(sessionId, [4, 5]);
    expect(await read(now, 2)).toEqual([4, 5]);
    expect(await read(await client.followResults({ sessionId }), 5)).toEqual([1, 2, 3, 4, 5]);

    const seqs: number[] = [];
    for await (const { seq } of await client.followResults({ sessionId })) if (seqs.push(seq) === 5) break;
    expect(await read(await client.followResults({ sessionId, from: seqs[2]! + 1 }), 2)).toEqual([4, 5]);
    expect(await read(await client.followResults({ from: seqs[3]! }), 2)).toEqual([4, 5]);
  });

  test('a reader slower than the log gets every result once and in order, and does not hold them all', async () => {
    const sessionId = freshId();
    const total = 12_000;
    const results = await client.followResults({ sessionId, from: 'now' });
    await write(sessionId, oneTo(total));
    // Nobody has read yet: the consumer was given up when enough of them waited, and is gone from the server.
    await forgotten(0);
    expect(await read(results, total)).toEqual(oneTo(total));
  });

  test('what cannot be read as a result is passed over', async () => {
    const sessionId = freshId();
    await write(sessionId, [1]);
    await nc.request(`combat.result.${sessionId}`, 'not JSON');
    await nc.request(`combat.result.${sessionId}`, JSON.stringify({ session_id: 'another' }));
    await write(sessionId, [2]);
    expect(await read(await client.followResults({ sessionId }), 2)).toEqual([1, 2]);
  });

  test('a server that is killed and comes back is followed on from where it was', async () => {
    const sessionId = freshId();
    const results = await client.followResults({ sessionId, from: 'now' });
    await write(sessionId, oneTo(50));
    const seen = await read(results, 100, async (ordinal) => {
      if (ordinal !== 25) return;
      const back = reconnected();
      await server.kill();
      await server.restart();
      await back;
      await write(sessionId, oneTo(100).slice(50));
    });
    expect(seen).toEqual(oneTo(100));
  });

  test('a slow reader who has read all there is while the server is down goes on when it is back', {
    timeout: STAGE_LIMIT_MS,
  }, async () => {
    const sessionId = freshId();
    const total = HELD_MAX + 100;
    const results = await client.followResults({ sessionId, from: 'now' });
    await write(sessionId, oneTo(total));
    await forgotten(0);
    const back = reconnected();
    await server.kill();
    const reading = read(results, total);
    // The reader has long read what was held, and has asked a server that is not there, in vain.
    await pause(UNANSWERED_MS);
    await server.restart();
    await back;
    expect(await reading).toEqual(oneTo(total));
  });

  test('a log that was made anew is another, though it is longer than what was read of the old one', async () => {
    const sessionId = freshId();
    const other = await startTestServer();
    const connection = await connect({ servers: other.url });
    await using reader = new RiposteClient(connection);
    await makeLog(connection);
    await write(sessionId, oneTo(3), connection);
    const results = await reader.followResults({ sessionId, from: 'start' });
    const reading = (async () => {
      const seen: number[] = [];
      try {
        for await (const { body } of results) {
          seen.push(body.executed);
          if (seen.length !== 3) continue;
          await connection.request('$JS.API.STREAM.DELETE.COMBAT', '');
          await makeLog(connection);
          await write(sessionId, oneTo(10), connection);
        }
      } catch (error) {
        return { seen, error };
      }
      return { seen };
    })();
    expect(await reading).toMatchObject({ seen: [1, 2, 3], error: { code: 'refused', retryable: false } });
    await connection.close();
    await other.stop();
  });

  test('is taken up once where two ask for it at the same time, and leaves nothing behind', async () => {
    const sessionId = freshId();
    const other = await startTestServer();
    const connection = await connect({ servers: other.url });
    await makeLog(connection, { deny_purge: false });
    const own = await connect({ servers: other.url });
    const reader = new RiposteClient(own);
    await write(sessionId, oneTo(3), connection);
    const results = await reader.followResults({ sessionId, from: 'start' });
    const manager = await jetstreamManager(connection);
    const [consumer] = await manager.consumers.list('COMBAT').next();
    while ((await manager.consumers.info('COMBAT', consumer!.name)).num_pending > 0) await pause(FORGOTTEN_LOOK_MS);
    await own.flush(); // what was pushed has come
    // Its consumer is taken away, and what comes next is gone before it looks again: it is lost, and asks where the log begins.
    const { held, release, answered } = holdBack(own, 2);
    await manager.consumers.delete('COMBAT', consumer!.name);
    await write(sessionId, oneTo(8).slice(3), connection);
    await manager.streams.purge('COMBAT', { seq: 7 });
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
    await forgotten(0, connection);
    await reader.disconnect();
    await own.close();
    await connection.close();
    await other.stop();
  });

  test('leaving the loop, stopping and disconnecting end it and leave no consumer', async () => {
    const sessionId = freshId();
    await write(sessionId, [1]);
    const own = await RiposteClient.connect({ servers: server.url });
    const before = await consumers();
    for await (const _ of await own.followResults({ sessionId })) break;
    const stopped = await own.followResults({ sessionId });
    await stopped.stop();
    expect(await read(stopped, 1)).toEqual([]);
    const waiting = read(await own.followResults({ sessionId }), 2);
    const unread = await own.followActions();
    await breathe();
    await own.disconnect();
    expect(await waiting).toEqual([1]);
    for await (const action of unread) expect(action).toBe('none at all');
    await forgotten(before);
    await expect(own.followResults()).rejects.toMatchObject({ code: 'closed' });
    await expect(own.nudge(sessionId)).rejects.toMatchObject({ code: 'closed' });
  });

  test('a connection that is closed under it is an error to its reader', async () => {
    const lost = await connect({ servers: server.url });
    const other = new RiposteClient(lost);
    const ending = expect(read(await other.followResults(), 1)).rejects.toMatchObject({ code: 'closed' });
    await lost.close();
    await ending;
    await expect(other.state('s')).rejects.toMatchObject({ code: 'closed' });
    await other.disconnect();
  });
});

describe('a durable consumer of results', () => {
  test('gives every result until it is acknowledged, to whoever reads under its name', async () => {
    const sessionId = freshId();
    const name = `durable-${sessionId}`;
    const options = { from: 'now', ackWaitMs: 1_000 } as const;
    const first = await client.durableResults(name, options);
    await write(sessionId, [1, 2, 3]);
    const seen: [ordinal: number, deliveries: number][] = [];
    for await (const result of first) {
      seen.push([result.body.executed, result.deliveries]);
      if (result.body.executed === 2) break; // not acknowledged: as if the process had died here
      result.ack();
    }
    for await (const result of await client.durableResults(name, options)) {
      seen.push([result.body.executed, result.deliveries]);
      result.ack();
      if (seen.filter(([, deliveries]) => deliveries > 1).length > 0 && seen.some(([ordinal]) => ordinal === 3)) break;
    }
    expect(seen.filter(([ordinal]) => ordinal === 1)).toEqual([[1, 1]]);
    expect(seen.filter(([ordinal]) => ordinal === 2)).toEqual([
      [2, 1],
      [2, 2],
    ]);
    expect(seen.some(([ordinal]) => ordinal === 3)).toBe(true);
  });

  test('one that is handed back comes again', async () => {
    const sessionId = freshId();
    const results = await client.durableResults(`back-${sessionId}`, { from: 'now' });
    await write(sessionId, [1]);
    const seen: number[] = [];
    for await (const result of results) {
      seen.push(result.deliveries);
      if (seen.length === 3) {
        result.ack();
        break;
      }
      result.retry(10);
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  test('results that come again while they wait for a slow reader are not held twice', async () => {
    const sessionId = freshId();
    const results = await client.durableResults(`slow-${sessionId}`, { from: 'now', ackWaitMs: 1_000 });
    await write(sessionId, oneTo(10));
    const seen: number[] = [];
    for await (const { body, deliveries, ack } of results) {
      if (body.executed === 1 && deliveries === 1) {
        // Longer than ackWaitMs: all of them are handed out once more meanwhile.
        await new Promise((resolve) => setTimeout(resolve, 2_500));
      }
      seen.push(body.executed);
      ack();
      if (body.executed === 10) break;
    }
    expect(seen.filter((ordinal) => ordinal > 1)).toEqual(oneTo(10).slice(1));
  });

  test('two readers of one name share the results', async () => {
    const sessionId = freshId();
    const name = `shared-${sessionId}`;
    const readers = [await client.durableResults(name, { from: 'now' }), await client.durableResults(name)];
    const total = 200;
    const seen: number[] = [];
    const done = Promise.withResolvers<void>();
    const reading = readers.map(async (results) => {
      for await (const { body, ack } of results) {
        seen.push(body.executed);
        ack();
        if (seen.length === total) done.resolve();
      }
    });
    await write(sessionId, oneTo(total));
    await done.promise;
    await Promise.all(readers.map((results) => results.stop()));
    await Promise.all(reading);
    expect(seen.sort((a, b) => a - b)).toEqual(oneTo(total));
  });

  test('a consumer of that name that is no such one is refused', async () => {
    const manager = await jetstreamManager(nc);
    await manager.consumers.add('COMBAT', {
      durable_name: 'other',
      filter_subject: 'combat.action.*',
      ack_policy: 'explicit',
    });
    await expect(client.durableResults('other')).rejects.toMatchObject({ code: 'refused' });
  });

  test('a consumer that is removed under its reader is an error to it', async () => {
    const name = `removed-${freshId()}`;
    const results = await client.durableResults(name, { from: 'now' });
    const reading = (async () => {
      for await (const result of results) result.ack();
    })();
    const ending = expect(reading).rejects.toMatchObject({ code: 'unavailable' });
    const manager = await jetstreamManager(nc);
    await manager.consumers.delete('COMBAT', name);
    await ending;
  });
});

describe('a durable consumer that reads from the start', () => {
  test('passes over what no fold can read, and acknowledges it', async () => {
    const sessionId = freshId();
    const name = `all-${sessionId}`;
    await write(sessionId, [1]);
    await nc.request(`combat.result.${sessionId}`, 'garbage');
    await write(sessionId, [2]);
    const seen: number[] = [];
    for await (const { session_id: of, body, ack } of await client.durableResults(name)) {
      ack();
      if (of === sessionId) seen.push(body.executed);
      if (body.executed === 2 && of === sessionId) break;
    }
    expect(seen).toEqual([1, 2]);
    const manager = await jetstreamManager(nc);
    const unacknowledged = async () => (await manager.consumers.info('COMBAT', name)).num_ack_pending;
    while ((await unacknowledged()) > 0) await pause(FORGOTTEN_LOOK_MS);
  });
});

test('a client that disconnects while an iteration begins ends it', async () => {
  const other = new RiposteClient(nc);
  const beginning = other.followResults({ from: 'now' });
  const ending = expect(beginning).rejects.toMatchObject({ code: 'closed' });
  await other.disconnect();
  await ending;
});
