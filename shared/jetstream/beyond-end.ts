/**
 * Owns finding out whether a durable consumer stands beyond the end of its stream: then no message wakes anybody, and it looks like
 * idleness. Since nats-server 2.14 a consumer can be set to any place, by whoever can have a message pushed to the subject where
 * that is asked for (docs/adr/0030-a-consumer-beyond-the-end-is-made-anew.md).
 */
import { setTimeout as pause } from 'node:timers/promises';

/** What of a consumer tells where it stands. */
export interface ConsumerPlace {
  readonly created?: string;
  readonly delivered?: { readonly consumer_seq: number; readonly stream_seq: number };
}

/** What of a stream tells where it ends. */
export interface StreamEnd {
  readonly state?: { readonly last_seq: number };
  readonly config?: { readonly num_replicas?: number };
}

/** In a cluster the leader of the stream may be behind that of the consumer: it is given some time to catch up. */
const LOOKS = 4;
const PAUSE_MS = 500;

/**
 * Whether a consumer has got ahead of its stream. Of one that has not, one look is enough. In a cluster only one counts that has handed
 * out nothing since it was set there.
 *
 * @param readEnd reads the end of the stream: after the consumer was read, for it moves on
 */
export async function isBeyondEnd({ delivered }: ConsumerPlace, readEnd: () => Promise<StreamEnd>): Promise<boolean> {
  if (delivered === undefined) return false;
  for (let look = 1; ; look++) {
    const { state, config } = await readEnd();
    if (state === undefined || state.last_seq >= delivered.stream_seq) return false;
    if (config?.num_replicas === 1) return true;
    if (delivered.consumer_seq > 0) return false;
    if (look === LOOKS) return true;
    await pause(PAUSE_MS);
  }
}
