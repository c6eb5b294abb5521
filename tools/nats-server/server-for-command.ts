// Owns: which server a command runs against: the user's own where NATS_URL names one, else a private one under rights.

import type { User } from '#contracts/rights.ts';
import { roleEnvironment } from '../roles/environment.ts';
import type { PrivateServer, PrivateServerOptions } from './private-server.ts';
import { startSecuredServer } from './secured-server.ts';

/** The server of one command. */
export interface CommandServer {
  readonly url: string;
  /** The private server; undefined where the user's own is used. */
  readonly own: PrivateServer | undefined;
  /** What connects a user's process, and nothing else. */
  connectionOf(user: User): Readonly<Record<string, string>>;
  /** The whole environment of a user's process. */
  environmentOf(user: User): NodeJS.ProcessEnv;
  /** Stops the private server; leaves the user's own alone. */
  stop(): Promise<void>;
}

/**
 * Gives a command its server. With NATS_URL set nothing is looked for, fetched or started.
 * @param options of the private server, where one is started
 * @param env where NATS_URL is looked up
 * @throws NatsServerUnavailable, PrivateServerError, StartError
 */
export async function serverForCommand(
  options: Omit<PrivateServerOptions, 'config'> = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandServer> {
  if (env.NATS_URL) {
    const url = env.NATS_URL;
    return {
      url,
      own: undefined,
      connectionOf: () => ({ NATS_URL: url }),
      environmentOf: () => roleEnvironment(undefined, env),
      stop: async () => {},
    };
  }
  const { server: own, environmentOf: connectionOf } = await startSecuredServer(options, roleEnvironment({}, env));
  return {
    url: own.url,
    own,
    connectionOf,
    environmentOf: (user) => ({ ...roleEnvironment(connectionOf(user), env), PROVISION: 'off' }),
    stop: () => own.stop(),
  };
}
