/**
 * Owns what a process shows to be let in: its seed, credentials, password and certificates, read from where the environment
 * says they are.
 *
 * 1. What is unsound is a ConfigError that names the variable, and never what the file holds.
 * 2. A login that is refused, or may not do what is asked of it, is named by its variable.
 * 3. A file is read at each connect, so that a renewed one is taken up; one that is gone in the meantime ends nothing.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import {
  type Authenticator,
  credsAuthenticator,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  PermissionViolationError,
  RequestError,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { oneLine } from '#contracts/decode.ts';
import { inboxPrefix, type User } from '#contracts/rights.ts';
import type { NatsConfig, NatsLogin, NatsTls } from '#process/nats-environment.ts';
import { ConfigError } from '#process/start-error.ts';

/**
 * Where a user connects, and how it is let in, as the client's own options.
 * @throws ConfigError for a seed, credentials or certificates that are unsound
 */
export function loginOptions(nats: NatsConfig, user: User): NodeConnectionOptions {
  const authenticator = authenticatorOf(nats.login);
  if (nats.tls !== null) requireCertificates(nats.tls);
  return {
    servers: [...nats.servers],
    inboxPrefix: nats.inboxPrefix ?? inboxPrefix(user),
    ...(authenticator !== null && { authenticator }),
    ...(nats.tls !== null && { tls: nats.tls }),
  };
}

/** How a login is called in a line for whoever has set it. */
export function nameOf(login: NatsLogin): string {
  switch (login.kind) {
    case 'none':
      return 'a connection without a login';
    case 'password':
      return 'the login by NATS_USER';
    case 'nkey':
      return 'the login by NATS_NKEY_SEED_FILE';
    case 'creds':
      return 'the login by NATS_CREDS_FILE';
    default:
      return login satisfies never;
  }
}

/** The right for lack of which a request has failed; null where it failed of something else. */
export function lackedRight(error: unknown): PermissionViolationError | null {
  const cause = error instanceof RequestError ? error.cause : error;
  return cause instanceof PermissionViolationError ? cause : null;
}

/**
 * The login as the client wants it, tried once: in the middle of a connect an unsound one fails in strange ways.
 * @throws ConfigError for a seed or credentials that are unsound
 */
function authenticatorOf(login: NatsLogin): Authenticator | null {
  switch (login.kind) {
    case 'none':
      return null;
    case 'password':
      return usernamePasswordAuthenticator(login.user, login.password);
    case 'nkey':
      return tried('NATS_NKEY_SEED_FILE', "a user's nkey seed", nkeyAuthenticator(contentOf(login.seedFile, seedIn)));
    case 'creds':
      return tried('NATS_CREDS_FILE', 'credentials', credsAuthenticator(contentOf(login.credsFile, plainLines)));
    default:
      return login satisfies never;
  }
}

function tried(variable: string, expected: string, authenticator: Authenticator): Authenticator {
  try {
    authenticator('a nonce to sign');
  } catch {
    // The error's own text may hold a piece of the secret.
    throw new ConfigError(`${variable}: the file does not hold ${expected}`);
  }
  return authenticator;
}

/** A file's content at each call, so that renewed credentials are taken up; the last good one while it cannot be read. */
function contentOf(file: string, read: (text: string) => string): () => Uint8Array {
  let last: Uint8Array | undefined;
  return () => {
    try {
      last = new TextEncoder().encode(read(readFileSync(file, 'utf8')));
    } catch (error) {
      if (last === undefined) throw error;
    }
    return last;
  };
}

/** The seed in a text that may say more around it, as the files of `nk` and `nsc` do. */
function seedIn(text: string): string {
  const [seed] = /\bSU[A-Z2-7]{56}\b/.exec(text) ?? [];
  if (seed === undefined) throw new Error('no seed');
  return seed;
}

/** As the client's pattern wants credentials: no carriage returns, and an end to the last line. */
const plainLines = (text: string): string => `${text.replaceAll('\r', '')}\n`;

/**
 * The client reads the files at each connect; that they are PEM is found out here, where a variable can be named.
 * @throws ConfigError for certificates or a key that are unsound
 */
function requireCertificates({ caFile, certFile, keyFile }: NatsTls): void {
  const pem = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
  const check = (variables: string, context: SecureContextOptions): void => {
    try {
      createSecureContext(context);
    } catch (error) {
      throw new ConfigError(`${variables}: not usable, expected PEM (${oneLine((error as Error).message)})`);
    }
  };
  check('NATS_TLS_CA', { ca: pem(caFile) });
  check('NATS_TLS_CERT, NATS_TLS_KEY', { cert: pem(certFile), key: pem(keyFile) });
}
