// Owns: a log without roles for tests of following it: its results are written by the test itself, since what matters is how
// they are read.

import { setTimeout as pause } from 'node:timers/promises';
import { type ConsumerInfo, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { RiposteClient } from '#client/client.ts';
import type { ResultEvent } from '#client/combat-event.ts';
import type { Following } from '#client/following.ts';
import { streamDefinitions } from '#contracts/streams.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';

/** How often a test looks again. */
export const LOOK_MS = 100;

const HOUR_MS = 3_600_000;
const ANSWER_LIMIT_MS = 100_000;

/** Creates the log, as provisioning does but for what is named. */
export async function makeLog(by: NatsConnection, more: object = {}): Promise<void> {
  const [combat] = streamDefinitions({ replicas: 1, logMaxAgeMs: HOUR_MS, logMaxBytes: -1 });
  await by.request('$JS.API.STREAM.CREATE.COMBAT', JSON.stringify({ ...combat, ...more }), {
    timeout: ANSWER_LIMIT_MS,
  });
}

/** A server with the log, a connection, and a client on it. */
export class ResultsLog {
  readonly server: TestServer;
  readonly nc: NatsConnection;
  readonly client: RiposteClient;

  private constructor(server: TestServer, nc: NatsConnection) {
    this.server = server;
    this.nc = nc;
    this.client = new RiposteClient(nc);
  }

  /** @param more settings of the stream that differ from those of provisioning */
  static async open(more: object = {}): Promise<ResultsLog> {
    const server = await startTestServer();
    const nc = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    await makeLog(nc, more);
    return new ResultsLog(server, nc);
  }

  /** Writes results with the given ordinals. */
  async write(sessionId: string, ordinals: readonly number[]): Promise<void> {
    const written = ordinals.map((ordinal) => {
      const results = [{ action_id: `${ordinal}`, status: 'done', hits: [] }];
      const body = { session_id: sessionId, through: 1, executed: ordinal, step: ordinal, results };
      const rest = { actors: {}, deaths: [], target_returns: [] };
      const payload = JSON.stringify({ ...body, ...rest });
      return this.nc.request(`combat.result.${sessionId}`, payload, { timeout: ANSWER_LIMIT_MS });
    });
    await Promise.all(written);
  }

  /** What the server says of a consumer. */
  async consumer(name: string): Promise<ConsumerInfo> {
    return await (await jetstreamManager(this.nc, PATIENCE)).consumers.info('COMBAT', name);
  }

  /** Consumers on the log. */
  async consumers(): Promise<number> {
    const manager = await jetstreamManager(this.nc, PATIENCE);
    return (await manager.streams.info('COMBAT')).state.consumer_count;
  }

  /** Resolves when the server has forgotten all consumers on the log but so many: it does within seconds. */
  async forgotten(all = 0): Promise<void> {
    while ((await this.consumers()) > all) await pause(LOOK_MS);
  }

  /** Resolves when the connection is there again. */
  async reconnected(): Promise<void> {
    for await (const { type } of this.nc.status()) if (type === 'reconnect') return;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.disconnect();
    await this.nc.close();
    await this.server.stop();
  }
}

/** The ordinals up to one. */
export const oneTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

/** The ordinals an iteration gives, until it has given `count`. */
export async function read(
  results: Following<ResultEvent>,
  count: number,
  each = async (_ordinal: number) => {},
): Promise<number[]> {
  const seen: number[] = [];
  for await (const { body } of results) {
    seen.push(body.executed);
    await each(body.executed);
    if (seen.length === count) break;
  }
  return seen;
}
