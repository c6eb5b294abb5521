/**
 * Owns the environment: every variable of docs/contract.md, "Processes", is read here, once, and nowhere else.
 *
 * 1. A bad value is a ConfigError that names the variable, what it is and what was expected; several come in one line.
 * 2. No secret stands in an error: values of NATS_PASSWORD, of URLs that hold one, and of variables that name a file are never
 *    repeated. Whoever mistakes what belongs into those has put the seed or the key itself there.
 * 3. What is named as a file can be read when the process starts; its content stays in the file.
 *
 * Left to shared/jetstream/login.ts: whether a seed or credentials are sound. To modules.ts: loading modules.
 */
import { accessSync, constants, statSync } from 'node:fs';
import * as z from 'zod';
import { isInbox } from '#contracts/subjects.ts';
import { ConfigError } from './start-error.ts';

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

const REPLICAS = [1, 3, 5] as const;
/** Raft groups are of odd size; the server knows no more than five. */
export type Replicas = (typeof REPLICAS)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const DEFAULT_SERVER = '127.0.0.1:4222';
const MS_PER_S = 1000;
const MS_PER_H = 3_600_000;
/** Below two seconds a busy machine is taken for a dead one. */
const CLOCK_MIN_MS = 2 * MS_PER_S;
/** Above an hour a crash is not recovered from in any sense a player would know. */
const CLOCK_MAX_MS = MS_PER_H;
/** Ten years: further off, the server's nanoseconds come near the end of their integer. */
const LOG_MAX_AGE_MAX_H = 87_600;
/** The log must hold a few of the largest messages, or it is not a log. */
const LOG_BYTES_MIN = 1024 * 1024;
/** A bad value is repeated this far. */
const SHOWN_MAX_CHARS = 80;

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

/** What a variable's text says, or what is wrong with it. */
type Reading<Value> = { readonly value: Value } | { readonly wrong: string };

/** A variable: its text is read by `read`; unset it has the value `unset`. */
function variable<Value>(read: (text: string) => Reading<Value>, unset: Value) {
  return z
    .string()
    .optional()
    .transform((text, context): Value => {
      if (text === undefined) return unset;
      const reading = read(text);
      if ('value' in reading) return reading.value;
      context.issues.push({ code: 'custom', message: reading.wrong, input: text });
      return z.NEVER;
    });
}

const got = (text: string, expected: string) => ({ wrong: `got ${shown(text)}, expected ${expected}` });

function shown(text: string): string {
  return JSON.stringify(text.length <= SHOWN_MAX_CHARS ? text : `${text.slice(0, SHOWN_MAX_CHARS)}...`);
}

function wholeNumber(expected: string, min: number, max: number, scale = 1) {
  return (text: string): Reading<number> => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value: value * scale } : got(text, expected);
  };
}

function oneOf<const Name extends string>(names: readonly Name[]) {
  return (text: string): Reading<Name> => {
    const value = names.find((name) => name === text);
    return value === undefined ? got(text, `one of ${names.join(', ')}`) : { value };
  };
}

function replicas(text: string): Reading<Replicas> {
  const value = REPLICAS.find((count) => String(count) === text);
  return value === undefined ? got(text, 'one of 1, 3, 5') : { value };
}

function clock(text: string): Reading<number> {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value >= CLOCK_MIN_MS && value <= CLOCK_MAX_MS && value % MS_PER_S === 0
    ? { value }
    : got(text, `milliseconds in whole seconds, from ${CLOCK_MIN_MS} to ${CLOCK_MAX_MS}`);
}

const listed = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function modules(text: string): Reading<readonly string[]> {
  const value = listed(text);
  return value.length > 0 ? { value } : got(text, 'comma-separated modules');
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
    if (host === undefined || !isHostAndPort(host)) return got(item, 'nats://host:port, comma-separated');
    if (scheme !== undefined && !/^(nats|tls)$/i.test(scheme)) return got(item, 'nats:// or tls://');
    tls ||= scheme?.toLowerCase() === 'tls';
    hosts.push(host);
  }
  return hosts.length > 0 ? { value: { hosts, tls } } : got(text, 'nats://host:port, comma-separated');
}

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
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'for no known reason'})`;
    return { wrong: `${why}, ${FILE_EXPECTED}` };
  }
}

function inboxes(text: string): Reading<string | null> {
  return isInbox(`${text}.x`) && !text.includes('.') ? { value: text } : got(text, '_INBOX, or _INBOX_ and a name');
}

const anyText = (text: string): Reading<string | undefined> => ({ value: text });
const optionalFile = variable(readableFile, undefined);
const optionalText = variable(anyText, undefined);

const Variables = z.object({
  NATS_URL: variable(servers, { hosts: [DEFAULT_SERVER], tls: false }),
  NATS_USER: optionalText,
  NATS_PASSWORD: optionalText,
  NATS_NKEY_SEED_FILE: optionalFile,
  NATS_CREDS_FILE: optionalFile,
  NATS_TLS_CA: optionalFile,
  NATS_TLS_CERT: optionalFile,
  NATS_TLS_KEY: optionalFile,
  NATS_INBOX_PREFIX: variable<string | null>(inboxes, null),
  REPLICAS: variable(replicas, 1),
  HTTP_PORT: variable<number | null>(wholeNumber('a port from 0 to 65535', 0, 65_535), null),
  LOG_LEVEL: variable(oneOf(LOG_LEVELS), 'info'),
  LOCK_TTL_MS: variable(clock, 15 * MS_PER_S),
  ACK_WAIT_MS: variable(clock, 10 * MS_PER_S),
  LOG_MAX_AGE_H: variable(
    wholeNumber(`whole hours from 1 to ${LOG_MAX_AGE_MAX_H}`, 1, LOG_MAX_AGE_MAX_H, MS_PER_H),
    168 * MS_PER_H,
  ),
  LOG_MAX_BYTES: variable(
    wholeNumber(`whole bytes, ${LOG_BYTES_MIN} at least`, LOG_BYTES_MIN, Number.MAX_SAFE_INTEGER),
    -1,
  ),
  RULES_MODULES: variable<readonly string[]>(modules, []),
  POLICY_MODULES: variable<readonly string[]>(modules, []),
  PROVISION: variable<'on' | 'off'>(oneOf(['on', 'off']), 'on'),
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
