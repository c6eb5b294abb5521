// Proves what is said of a place in a stream: what stands there, that it has expired, or that the stream has not come so far; and
// that of the last nothing is said where a replica may only be behind.

import { connect, headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMBAT } from '#contracts/streams.ts';
import { logSubject } from '#contracts/subjects.ts';
import { EffectFailed } from '#jetstream/receipt.ts';
import { standingAt } from '#jetstream/standing.ts';
import { startTestServer } from '../../harness/server.ts';
import { freshSession, nudges, RIG_LIMIT_MS, Rig } from './rig.ts';

const PAD = 'x'.repeat(50_000);

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open({ logMaxBytes: 1024 * 1024 });
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

const at = (seq: number) => standingAt(rig.nc, COMBAT, seq);

describe('what stands at a place of the log', () => {
  test('is a message, told by its subject and its time, as long as it has not expired', async () => {
    const id = freshSession();
    const before = Date.now();
    const [first] = await nudges(rig.publisher, id, 1);
    await nudges(rig.publisher, freshSession(), 3);
    const found = await at(first!);
    expect(found).toMatchObject({ kind: 'message', subject: logSubject('signal', id) });
    const { time } = found as { time: number };
    expect(time).toBeGreaterThanOrEqual(before - 1);
    expect(time).toBeLessThanOrEqual(Date.now() + 1);
    await nudges(rig.publisher, freshSession(), 40, PAD);
    const gone = await at(first!);
    expect(gone.kind).toBe('expired');
    expect((gone as { created: number }).created).toBeLessThanOrEqual(time);
  });

  test('is nothing beyond the end of the only copy', async () => {
    const [last] = await nudges(rig.publisher, freshSession(), 1);
    expect(await at(last! + 1)).toEqual({ kind: 'beyond' });
    expect((await at(last!)).kind).toBe('message');
  });
});

test('beyond the end of one copy of several nothing is said: another may have come further', async () => {
  const server = await startTestServer({ jetstream: false });
  const [nc, played] = await Promise.all([connect({ servers: server.url }), connect({ servers: server.url })]);
  let asked = 0;
  const info = { created: '2026-01-01T00:00:00Z', config: { num_replicas: 3 }, state: { first_seq: 1, last_seq: 8 } };
  played.subscribe('$JS.API.STREAM.INFO.COPIED', { callback: (_, msg) => void msg.respond(JSON.stringify(info)) });
  played.subscribe('$JS.API.DIRECT.GET.COPIED', {
    callback: (_, msg) => {
      asked += 1;
      msg.respond('', { headers: headers(404, 'No Results') });
    },
  });
  await played.flush();
  await expect(standingAt(nc, 'COPIED', 9)).rejects.toThrow(EffectFailed);
  expect(asked).toBeGreaterThan(1);
  await Promise.all([nc.close(), played.close()]);
  await server.stop();
});
