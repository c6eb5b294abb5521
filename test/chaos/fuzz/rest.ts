// Owns: how it is told that the roles have come to rest after whatever was sent: nothing waits in their consumers, nobody
// has ended, and nobody holds more memory than is good for them.

import { readFileSync } from 'node:fs';
import type { NatsConnection } from '@nats-io/transport-node';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { until } from '../../integration/jetstream/rig.ts';
import type { RoleName } from '../../interop/roles.ts';
import type { Stage } from '../../interop/stage.ts';

const NAMES = Object.keys(CONSUMERS) as readonly ConsumerName[];
const ANSWER_MS = 10_000;
const KIB_PER_MIB = 1024;

interface ConsumerInfo {
  readonly num_pending: number;
  readonly num_ack_pending: number;
}

/** Waits until no durable consumer has anything left, delivered or not. */
export async function atRest(nc: NatsConnection, limitMs: number): Promise<void> {
  let left = '';
  const look = async (): Promise<boolean> => {
    const waiting = await Promise.all(
      NAMES.map(async (name) => {
        const subject = `$JS.API.CONSUMER.INFO.${CONSUMERS[name].stream}.${name}`;
        const { num_pending, num_ack_pending } = (
          await nc.request(subject, '', { timeout: ANSWER_MS })
        ).json<ConsumerInfo>();
        return [name, num_pending, num_ack_pending] as const;
      }),
    );
    left = waiting.map(([name, pending, unacked]) => `${name} ${pending}+${unacked}`).join(', ');
    return waiting.every(([, pending, unacked]) => pending + unacked === 0);
  };
  await until('rest', look, limitMs).catch((error: Error) => {
    throw new Error(`${error.message}; left, waiting and unacknowledged: ${left}`);
  });
}

/** The living processes, by role and process id: a role that ended and came again is another. */
export function crewOf(stage: Stage): string[] {
  return (['collector', 'executor', 'ai'] as const).flatMap((name) =>
    stage.roles(name).map(({ pid }) => `${name} ${pid}`),
  );
}

/** The most resident memory that any process of a role has had so far, in MiB, as Linux counts it; 0 elsewhere. */
export function peakMib(stage: Stage, name: RoleName): number {
  const peaks = stage.roles(name).map(({ pid }) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / KIB_PER_MIB;
    } catch {
      return 0;
    }
  });
  return Math.round(Math.max(0, ...peaks));
}
