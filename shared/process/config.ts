/**
 * Owns the environment: every variable of docs/contract.md, "Processes", is read and described here, once, and nowhere else.
 *
 * 1. A bad value is a ConfigError that names the variable, what it is and what was expected; several come in one line.
 * 2. No secret stands in an error: values of NATS_PASSWORD, of URLs that hold one, and of variables that name a file are never
 *    repeated. Whoever mistakes what belongs into those has put the seed or the key itself there.
 * 3. What is named as a file can be read when the process starts; its content stays in the file.
 *
 * Left to variable.ts: how a text is read. To shared/jetstream/login.ts: whether a seed or credentials are sound. To modules.ts:
 * loading modules.
 */
import * as z from 'zod';
import { ConfigError } from './start-error.ts';
import {
  anyText,
  clock,
  inboxes,
  modules,
  oneOf,
  type Replicas,
  readableFile,
  replicas,
  servers,
  type VariableHelp,
  variable,
  wholeNumber,
} from './variable.ts';

/** What a process takes from its environment. */
export interface Config {
  readonly nats: NatsConfig;
  /** Of streams and buckets. */
  readonly replicas: Replicas;
  /** Null: no HTTP. 0: any free port, said in the ready line. */
  readonly httpPort: number | null;
  readonly logLevel: LogLevel;
  /** Whole seconds in milliseconds: the server counts a key's TTL in seconds. */
  readonly lockTtlMs: number;
  readonly ackWaitMs: number;
  readonly logMaxAgeMs: number;
  /** Of COMBAT; -1 is unlimited, as the server writes it. */
  readonly logMaxBytes: number;
  readonly rulesModules: readonly string[];
  readonly policyModules: readonly string[];
  /** False: missing streams, buckets and consumers are an error, not created. */
  readonly provision: boolean;
}

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

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const DEFAULT_SERVER = '127.0.0.1:4222';
const MS_PER_H = 3_600_000;
/** Ten years: further off, the server's nanoseconds come near the end of their integer. */
const LOG_MAX_AGE_MAX_H = 87_600;
/** The log must hold a few of the largest messages, or it is not a log. */
const LOG_BYTES_MIN = 1024 * 1024;

/** Every variable that `readConfig` reads, in the order of the contract. */
export function variableHelp(): VariableHelp[] {
  return Object.entries(Variables.shape).map(([name, schema]) => {
    const { unset, about } = schema.meta() as Omit<VariableHelp, 'name'>;
    return { name, unset, about };
  });
}

/**
 * Reads the configuration from environment variables. An empty string counts as unset.
 * @throws ConfigError for a bad value, a file that cannot be read, or settings that contradict each other
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const read = Environment.safeParse(set);
  if (read.success) return read.data;
  throw new ConfigError(read.error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`).join('; '));
}

const file = (about: string) => variable(readableFile, undefined, 'unset', about);
const text = (about: string) => variable(anyText, undefined, 'unset', about);

const Variables = z.object({
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
  REPLICAS: variable(replicas, 1, '1', 'copies of each stream and bucket: 1, or on a cluster 3 or 5'),
  HTTP_PORT: variable<number | null>(
    wholeNumber('a port from 0 to 65535', 0, 65_535),
    null,
    'unset',
    'a port for /healthz, /readyz and /metrics; 0 is any free one',
  ),
  LOG_LEVEL: variable(oneOf(LOG_LEVELS), 'info', 'info', `the least that is logged: ${LOG_LEVELS.join(', ')}`),
  LOCK_TTL_MS: variable(
    clock,
    15_000,
    '15000',
    'milliseconds after which a dead executor loses its lock; whole seconds',
  ),
  ACK_WAIT_MS: variable(
    clock,
    10_000,
    '10000',
    'milliseconds after which an unacknowledged message is delivered again; whole seconds',
  ),
  LOG_MAX_AGE_H: variable(
    wholeNumber(`whole hours from 1 to ${LOG_MAX_AGE_MAX_H}`, 1, LOG_MAX_AGE_MAX_H, MS_PER_H),
    168 * MS_PER_H,
    '168',
    'hours that the stream COMBAT keeps a message',
  ),
  LOG_MAX_BYTES: variable(
    wholeNumber(`whole bytes, ${LOG_BYTES_MIN} at least`, LOG_BYTES_MIN, Number.MAX_SAFE_INTEGER),
    -1,
    'unlimited',
    'bytes that the stream COMBAT may take; then the oldest messages go',
  ),
  RULES_MODULES: variable<readonly string[]>(
    modules,
    [],
    'unset',
    'comma-separated modules that add rule sets, for collector and executor',
  ),
  POLICY_MODULES: variable<readonly string[]>(
    modules,
    [],
    'unset',
    'comma-separated modules that add policies, for the AI worker',
  ),
  PROVISION: variable<'on' | 'off'>(
    oneOf(['on', 'off']),
    'on',
    'on',
    'off: missing streams, buckets and consumers are an error, and not created',
  ),
});
type Variables = z.output<typeof Variables>;

const Environment = Variables.superRefine((variables, context) => {
  for (const [name, message] of contradictions(variables)) {
    context.addIssue({ code: 'custom', path: [name], message });
  }
}).transform(
  (variables): Config => ({
    nats: {
      servers: variables.NATS_URL.hosts,
      login: loginOf(variables),
      tls: tlsOf(variables),
      inboxPrefix: variables.NATS_INBOX_PREFIX,
    },
    replicas: variables.REPLICAS,
    httpPort: variables.HTTP_PORT,
    logLevel: variables.LOG_LEVEL,
    lockTtlMs: variables.LOCK_TTL_MS,
    ackWaitMs: variables.ACK_WAIT_MS,
    logMaxAgeMs: variables.LOG_MAX_AGE_H,
    logMaxBytes: variables.LOG_MAX_BYTES,
    rulesModules: variables.RULES_MODULES,
    policyModules: variables.POLICY_MODULES,
    provision: variables.PROVISION === 'on',
  }),
);

function* contradictions(variables: Variables): Iterable<[name: keyof Variables, message: string]> {
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
    .map(([name]) => name as keyof Variables);
  if (logins.length > 1) yield [logins[1]!, `set together with ${logins[0]}, expected one way to log in`];
}

function loginOf(variables: Variables): NatsLogin {
  const { NATS_USER, NATS_PASSWORD, NATS_NKEY_SEED_FILE, NATS_CREDS_FILE } = variables;
  if (NATS_USER !== undefined) return { kind: 'password', user: NATS_USER, password: NATS_PASSWORD ?? '' };
  if (NATS_NKEY_SEED_FILE !== undefined) return { kind: 'nkey', seedFile: NATS_NKEY_SEED_FILE };
  if (NATS_CREDS_FILE !== undefined) return { kind: 'creds', credsFile: NATS_CREDS_FILE };
  return { kind: 'none' };
}

function tlsOf(variables: Variables): NatsTls | null {
  const { NATS_TLS_CA: caFile, NATS_TLS_CERT: certFile, NATS_TLS_KEY: keyFile } = variables;
  if (!variables.NATS_URL.tls && caFile === undefined && certFile === undefined) return null;
  return {
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  };
}
