/**
 * Owns saying where a session stands whose result does not come: the last message of each kind in its log.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { COMBAT } from '#contracts/streams.ts';
import { type LogKind, logSubject } from '#contracts/subjects.ts';

const KINDS: readonly LogKind[] = ['session', 'signal', 'action', 'result'];

/** The last messages of a session's log, one line each, by sequence. */
export async function logTail(nc: NatsConnection, sessionId: string): Promise<string> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const found: { readonly seq: number; readonly line: string }[] = [];
  for (const kind of KINDS) {
    const message = await manager.streams.getMessage(COMBAT, { last_by_subj: logSubject(kind, sessionId) });
    if (message !== null) found.push({ seq: message.seq, line: `${message.seq} ${kind} ${message.string()}` });
  }
  return found
    .sort((left, right) => left.seq - right.seq)
    .map(({ line }) => line)
    .join('\n');
}
