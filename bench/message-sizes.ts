/**
 * Owns how large the messages of an exchange are: measured from a running throughput part, so that the floor publishes the
 * same bytes.
 */
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { logFilter } from '#contracts/subjects.ts';

/** The persisted messages of one exchange, in order, and the bytes of each. */
export type MessageSizes = readonly (readonly [kind: string, bytes: number])[];

/** Used where only the floor is measured: rounded from a run of the throughput part. */
export const TYPICAL_SIZES: MessageSizes = [
  ['move', 300],
  ['move', 300],
  ['action', 530],
  ['result', 490],
  ['heartbeat', 80],
];

const KINDS = ['move', 'move', 'action', 'result', 'heartbeat'] as const;
/** Messages looked at of each kind: their sizes differ by a few digits. */
const SAMPLES = 300;

/** Listens to the exchanges that go on for so long, and takes the mean size of each kind of message. */
export async function measureSizes(nc: NatsConnection, ms: number): Promise<MessageSizes> {
  const sizes = new Map<string, number[]>();
  const listen = (filter: string, kindOf: (text: string) => string): Subscription =>
    nc.subscribe(filter, {
      max: SAMPLES,
      callback: (error, msg) => {
        if (error !== null) return;
        const kind = kindOf(msg.string());
        sizes.set(kind, [...(sizes.get(kind) ?? []), msg.data.length]);
      },
    });
  const listening = [
    listen(logFilter('signal'), (text) => (text.includes('"signal_type":"heartbeat"') ? 'heartbeat' : 'move')),
    listen(logFilter('action'), () => 'action'),
    listen(logFilter('result'), () => 'result'),
  ];
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (const subscription of listening) subscription.unsubscribe();
  return KINDS.map((kind, index) => {
    const seen = sizes.get(kind) ?? [];
    const mean = seen.reduce((sum, bytes) => sum + bytes, 0) / seen.length;
    return [kind, seen.length > 0 ? Math.round(mean) : TYPICAL_SIZES[index]![1]];
  });
}
