/**
 * Owns how a game server connects by its environment: the variables of docs/contract.md, as the roles read them.
 */
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { loginOptions } from '#jetstream/connection.ts';
import { readConfig } from '#process/config.ts';

/**
 * Where NATS_URL is, how to be let in, and the private inboxes of a game server, for `RiposteClient.connect`.
 * @throws ConfigError where a variable is bad
 */
export function connectionFrom(env: NodeJS.ProcessEnv): NodeConnectionOptions {
  return loginOptions(readConfig(env).nats, 'game_server');
}
