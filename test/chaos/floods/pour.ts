// Owns: publishing many messages as fast as a server acknowledges them, so many at a time; every one of them must be taken.

import { connect } from '@nats-io/transport-node';
import { encode } from '#contracts/decode.ts';
import { Publisher, type PublishOptions } from '#jetstream/publisher.ts';

/** Unacknowledged at a time: enough to keep the server busy, and no more than it answers within a publish's time. */
const IN_FLIGHT_MAX = 256;
/** A publish whose acknowledgement was lost is told by its Msg-Id when it is sent again. */
const TRIES_MAX = 5;

/** One message of a flood. */
export interface Drop {
  readonly subject: string;
  readonly body: object;
  readonly options?: PublishOptions;
}

/** Publishes `count` messages on a connection of its own. */
export async function pour(url: string, count: number, drop: (ordinal: number) => Drop): Promise<void> {
  const nc = await connect({ servers: url });
  const publisher = new Publisher(nc);
  let next = 0;
  const tap = async (): Promise<void> => {
    while (next < count) {
      const ordinal = next++;
      await take(publisher, drop(ordinal), ordinal);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(count, IN_FLIGHT_MAX) }, tap));
  } finally {
    await publisher.close();
    await nc.close();
  }
}

async function take(publisher: Publisher, { subject, body, options }: Drop, ordinal: number): Promise<void> {
  const set = { msgId: `${subject} ${ordinal}`, ...options };
  for (let tries = 1; ; tries++) {
    const receipt = await publisher.publish(subject, encode(body), set);
    if (receipt.kind === 'stored') return;
    if (receipt.kind !== 'unknown' || tries === TRIES_MAX) {
      throw new Error(`message ${ordinal} on ${subject}: ${JSON.stringify(receipt)}`);
    }
  }
}
