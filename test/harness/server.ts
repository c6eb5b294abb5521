// Owns: the nats-server of a test file. Every test file that needs a server starts its own, so that no test sees
// another's streams, and may kill or restart it as it likes.

import {
  type PrivateServer,
  type PrivateServerOptions,
  startPrivateServer,
} from '#tools/nats-server/private-server.ts';

/** A test's own nats-server: see PrivateServer for `kill`, `restart` and `stop`. */
export type TestServer = PrivateServer;

/**
 * Starts a private nats-server with JetStream for one test file, in `beforeAll`; stop it in `afterAll`. A server that is
 * left over goes when the test process does.
 * @param options configuration, store and binary; see PrivateServerOptions
 * @returns its url, port, pid and the means to stop, kill and restart it
 */
export function startTestServer(options: PrivateServerOptions = {}): Promise<TestServer> {
  return startPrivateServer(options);
}
