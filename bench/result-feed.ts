/**
 * Owns hearing of results: an ordered consumer of the log, as the client library has one. A plain subscription may hear a
 * result before the log has taken it, and a player who strikes at once would then be refused: the target comes back to the
 * queue with the result.
 */
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { decodeJson } from '#contracts/decode.ts';
import { COMBAT } from '#contracts/streams.ts';
import { logFilter, parseLogSubject } from '#contracts/subjects.ts';
import { PULL } from '#jetstream/consumer.ts';

/** A result message, as far as the bench reads it. */
export interface HeardResult {
  readonly sessionId: string;
  /** Of each action of the batch. */
  readonly statuses: readonly string[];
}

/** Hears every result from now on. */
export async function hearResults(nc: NatsConnection, hear: (result: HeardResult) => void): Promise<void> {
  const consumer = await jetstream(nc).consumers.get(COMBAT, {
    filter_subjects: [logFilter('result')],
    deliver_policy: DeliverPolicy.New,
  });
  await consumer.consume({
    ...PULL,
    callback: (msg) => {
      const place = parseLogSubject(msg.subject);
      const read = decodeJson(msg.data);
      if (place === null || !read.ok) return;
      const { results } = read.value as { readonly results: readonly { readonly status: string }[] };
      hear({ sessionId: place.sessionId, statuses: results.map(({ status }) => status) });
    },
  });
}
