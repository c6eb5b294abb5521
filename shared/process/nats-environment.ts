/**
 * Reads the variables that say where the NATS servers are and how to be let in: those of docs/contract.md, "Processes", that
 * begin with NATS_. The roles, the commands and a game server's client read them alike.
 *
 * 1. No secret stands in an error: values of NATS_PASSWORD, of URLs that hold one, and of variables that name a file are never
 *    repeated. Somebody may have put the seed or the key itself there by mistake.
 * 2. What is named as a file can be read when the process starts; its content stays in the file.
 *
 * Left to shared/jetstream/login.ts: whether a seed or credentials are sound.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import * as z from 'zod';
import { isInbox } from '#contracts/subjects.ts';
import { type EnvironmentVariables, got, listed, type Reading, readVariables, variable } from './variable.ts';

/** Where the servers are and how to be let in. */
export interface NatsConfig {
  /** `host:port` each, port optional, no scheme. */
  readonly servers: readonly string[];
  readonly login: NatsLogin;
  /** Null: plain, unless the server asks for TLS. */
  readonly tls: NatsTls | null;
  /** What the connection's inboxes begin with; null: that of the user that the process is written for. */
  readonly inboxPrefix: string | null;
}

/** How to log in. Files are paths: their content is read at each connect, so that a renewed one is taken up. */
export type NatsLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'nkey'; readonly seedFile: string }
  | { readonly kind: 'creds'; readonly credsFile: string };

