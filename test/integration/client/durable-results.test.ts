// Proves what a durable consumer of results promises: each result comes until it is acknowledged, to any reader of its name.

import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PATIENCE } from '#test/harness/patience.ts';
import { until } from '../jetstream/rig.ts';
import { oneTo, ResultsLog } from './results-log.ts';
import { freshId, STAGE_LIMIT_MS } from './stage.ts';

let log: ResultsLog;

beforeAll(async () => {
  log = await ResultsLog.open();
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await log?.[Symbol.asyncDispose]();
}, STAGE_LIMIT_MS);

describe('a durable consumer of results', () => {
  test('gives every result until it is acknowledged, to whoever reads under its name', async () => {
    const sessionId = freshId();
    const name = `durable-${sessionId}`;
    const options = { from: 'now', ackWaitMs: 3_000 } as const;
    const first = await log.client.durableResults(name, options);
    await log.write(sessionId, [1, 2, 3]);
    const seen: [ordinal: number, deliveries: number][] = [];
    for await (const result of first) {
      seen.push([result.body.executed, result.deliveries]);
      if (result.body.executed === 2) break; // not acknowledged: as if the process had died here
      result.ack();
    }
    expect(seen).toEqual([
      [1, 1],
      [2, 1],
    ]);
    await until('the acknowledgement of the first', async () => (await log.consumer(name)).ack_floor.consumer_seq > 0);
    const ordinals = new Set<number>();
    for await (const { body, deliveries, ack } of await log.client.durableResults(name, options)) {
      ordinals.add(body.executed);
      if (body.executed === 2) expect(deliveries).toBeGreaterThan(1);
      ack();
      if (ordinals.size === 2) break;
    }
    expect([...ordinals].sort()).toEqual([2, 3]);
  });

  test('one that is handed back comes again', async () => {
    const sessionId = freshId();
    const results = await log.client.durableResults(`back-${sessionId}`, { from: 'now' });
    await log.write(sessionId, [1]);
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
    const name = `slow-${sessionId}`;
    const results = await log.client.durableResults(name, { from: 'now', ackWaitMs: 1_000 });
    await log.write(sessionId, oneTo(10));
    const seen: number[] = [];
    for await (const { body, deliveries, ack } of results) {
      if (body.executed === 1 && deliveries === 1) {
        // All of them have been handed out once more, and what was handed out stands before the answer that says so.
        await until('all ten again', async () => (await log.consumer(name)).delivered.consumer_seq >= 20);
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
    const readers = [await log.client.durableResults(name, { from: 'now' }), await log.client.durableResults(name)];
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
    await log.write(sessionId, oneTo(total));
    await done.promise;
    await Promise.all(readers.map((results) => results.stop()));
    await Promise.all(reading);
    expect(seen.sort((a, b) => a - b)).toEqual(oneTo(total));
  });

  test('a consumer of that name that is no such one is refused', async () => {
    const manager = await jetstreamManager(log.nc, PATIENCE);
    await manager.consumers.add('COMBAT', {
      durable_name: 'other',
      filter_subject: 'combat.action.*',
      ack_policy: 'explicit',
    });
    await expect(log.client.durableResults('other')).rejects.toMatchObject({ code: 'refused' });
  });

  test('a consumer that is removed under its reader is an error to it', async () => {
    const name = `removed-${freshId()}`;
    const results = await log.client.durableResults(name, { from: 'now' });
    const reading = (async () => {
      for await (const result of results) result.ack();
    })();
    const ending = expect(reading).rejects.toMatchObject({ code: 'unavailable' });
    const manager = await jetstreamManager(log.nc, PATIENCE);
    await manager.consumers.delete('COMBAT', name);
    await ending;
  });
});

describe('a durable consumer that reads from the start', () => {
  test('passes over what no fold can read, and acknowledges it', async () => {
    const sessionId = freshId();
    const name = `all-${sessionId}`;
    await log.write(sessionId, [1]);
    await log.nc.request(`combat.result.${sessionId}`, 'garbage');
    await log.write(sessionId, [2]);
    const seen: number[] = [];
    for await (const { session_id: of, body, ack } of await log.client.durableResults(name)) {
      ack();
      if (of === sessionId) seen.push(body.executed);
      if (body.executed === 2 && of === sessionId) break;
    }
    expect(seen).toEqual([1, 2]);
    const manager = await jetstreamManager(log.nc);
    const unacknowledged = async () => (await manager.consumers.info('COMBAT', name)).num_ack_pending;
    await until('every acknowledgement', async () => (await unacknowledged()) === 0);
  });
});
