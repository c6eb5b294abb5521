// Proves that lost buckets are looked at one pass at a time, however long the server takes to answer, and then again.

import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LostBuckets } from '#jetstream/lost-buckets.ts';
import type { ProvisionOptions } from '#jetstream/provision.ts';
import { EffectFailed } from '#jetstream/receipt.ts';

const OPTIONS: ProvisionOptions = {
  replicas: 1,
  logMaxAgeMs: 3_600_000,
  logMaxBytes: -1,
  ackWaitMs: 2_000,
  checkOnly: true,
};
const MISSING = { error: { code: 404, err_code: 10059, description: 'stream not found' } };
/** More ticks than any restore lasts. */
const TICKS_MS = 60_000;
/** Ends a wait for what never comes. */
const PATIENT = { timeout: 60_000 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

/** A server that answers when it is let. */
class SlowServer {
  readonly waiting: (() => void)[] = [];

  get connection(): NatsConnection {
    const request = () =>
      new Promise<Msg>((resolve) => this.waiting.push(() => resolve({ json: () => MISSING } as unknown as Msg)));
    return { request, isClosed: () => false } as unknown as NatsConnection;
  }

  async asked(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.waiting).toHaveLength(count), PATIENT);
  }
}

test('another pass begins only when the one before is over', async () => {
  const server = new SlowServer();
  const lost = new LostBuckets(server.connection, OPTIONS, pino({ level: 'silent' }));
  const first = lost.restore('locks');
  server.waiting[0]!();
  await server.asked(2); // it is missing: whether it may be made is asked next
  server.waiting[1]!();
  await expect(first).rejects.toThrow(EffectFailed);
  expect(lost.fault).toMatch(/KV_locks is missing/);

  vi.advanceTimersByTime(TICKS_MS);
  await server.asked(3);
  server.waiting[2]!();
  await server.asked(4);
  vi.advanceTimersByTime(TICKS_MS);
  expect(server.waiting).toHaveLength(4);

  server.waiting[3]!();
  await vi.waitFor(() => {
    vi.advanceTimersByTime(TICKS_MS);
    expect(server.waiting).toHaveLength(5);
  }, PATIENT);
  lost.stop();
});
