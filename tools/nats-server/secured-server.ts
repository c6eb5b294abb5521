// Owns: a private nats-server on which every user has its own rights and no others: with the configuration that
// `riposte nats-config` writes, provisioned by its operator. Seeds and certificates are in the server's own temporary
// directory and go with it.

import { pino } from 'pino';
import { authorityFileOf, securedPart, seedFileOf } from '#cli/nats-config/directory.ts';
import { RESULT_CONSUMERS, type User } from '#contracts/rights.ts';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { connect } from '#jetstream/connection.ts';
import { provision } from '#jetstream/provision.ts';
import { readConfig } from '#process/config.ts';
import { type PrivateServer, type PrivateServerOptions, startPrivateServer } from './private-server.ts';

/** A private server under rights. */
export interface SecuredServer {
  readonly server: PrivateServer;
  /** The variables with which a user connects; `system` is the user of the account `$SYS`. */
  environmentOf(user: User | 'system'): Record<string, string>;
}

/** A machine that is busy takes longer to log in than the two seconds that a server waits by default. */
const PATIENT = 'authorization { timeout: 30 }';

/** How it is named in its certificate; the machine's own names are in every one. */
const NAME = 'private';

/**
 * Starts a private server under rights, and provisions it by its operator's hand.
 * @param options as of any private server; `more` is more top-level configuration
 * @param settings variables of docs/contract.md that say what the streams are to be like
 * @throws PrivateServerError, StartError
 */
export async function startSecuredServer(
  { more = '', ...options }: Omit<PrivateServerOptions, 'config'> & { readonly more?: string } = {},
  settings: NodeJS.ProcessEnv = {},
): Promise<SecuredServer> {
  let directory = '';
  const server = await startPrivateServer({
    ...options,
    config: async (given) => {
      directory = given;
      const names = { name: NAME, host: NAME, alsoCalled: [] };
      return `${PATIENT}\n${more}\n${await securedPart(directory, names, RESULT_CONSUMERS)}`;
    },
  });
  const secured: SecuredServer = {
    server,
    environmentOf: (user) => ({
      NATS_URL: server.url,
      NATS_NKEY_SEED_FILE: seedFileOf(directory, user),
      NATS_TLS_CA: authorityFileOf(directory),
    }),
  };
  try {
    await provisionByOperator({ ...settings, ...secured.environmentOf('operator') });
    return secured;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function provisionByOperator(environment: NodeJS.ProcessEnv): Promise<void> {
  const config = readConfig(environment);
  const logger = pino({ level: 'silent' });
  const connection = await connect(config, {
    name: 'riposte-provision',
    user: 'operator',
    logger,
    onClosed: () => {}, // whatever is asked then fails
  });
  try {
    const everyConsumer = Object.keys(CONSUMERS) as ConsumerName[];
    await provision(connection.nc, everyConsumer, { ...config, checkOnly: false }, logger);
  } finally {
    await connection.close();
  }
}
