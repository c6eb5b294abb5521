// Owns: noticing that a command's private server has died. The roles would knock for ever, and nobody would know why.

import type { PrivateServer } from '../nats-server/private-server.ts';

const LOOK_MS = 500;

/**
 * Calls `then` once if the server is gone; keeps no process alive.
 * @returns ends the watch: the server is about to be stopped on purpose
 */
export function watchServer(server: PrivateServer, then: (reason: string) => void): () => void {
  const timer = setInterval(() => {
    if (server.pid !== undefined) return;
    clearInterval(timer);
    then('the private nats-server has died');
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
