/**
 * Owns where this process hears answers: inboxes under the prefix its connection was given, so that a broker can keep
 * one role from listening to another's.
 */
import { createInbox, type NatsConnection } from '@nats-io/transport-node';

/** A new inbox of a connection: a subject nobody else has, under the connection's own `inboxPrefix`. */
export function inboxOf(nc: NatsConnection): string {
  const { options } = nc as NatsConnection & { readonly options?: { readonly inboxPrefix?: string } }; // not in its interface
  return createInbox(options?.inboxPrefix);
}
