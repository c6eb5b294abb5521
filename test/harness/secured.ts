// Owns: connections to a server under rights, each as one of its users, as a plain client makes them.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { User } from '#contracts/rights.ts';
import { loginOptions } from '#jetstream/login.ts';
import { readConfig } from '#process/config.ts';
import type { SecuredServer } from '#tools/nats-server/secured-server.ts';

export { type SecuredServer, startSecuredServer } from '#tools/nats-server/secured-server.ts';

/** Connects as a user, with its private inboxes. */
export function connectAs(secured: SecuredServer, user: User): Promise<NatsConnection> {
  return connect({ ...loginOptions(readConfig(secured.environmentOf(user)).nats, user), name: user });
}
