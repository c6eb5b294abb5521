// Proves how a stream is recognized by a message that somebody remembers: it is the same where it has that one, or had it; another where
// something else stands there, or it was made later; and unknown where replicas answer that may only be behind.

import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMBAT } from '#contracts/streams.ts';
import { sessionLogFilter } from '#contracts/subjects.ts';
import { isBeyondEnd } from '#jetstream/beyond-end.ts';
import { type Remembered, recognize } from '#jetstream/remembered.ts';
import { lastMessage } from '#jetstream/stored-message.ts';
import { startTestServer } from '../../harness/server.ts';
import { freshSession, nudges, RIG_LIMIT_MS, Rig } from './rig.ts';

const PAD = 'x'.repeat(50_000);
/** The first ones of 25 MB are gone from a log of one. */
const MANY = 40;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open({ logMaxBytes: 1024 * 1024 });
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

/** A message of a session of its own, as it is remembered. */
async function remembered(): Promise<Remembered & { readonly time: number }> {
  const filter = sessionLogFilter(freshSession());
  await nudges(rig.publisher, filter.split('.')[2]!, 1);
  const { seq, time } = (await lastMessage(rig.nc, COMBAT, filter))!;
  return { seq, filter, time };
}

const recognized = (message: Remembered) => recognize(rig.nc, COMBAT, message);

describe('a log', () => {
  test('is the same where it has the message, and another where it has another there', async () => {
    const message = await remembered();
    expect(await recognized(message)).toBe('same');
    expect(await recognized({ ...message, time: undefined })).toBe('same');
    expect(await recognized({ ...message, time: message.time - 1 })).toBe('another');
    expect(await recognized({ ...message, time: message.time + 1 })).toBe('another');
    expect(await recognized({ ...message, filter: sessionLogFilter('other') })).toBe('another');
    expect(await recognized({ ...message, filter: sessionLogFilter('other'), time: undefined })).toBe('another');
  });

  test('is the same where the message has expired, unless it was made after that', async () => {
    const message = await remembered();
    await nudges(rig.publisher, freshSession(), MANY, PAD);
    expect(await recognized(message)).toBe('same');
    expect(await recognized({ ...message, time: undefined })).toBe('same');
    expect(await recognized({ ...message, time: Date.now() - 3_600_000 })).toBe('another');
  });

  test('is another where its only copy ends before the message', async () => {
    const { seq, filter, time } = await remembered();
    expect(await recognized({ seq: seq + 1, filter, time })).toBe('another');
    expect(await recognized({ seq: seq + 1, filter, time: undefined })).toBe('another');
  });
});

describe('of several copies', () => {
  /** A stream of three copies, as far as it is played here: it ends at 8. */
  async function played(work: (nc: NatsConnection) => Promise<void>): Promise<void> {
    const server = await startTestServer({ jetstream: false });
    const [nc, stream] = await Promise.all([connect({ servers: server.url }), connect({ servers: server.url })]);
    const info = { created: '2026-01-01T00:00:00Z', config: { num_replicas: 3 }, state: { first_seq: 1, last_seq: 8 } };
    stream.subscribe('$JS.API.STREAM.INFO.COPIED', { callback: (_, msg) => void msg.respond(JSON.stringify(info)) });
    stream.subscribe('$JS.API.DIRECT.GET.COPIED', {
      callback: (_, msg) => void msg.respond('', { headers: headers(404, 'No Results') }),
    });
    await stream.flush();
    await work(nc);
    await Promise.all([nc.close(), stream.close()]);
    await server.stop();
  }

  test('one that ends before the message may only be behind, unless the stream was made after it', async () => {
    await played(async (nc) => {
      const message = { seq: 9, filter: '>', time: Date.parse('2026-02-01T00:00:00Z') };
      expect(await recognize(nc, 'COPIED', message)).toBe('unknown');
      expect(await recognize(nc, 'COPIED', { ...message, time: undefined })).toBe('unknown');
      expect(await recognize(nc, 'COPIED', { ...message, time: Date.parse('2025-12-31T00:00:00Z') })).toBe('another');
    });
  });

  test('one that ends before a consumer may only be behind, unless it stays so and nothing has been handed out', async () => {
    const end =
      (...lasts: number[]) =>
      async () => {
        const last_seq = lasts.length > 1 ? lasts.shift()! : lasts[0]!;
        return { state: { last_seq }, config: { num_replicas: 3 } };
      };
    const set = { delivered: { consumer_seq: 0, stream_seq: 99 } };
    expect(await isBeyondEnd(set, end(90))).toBe(true);
    expect(await isBeyondEnd(set, end(90, 95, 99))).toBe(false);
    expect(await isBeyondEnd({ delivered: { consumer_seq: 7, stream_seq: 99 } }, end(90))).toBe(false);
    expect(await isBeyondEnd({}, end(90))).toBe(false);
  });
});
