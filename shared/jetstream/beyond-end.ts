/**
 * Owns finding out whether a durable consumer stands beyond the end of its stream: then no message wakes anybody, and it looks like
 * idleness. Since nats-server 2.14 a consumer can be set to any place, by whoever can have a message pushed to the subject where
 * that is asked for (docs/adr/0030-a-consumer-beyond-the-end-is-made-anew.md).
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { apiSubject } from '#contracts/subjects.ts';
import { askJson, type Failed } from './stored-message.ts';

/** In a cluster the leader of the stream may be behind that of the consumer: it is given some time to catch up. */
const LOOKS = 4;
const PAUSE_MS = 500;

/**
 * Whether a consumer has got ahead of its stream. Of one that has not, one look is enough.
 *
 * @throws EffectFailed where nobody answers
 */
export async function isBeyondEnd(nc: NatsConnection, name: ConsumerName): Promise<boolean> {
  const { stream } = CONSUMERS[name];
  const { delivered } = await askJson<ConsumerPlace>(nc, apiSubject('CONSUMER.INFO', stream, name), '');
  if (delivered === undefined) return false; // it is missing, which is found out by whoever takes from it
  for (let look = 1; ; look++) {
    const { state, config } = await askJson<StreamEnd>(nc, apiSubject('STREAM.INFO', stream), '');
    if (state === undefined || state.last_seq >= delivered.stream_seq) return false;
    if (look === LOOKS || config?.num_replicas === 1) return true;
    await pause(PAUSE_MS);
  }
}

type ConsumerPlace = Failed & { readonly delivered?: { readonly stream_seq: number } };
type StreamEnd = Failed & {
  readonly state?: { readonly last_seq: number };
  readonly config?: { readonly num_replicas: number };
};
