// Owns: which server a command runs against: the user's own where NATS_URL names one, else a private one.

import { type PrivateServer, type PrivateServerOptions, startPrivateServer } from './private-server.ts';

/** The server of one command. */
export interface CommandServer {
  /** What to set NATS_URL to for the processes the command starts. */
  readonly url: string;
  /** The private server; undefined where the user's own is used. */
  readonly own: PrivateServer | undefined;
  /** Stops the private server; leaves the user's own alone. */
  stop(): Promise<void>;
}

/**
 * Gives a command its server. With NATS_URL set nothing is looked for, fetched or started.
 * @param options of the private server, where one is started
 * @param env where NATS_URL is looked up
 * @throws NatsServerUnavailable, PrivateServerError
 */
export async function serverForCommand(
  options: PrivateServerOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandServer> {
  if (env.NATS_URL) return { url: env.NATS_URL, own: undefined, stop: async () => {} };
  const own = await startPrivateServer(options);
  return { url: own.url, own, stop: () => own.stop() };
}
