// Proves what an iteration promises: where it begins, what it passes over, and that nothing is left on the server afterwards. That
// every message comes once and in order, even if a side is slow or restarts: following-gaps.test.ts.

import { setImmediate as breathe } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { ResultsLog, read } from './results-log.ts';
import { freshId, STAGE_LIMIT_MS } from './stage.ts';

let log: ResultsLog;

beforeAll(async () => {
  log = await ResultsLog.open();
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await log?.[Symbol.asyncDispose]();
}, STAGE_LIMIT_MS);

describe('following', () => {
  test('begins at the start, at a sequence, or now', async () => {
    const sessionId = freshId();
    await log.write(sessionId, [1, 2, 3]);
    const now = await log.client.followResults({ sessionId, from: 'now' });
    await log.write(sessionId, [4, 5]);
    expect(await read(now, 2)).toEqual([4, 5]);
    expect(await read(await log.client.followResults({ sessionId }), 5)).toEqual([1, 2, 3, 4, 5]);

    const seqs: number[] = [];
    for await (const { seq } of await log.client.followResults({ sessionId })) if (seqs.push(seq) === 5) break;
    expect(await read(await log.client.followResults({ sessionId, from: seqs[2]! + 1 }), 2)).toEqual([4, 5]);
    expect(await read(await log.client.followResults({ from: seqs[3]! }), 2)).toEqual([4, 5]);
  });

  test('what cannot be read as a result is passed over', async () => {
    const sessionId = freshId();
    await log.write(sessionId, [1]);
    await log.nc.request(`combat.result.${sessionId}`, 'not JSON', PATIENCE);
    await log.nc.request(`combat.result.${sessionId}`, JSON.stringify({ session_id: 'another' }), PATIENCE);
    await log.write(sessionId, [2]);
    expect(await read(await log.client.followResults({ sessionId }), 2)).toEqual([1, 2]);
  });

  test('leaving the loop, stopping and disconnecting end it and leave no consumer', async () => {
    const sessionId = freshId();
    await log.write(sessionId, [1]);
    const own = await RiposteClient.connect({ servers: log.server.url });
    const before = await log.consumers();
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
    await log.forgotten(before);
    await expect(own.followResults()).rejects.toMatchObject({ code: 'closed' });
    await expect(own.nudge(sessionId)).rejects.toMatchObject({ code: 'closed' });
  });

  test('a connection that is closed under it is an error to its reader', async () => {
    const lost = await connect({ servers: log.server.url });
    const other = new RiposteClient(lost);
    const ending = expect(read(await other.followResults(), 1)).rejects.toMatchObject({ code: 'closed' });
    await lost.close();
    await ending;
    await expect(other.state('s')).rejects.toMatchObject({ code: 'closed' });
    await other.disconnect();
  });
});

test('a client that disconnects while an iteration begins ends it', async () => {
  const other = new RiposteClient(log.nc);
  const beginning = other.followResults({ from: 'now' });
  const ending = expect(beginning).rejects.toMatchObject({ code: 'closed' });
  await other.disconnect();
  await ending;
});
