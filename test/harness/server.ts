// Owns: the nats-server of a test file. Every test file that needs a server starts its own, so that no test sees
// another's streams, and may kill or restart it as it likes.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type PrivateServer,
  type PrivateServerOptions,
  startPrivateServer,
} from '#tools/nats-server/private-server.ts';

/** Configuration of a server whose monitoring pages are wanted: it chooses the port (see monitorOf). */
export const MONITORED = 'http: "127.0.0.1:-1"';

const LOOK_EVERY_MS = 10;

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

/** Where the monitoring pages of a server with MONITORED are. Its log is written by another process, a moment after. */
export async function monitorOf({ logFile }: TestServer): Promise<string> {
  for (;;) {
    const [, address] = /Starting http monitor on (\S+)/.exec(readFileSync(logFile, 'utf8')) ?? [];
    if (address !== undefined) return `http://${address}`;
    await pause(LOOK_EVERY_MS);
  }
}
