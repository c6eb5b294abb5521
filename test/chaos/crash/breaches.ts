// Owns: the judgement on a session's history after a crash, by two judges that know nothing of each other: `riposte audit`,
// which reads the streams, and the outsider's own second fold of what it has seen.

import type { NatsConnection } from '@nats-io/transport-node';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { violationsOf } from '../../interop/history.ts';
import type { Session } from '../../interop/outsider.ts';

/** What is wrong with a session that has come to rest, one line each. */
export async function breachesOf(nc: NatsConnection, session: Session): Promise<string[]> {
  const { breaches } = await audit(nc, { sessionId: session.id, atRest: true });
  return [...breaches.map(breachLine), ...violationsOf(session.entries)];
}