/** Paths of PEM files. */
export interface NatsTls {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

const DEFAULT_SERVER = '127.0.0.1:4222';

/**
 * Reads where the servers are and how to be let in. An empty string counts as unset.
 * @throws ConfigError for a bad value, a file that cannot be read, or variables that contradict each other
 */
export function readNatsConfig(env: EnvironmentVariables): NatsConfig {
  return natsConfigOf(readVariables(Environment, env));
}

/** Servers without their scheme, and whether one of them said `tls://`. */
type Servers = { readonly hosts: readonly string[]; readonly tls: boolean };

function servers(text: string): Reading<Servers> {
  // The client drops a URL's user without a word, and would log its password in an error. All of the text is looked at before
  // it is taken apart: a password may have a comma in it.
  if (text.includes('@')) return { wrong: 'a user does not belong in it, expected NATS_USER and NATS_PASSWORD' };
  const hosts: string[] = [];
  let tls = false;
  for (const item of listed(text)) {
    const [, scheme, host] = /^(?:([a-z]+):\/\/)?([^/]+)\/?$/i.exec(item) ?? [];
    if (host !== undefined && isIPv6(host)) return got(item, BRACKETS_EXPECTED);
    if (host === undefined || !isHostAndPort(host)) return got(item, 'nats://host:port, comma-separated');
    if (scheme !== undefined && !/^(nats|tls)$/i.test(scheme)) return got(item, 'nats:// or tls://');
    tls ||= scheme?.toLowerCase() === 'tls';
    hosts.push(host);
  }
  return hosts.length > 0 ? { value: { hosts, tls } } : got(text, 'nats://host:port, comma-separated');
}

const BRACKETS_EXPECTED = 'an IPv6 address in brackets, as in nats://[::1]:4222';

function isHostAndPort(text: string): boolean {
  // As the client reads it, which would throw later and elsewhere.
  const url = URL.parse(`http://${text}`);
  return url !== null && url.hostname !== '' && url.port !== '0' && url.search === '' && url.hash === '';
}

const FILE_EXPECTED = 'expected the path of a file';

/** The path of a file that can be read. What is wrong with it is said without it, and without the system's own text, which has it. */
function readableFile(text: string): Reading<string | undefined> {
  try {
    accessSync(text, constants.R_OK);
    if (statSync(text).isFile()) return { value: text };
    return { wrong: `what it names is no file, ${FILE_EXPECTED}` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    return { wrong: `${why}, ${FILE_EXPECTED}` };
  }
}

function inboxes(text: string): Reading<string | null> {
  return isInbox(`${text}.x`) && !text.includes('.') ? { value: text } : got(text, '_INBOX, or _INBOX_ and a name');
}

const anyText = (text: string): Reading<string | undefined> => ({ value: text });
const file = (about: string) => variable(readableFile, undefined, 'unset', about);
const text = (about: string) => variable(anyText, undefined, 'unset', about);

/** The schema of each variable. */
export const NATS_VARIABLES = {
  NATS_URL: variable(
    servers,
    { hosts: [DEFAULT_SERVER], tls: false },
    `nats://${DEFAULT_SERVER}`,
    'servers, comma-separated: nats://host:port, or tls://host:port; IPv6 as in nats://[::1]:4222',
  ),
  NATS_USER: text('the name of a login by name and password'),
  NATS_PASSWORD: text('the password to NATS_USER'),
  NATS_NKEY_SEED_FILE: file("a file with a user's nkey seed, to log in by"),
  NATS_CREDS_FILE: file("a file with a user's credentials, to log in by"),
  NATS_TLS_CA: file('a PEM file with the authority of the server certificates; makes the connection TLS'),
  NATS_TLS_CERT: file('a PEM file with a certificate of our own, for a server that asks for one'),
  NATS_TLS_KEY: file('a PEM file with the key to NATS_TLS_CERT'),
  NATS_INBOX_PREFIX: variable<string | null>(
    inboxes,
    null,
    '_INBOX_ and the user',
    'what the names of inboxes begin with; nobody else should be able to listen there',
  ),
};
const Variables = z.object(NATS_VARIABLES);
type NatsVariables = z.output<typeof Variables>;

const Environment = Variables.superRefine(refuseContradictions);

/** Adds an issue for each variable that contradicts another. */
export function refuseContradictions(variables: NatsVariables, context: z.RefinementCtx): void {
  for (const [name, message] of contradictions(variables)) {
    context.addIssue({ code: 'custom', path: [name], message });
  }
}

/** What the variables say, taken together. */
export function natsConfigOf(variables: NatsVariables): NatsConfig {
  return {
    servers: variables.NATS_URL.hosts,
    login: loginOf(variables),
    tls: tlsOf(variables),
    inboxPrefix: variables.NATS_INBOX_PREFIX,
  };
}

function* contradictions(variables: NatsVariables): Iterable<[name: keyof NatsVariables, message: string]> {
  const { NATS_USER, NATS_PASSWORD, NATS_NKEY_SEED_FILE, NATS_CREDS_FILE, NATS_TLS_CERT, NATS_TLS_KEY } = variables;
  if (NATS_USER !== undefined && NATS_PASSWORD === undefined)
    yield ['NATS_PASSWORD', 'not set, expected with NATS_USER'];
  if (NATS_USER === undefined && NATS_PASSWORD !== undefined)
    yield ['NATS_USER', 'not set, expected with NATS_PASSWORD'];
  if (NATS_TLS_CERT !== undefined && NATS_TLS_KEY === undefined) {
    yield ['NATS_TLS_KEY', 'not set, expected with NATS_TLS_CERT'];
  }
  if (NATS_TLS_CERT === undefined && NATS_TLS_KEY !== undefined) {
    yield ['NATS_TLS_CERT', 'not set, expected with NATS_TLS_KEY'];
  }
  const logins = Object.entries({ NATS_USER, NATS_NKEY_SEED_FILE, NATS_CREDS_FILE })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name as keyof NatsVariables);
  if (logins.length > 1) yield [logins[1]!, `set together with ${logins[0]}, expected one way to log in`];
}

function loginOf(variables: NatsVariables): NatsLogin {
  const { NATS_USER, NATS_PASSWORD, NATS_NKEY_SEED_FILE, NATS_CREDS_FILE } = variables;
  if (NATS_USER !== undefined) return { kind: 'password', user: NATS_USER, password: NATS_PASSWORD! };
  if (NATS_NKEY_SEED_FILE !== undefined) return { kind: 'nkey', seedFile: NATS_NKEY_SEED_FILE };
  if (NATS_CREDS_FILE !== undefined) return { kind: 'creds', credsFile: NATS_CREDS_FILE };
  return { kind: 'none' };
}

function tlsOf(variables: NatsVariables): NatsTls | null {
  const { NATS_TLS_CA: caFile, NATS_TLS_CERT: certFile, NATS_TLS_KEY: keyFile } = variables;
  if (!variables.NATS_URL.tls && caFile === undefined && certFile === undefined) return null;
  return {
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  };
}
