/** Reads how a game server connects from its environment: the same variables that the roles read (docs/contract.md). */
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { loginOptions } from '#jetstream/login.ts';
import { readNatsConfig } from '#process/nats-environment.ts';
import { ConfigError } from '#process/start-error.ts';
import { ErrorCode, RiposteError } from './errors.ts';

/**
 * The servers of NATS_URL, how to be let in, and the private inboxes of a game server, for `RiposteClient.connect`.
 * @param env `process.env`
 * @throws RiposteError `invalid_input` that names the variable with a bad value
 */
export function connectionFrom(env: Readonly<Record<string, string | undefined>>): NodeConnectionOptions {
  try {
    return loginOptions(readNatsConfig(env), 'game_server');
  } catch (error) {
    if (error instanceof ConfigError) throw new RiposteError(ErrorCode.INVALID_INPUT, error.message, { cause: error });
    throw error;
  }
}
