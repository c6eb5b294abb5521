/**
 * Reads what a role takes from its environment: every variable of docs/contract.md, "Processes", is read and described here or
 * in nats-environment.ts, once, and nowhere else.
 *
 * 1. A bad value is a ConfigError that names the variable, what it is and what was expected; several come in one line.
 *
 * Left to nats-environment.ts: where the servers are and how to be let in. To modules.ts: loading modules.
 */
import * as z from 'zod';
import { NATS_VARIABLES, type NatsConfig, natsConfigOf, refuseContradictions } from './nats-environment.ts';
import {
  type EnvironmentVariables,
  got,
  helpOf,
  listed,
  oneOf,
  type Reading,
  readVariables,
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

const REPLICAS = [1, 3, 5] as const;
/** Raft groups are of odd size; the server knows no more than five. */
export type Replicas = (typeof REPLICAS)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

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

/** Every variable that `readConfig` reads, in the order of the contract. */
export function variableHelp(): VariableHelp[] {
  return helpOf(Variables);
}

/**
 * Reads the configuration from environment variables. An empty string counts as unset.
 * @throws ConfigError for a bad value, a file that cannot be read, or settings that contradict each other
 */
export function readConfig(env: EnvironmentVariables): Config {
  return readVariables(Environment, env);
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

function modules(text: string): Reading<readonly string[]> {
  const value = listed(text);
  return value.length > 0 ? { value } : got(text, 'comma-separated modules');
}

const Variables = z.object({
  ...NATS_VARIABLES,
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

const Environment = Variables.superRefine(refuseContradictions).transform(
  (variables): Config => ({
    nats: natsConfigOf(variables),
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
