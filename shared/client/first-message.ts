/**
 * Owns reading the first message of the log on one subject, with a consumer that pushes into an inbox: a game server may read
 * the log in no other way (docs/security.md).
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import { COMBAT } from '#contracts/streams.ts';
import { placeAt } from '#jetstream/delivery.ts';
import { inboxOf } from '#jetstream/inbox.ts';
import { headerBlock, lastLine } from '#jetstream/raw-headers.ts';

/** What is there comes in milliseconds. */
const ANSWER_LIMIT_MS = 5_000;
/** The server forgets the consumer this soon after nobody has listened to it any more. */
const INACTIVE_MS = 1_000;
const NANOS_PER_MS = 1_000_000;
const MSG_ID_HEADER = 'Nats-Msg-Id';

/** The first message on a subject; null where none has come in time. Rejects where it may not be read. */
export async function firstMessage(
  nc: NatsConnection,
  subject: string,
): Promise<{ readonly seq: number; readonly msgId: string } | null> {
  const inbox = inboxOf(nc);
  const { promise, resolve } = Promise.withResolvers<{ seq: number; msgId: string } | null>();
  const subscription = nc.subscribe(inbox, {
    callback: (error, msg) => {
      if (error !== null) return;
      resolve({ seq: placeAt(msg.reply!).seq, msgId: lastLine(headerBlock(msg), MSG_ID_HEADER) });
    },
  });
  const late = setTimeout(() => resolve(null), ANSWER_LIMIT_MS);
  try {
    const manager = await jetstreamManager(nc, { checkAPI: false });
    await manager.consumers.add(COMBAT, {
      name: nuid.next(),
      deliver_subject: inbox,
      filter_subject: subject,
      ack_policy: 'none',
      deliver_policy: 'all',
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_MS * NANOS_PER_MS,
    });
    return await promise;
  } finally {
    clearTimeout(late);
    subscription.unsubscribe();
  }
}
